"""The decorator of binaries that work on many small matrices."""

from threadpoolctl import threadpool_limits

__all__ = ["one_thread"]

one_thread = threadpool_limits.wrap(limits=1, user_api="blas")
"""Threads cost more than they bring on matrices this small, most of all if shared."""
