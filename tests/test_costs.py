"""Costs are differences of clocks that only grow."""

import jax

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


def test_compiling_adds_to_the_compile_time():
    before = costs.compile_seconds()
    jax.jit(lambda x: 3 * x + 1)(1.0)
    assert before < costs.compile_seconds() < before + 100
