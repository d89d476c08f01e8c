"""Costs are differences of clocks that only grow."""

import resource
import subprocess
import sys
import types

import jax
import numpy as np
import pytest

from wsjax import costs


def test_total_sums_the_two_times_alone():
    parts = [
        {"seconds": 1.25, "cpu_seconds": 2.0, "device": "cpu"},
        {"seconds": 0.5, "cpu_seconds": 0.25},
    ]
    assert costs.total(parts) == {"seconds": 1.75, "cpu_seconds": 2.25}
    assert costs.total([]) == {"seconds": 0, "cpu_seconds": 0}


def test_cost_is_the_difference_of_two_readings(monkeypatch):
    start = costs.Cost(10.0, 3.0)
    monkeypatch.setattr(costs, "now", lambda: costs.Cost(12.5, 4.25))
    assert costs.since(start) == {"seconds": 2.5, "cpu_seconds": 1.25}
    assert set(costs.total([costs.since(start)])) < set(costs.KEYS)


def test_peak_memory_is_that_of_a_running_process():
    assert 10 < costs.peak_memory_mib() < 1e6


@pytest.mark.parametrize(("system", "unit"), [("linux", 2**10), ("darwin", 1)])
def test_the_same_memory_is_told_on_every_system(system, unit, monkeypatch):
    used = types.SimpleNamespace(ru_maxrss=300 * 2**20 // unit)
    monkeypatch.setattr(resource, "getrusage", lambda _: used)
    monkeypatch.setattr(sys, "platform", system)
    assert costs.peak_memory_mib() == 300.0


def test_without_the_module_that_windows_lacks_memory_is_unknown():
    # A module that is None cannot be imported.
    program = (
        "import sys; sys.modules['resource'] = sys.modules['fcntl'] = None;"
        "from wsjax import checkpoint, costs, exchange, store;"
        "print(costs.peak_memory_mib())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert np.isnan(float(done.stdout))


def test_compiling_adds_to_the_compile_time():
    before = costs.compile_seconds()
    jax.jit(lambda x: 3 * x + 1)(1.0)
    assert before < costs.compile_seconds() < before + 100
