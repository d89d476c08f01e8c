"""Compiled programs of a process that does many things, one after the other."""

import gc

import jax

__all__ = ["forget"]


def forget() -> None:
    """Frees compiled programs: some thousands exhaust a process's memory maps.

    A study, a sweep or a tuning calls this after each of its parts, whose programs no
    other part needs.
    """
    jax.clear_caches()
    gc.collect()
