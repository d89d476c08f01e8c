"""Segments between fits and their barriers, of weights made by hand."""

import numpy as np
import pytest

from experiments.fitting.perturbed import PerturbedFits
from experiments.judging import linear_mode

ROWS = np.array([7, 3])


@pytest.fixture
def refits():
    """Fits of two instances, three each."""
    weights = {"w": np.array([[0.0], [4.0], [8.0], [1.0], [-1.0], [3.0]], np.float32)}
    return PerturbedFits(weights, weights, np.zeros((2, 2)), (2, 3))


def test_segments_run_from_the_first_fit_to_each_other_one_of_its_instance(refits):
    def score(stacked, rows):
        return 100 * rows + stacked["w"][:, 0]

    found = linear_mode.segments(score, ROWS, refits, places=5)
    ends = np.array([[[0, 4], [0, 8]], [[1, -1], [1, 3]]]) + 100 * ROWS[:, None, None]
    expected = np.linspace(ends[..., 0], ends[..., 1], 5, axis=-1)
    np.testing.assert_allclose(found, expected)


def test_every_fit_is_scored_once_and_then_what_lies_between(refits):
    scored = []

    def score(stacked, rows):
        scored.append(len(rows))
        return np.zeros(len(rows))

    linear_mode.segments(score, ROWS, refits, places=3)
    assert scored == [6, 4]


def test_the_mean_is_over_the_chosen_fits_of_an_instance(refits):
    chosen = np.array([False, True, True])
    found = []
    linear_mode.quality_of_means(
        lambda stacked, rows: found.append(stacked["w"]) or np.zeros(2),
        ROWS,
        refits,
        chosen,
    )
    np.testing.assert_array_equal(found, [[[6.0], [1.0]]])


def test_a_barrier_in_squared_error_is_that_of_the_errors_behind_the_decibels():
    # Errors of 0.04 and 0.08 at the ends and 0.4 in the middle; none; a dip.
    errors = np.array([[0.04, 0.4, 0.08], [0.1, 0.1, 0.1], [0.4, 0.04, 0.4]])
    found = linear_mode.barriers(-10 * np.log10(errors[None] / 4))
    np.testing.assert_allclose(found["barrier_error"], [[0.34, 0, -0.36]], atol=1e-12)
    relative = [[0.34 / 0.06, 0, -0.9]]
    np.testing.assert_allclose(found["barrier_error_relative"], relative, atol=1e-12)
    middle = 10 * np.log10(0.4 / np.sqrt(0.04 * 0.08))
    np.testing.assert_allclose(found["barrier"], [[middle, 0, -10]], atol=1e-12)
