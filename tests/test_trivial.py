import jax
import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from wsjax.analysis import trivial


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Threads cost more than they bring on sets this small, most of all if shared."""
    with threadpool_limits(1):
        yield


def two_lumps(n, width, *, far=10.0, scale=1.0):
    """Rows about two places, with a column that never changes."""
    generator = np.random.default_rng(0)
    rows = generator.normal(size=(n, width))
    rows[:, 0] += far * np.where(np.arange(n) % 3, 1.0, -1.0)
    rows[:, -1] = 5.0
    return scale * rows


def test_draws_lie_in_the_lumps_and_a_gaussian_s_between_them_too():
    rows, keys = two_lumps(300, 4), jax.random.split(jax.random.key(0))
    draws = trivial.gaussian_mixture(keys[0], rows, n=3000, components=(1, 2, 5))
    plain = trivial.gaussian_samples(keys[1], rows, n=3000)
    assert np.mean(np.abs(plain[:, 0]) < 4) > 0.2
    assert np.mean(np.abs(draws[:, 0]) < 4) < 0.01
    assert np.mean(draws[:, 0] > 0) == pytest.approx(2 / 3, abs=0.05)
    np.testing.assert_allclose(draws[:, -1], 5.0, rtol=1e-9)


@pytest.mark.parametrize("width", [3, 60])  # Within the 32 components, and beyond.
def test_one_gaussian_has_the_mean_and_the_covariance_of_the_rows(width):
    generator = np.random.default_rng(0)
    rows = generator.normal(size=(400, width)) @ generator.normal(size=(width, width))
    rows = rows * np.geomspace(0.01, 100, width) + 7
    draws = trivial.gaussian_mixture(jax.random.key(0), rows, n=20_000, components=(1,))
    scale = rows.std(axis=0)
    np.testing.assert_allclose(
        (draws.mean(axis=0) - rows.mean(axis=0)) / scale, 0, atol=0.05
    )
    expected, found = (np.cov(x / scale, rowvar=False) for x in (rows, draws))
    assert np.abs(found - expected).max() < 0.05


def test_the_number_of_gaussians_is_that_of_unseen_rows():
    rows = two_lumps(200, 3)[:, :2]
    apart, together = rows, two_lumps(200, 3, far=0.0)[:, :2]
    assert trivial._chosen(apart, (1, 2), 0) == 2
    assert trivial._chosen(together, (1, 2, 20), 0) == 1
    # What fits the seen rows best is not what counts.
    fits = [trivial._fitted(together[40:], count, 0) for count in (1, 20)]
    assert fits[1].score(together[40:]) > fits[0].score(together[40:])


def test_draws_follow_their_key_and_are_shuffled():
    rows = two_lumps(60, 3)
    first, again, other = (
        trivial.gaussian_mixture(jax.random.key(seed), rows, n=40, components=(2,))
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other)
    assert len({tuple(x > 0) for x in np.split(first[:, 0], 4)}) > 2


@pytest.mark.parametrize(
    ("n", "components", "wrong"),
    [
        (6, (10,), r"components=\(10,\), but 5 rows .* 1 to 2"),
        (4, (1,), r"5 rows or more, got shape \(4, 9\)"),
    ],
)
def test_too_few_rows_are_refused(n, components, wrong):
    with pytest.raises(ValueError, match=wrong):
        trivial.gaussian_mixture(
            jax.random.key(0), two_lumps(n, 9), n=3, components=components
        )


def test_few_rows_take_fewer_gaussians():
    rows = two_lumps(6, 9)
    assert trivial.gaussian_mixture(jax.random.key(0), rows, n=3).shape == (3, 9)
