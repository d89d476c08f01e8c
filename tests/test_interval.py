import numpy as np
import pytest

from wsjax.analysis.interval import interval, share_interval


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


@pytest.mark.parametrize("share", [0.02, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("n", [10, 360])
def test_the_interval_about_a_share_holds_the_true_one_as_often_as_it_says(share, n):
    """As the one about a mean does not, for shares near 1 and few instances."""
    draws = np.random.default_rng(0).binomial(n, share, 20000) / n
    half = {x: share_interval(x, n, confidence=0.9) for x in np.unique(draws)}
    held = np.abs(draws - share) <= [half[x] for x in draws]
    assert 0.89 < held.mean()
    if share == 0.5 and n > 100:
        np.testing.assert_allclose(held.mean(), 0.9, atol=0.02)


def test_known_interval_about_a_share():
    # Wilson's for 8 of 10 is 0.490 to 0.943.
    np.testing.assert_allclose(share_interval(0.8, 10), 0.8 - 0.4902, atol=1e-3)
    for share in (0.0, 0.3, 1.0):  # Neither side is the better one.
        assert share_interval(share, 7) == pytest.approx(share_interval(1 - share, 7))


@pytest.mark.parametrize(("share", "n"), [(0.5, 0), (1.5, 3), (-0.1, 3)])
def test_what_is_no_share_is_refused(share, n):
    with pytest.raises(ValueError, match=f"got {n} and {share}"):
        share_interval(share, n)
