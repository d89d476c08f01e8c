"""What a run costs: seconds, processor seconds, compilation and memory."""

import math
import sys
import time
from typing import NamedTuple

import jax

__all__ = [
    "Cost",
    "KEYS",
    "compile_seconds",
    "now",
    "peak_memory_mib",
    "since",
    "total",
]

KEYS = (
    "seconds",
    "cpu_seconds",
    "compile_seconds",
    "fields_per_cpu_second",
    "peak_memory_mib",
)
"""Keys of metrics that depend on the machine; all other metrics repeat exactly."""


class Cost(NamedTuple):
    """Wall-clock and process CPU time, in seconds."""

    seconds: float
    cpu_seconds: float


def now() -> Cost:
    """Reads both clocks, whose zero means nothing; pass the reading to `since`."""
    return Cost(time.perf_counter(), time.process_time())


def since(start: Cost) -> dict[str, float]:
    """`{"seconds", "cpu_seconds"}` spent since a reading of `now`."""
    end = now()
    return {
        "seconds": round(end.seconds - start.seconds, 3),
        "cpu_seconds": round(end.cpu_seconds - start.cpu_seconds, 3),
    }


def total(costs: list[dict]) -> dict[str, float]:
    """Sums `seconds` and `cpu_seconds` over the parts of a run; other keys are left."""
    keys = ("seconds", "cpu_seconds")
    return {key: round(sum(cost[key] for cost in costs), 3) for key in keys}


def peak_memory_mib() -> float:
    """Largest resident set of this process so far, in MiB; NaN on Windows."""
    try:
        import resource
    except ImportError:
        return math.nan
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # macOS counts bytes, all others KiB.
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


_COMPILED = [0.0]


def _count_compilation(event: str, duration_secs: float, **_: str | int) -> None:
    if event == "/jax/core/compile/backend_compile_duration":
        _COMPILED[0] += duration_secs


jax.monitoring.register_event_duration_secs_listener(_count_compilation)


def compile_seconds() -> float:
    """Seconds that this process has spent in the compiler so far."""
    return _COMPILED[0]
