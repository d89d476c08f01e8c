"""What a run costs: seconds, processor seconds, compilation and memory."""

import resource
import time
from typing import NamedTuple

import jax

KEYS = (
    "seconds",
    "cpu_seconds",
    "compile_seconds",
    "fields_per_cpu_second",
    "peak_memory_mib",
)
"""Metric keys that depend on the machine's speed; all others repeat exactly."""


class Cost(NamedTuple):
    """Wall-clock and process CPU time, in seconds."""

    seconds: float
    cpu_seconds: float


def now() -> Cost:
    """Reads both clocks; the difference of two readings is a cost."""
    return Cost(time.perf_counter(), time.process_time())


def since(start: Cost) -> dict[str, float]:
    """`{"seconds", "cpu_seconds"}` spent since a reading of `now`."""
    end = now()
    return {
        "seconds": round(end.seconds - start.seconds, 3),
        "cpu_seconds": round(end.cpu_seconds - start.cpu_seconds, 3),
    }


def total(costs: list[dict]) -> dict[str, float]:
    """Sums `seconds` and `cpu_seconds` over parts of a run, resumed or not."""
    keys = ("seconds", "cpu_seconds")
    return {key: round(sum(cost[key] for cost in costs), 3) for key in keys}


def peak_memory_mib() -> float:
    """Largest resident set of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0


_COMPILED = [0.0]


def _count_compilation(event: str, seconds: float, **_) -> None:
    if event == "/jax/core/compile/backend_compile_duration":
        _COMPILED[0] += seconds


jax.monitoring.register_event_duration_secs_listener(_count_compilation)


def compile_seconds() -> float:
    """Seconds that this process has spent in the compiler so far."""
    return _COMPILED[0]
