import numpy as np
import pytest

from wsjax.analysis.interval import interval


def test_the_interval_holds_the_true_mean_as_often_as_it_says():
    draws = np.random.default_rng(0).normal(3.0, 2.0, (4000, 5))
    found = np.array([interval(row, confidence=0.8) for row in draws])
    held = np.abs(found[:, 0] - 3.0) <= found[:, 1]
    np.testing.assert_allclose(held.mean(), 0.8, atol=0.02)


def test_known_answer():
    mean, half = interval(np.array([1.0, 2.0, 3.0]))
    np.testing.assert_allclose([mean, half], [2.0, 4.3027 / np.sqrt(3)], rtol=1e-4)


def test_one_value_has_no_interval():
    with pytest.raises(ValueError, match=r"2 values or more, got shape \(1,\)"):
        interval(np.ones(1))
