"""The machine that a process runs on."""

import os

__all__ = ["processors"]


def processors() -> int:
    """Number of processors that this process may use.

    A container, a batch system or `taskset` may allow fewer than the machine has.
    """
    if hasattr(os, "process_cpu_count"):  # Python 3.13 or newer.
        return os.process_cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):  # Linux.
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
