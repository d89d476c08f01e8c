"""The Gaussian of a row and its neighbours."""

import jax
import numpy as np
import pytest

from wsjax.analysis import trivial


def moons(n, seed=0):
    """Rows on a ring, to which no single Gaussian and no mean of two rows keeps."""
    generator = np.random.default_rng(seed)
    angle = generator.uniform(0, 2 * np.pi, n)
    ring = 10 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return ring + 0.1 * generator.normal(size=(n, 2))


def off(rows):
    """How far rows are from the ring."""
    return np.abs(np.linalg.norm(rows, axis=1) - 10)


def test_draws_keep_to_the_ring_and_are_no_copies():
    rows, keys = moons(400), jax.random.split(jax.random.key(0), 3)
    draws = trivial.gaussian_neighbours(keys[0], rows, n=2000)
    assert np.quantile(off(draws), 0.95) < 0.6
    others = trivial.gaussian_samples, trivial.average_two
    for key, other in zip(keys[1:], others, strict=True):
        assert np.quantile(off(other(key, rows, n=2000)), 0.5) > 1
    apart = np.linalg.norm(draws[:, None] - rows[None], axis=2).min(axis=1)
    assert np.median(apart) > 0.02


def test_draws_have_the_mean_and_covariance_of_the_neighbours():
    """With all rows as neighbours it is the Gaussian of all."""
    rows = np.random.default_rng(1).normal(size=(30, 3)) * [1, 5, 0.1] + 2
    draws = trivial.gaussian_neighbours(
        jax.random.key(2), rows, n=40_000, neighbours=100
    )
    scale = rows.std(axis=0)
    expected, found = (np.cov(x / scale, rowvar=False) for x in (rows, draws))
    np.testing.assert_allclose(found, expected, atol=0.04)
    np.testing.assert_allclose(
        draws.mean(axis=0) / scale, rows.mean(axis=0) / scale, atol=0.03
    )


def test_every_row_is_as_often_the_centre_of_a_draw():
    """Rows in pairs far apart: each pair gets its share, up to chance."""
    rows = (
        np.repeat(100.0 * np.arange(10), 2)[:, None] + np.tile([0.0, 1.0], 10)[:, None]
    )
    draws = trivial.gaussian_neighbours(jax.random.key(0), rows, n=2000, neighbours=2)
    pairs = np.round(draws[:, 0] / 100).astype(int)
    # Standard deviation 13: all of ten counts within four of them.
    np.testing.assert_allclose(np.bincount(pairs, minlength=10), 200, atol=54)


def test_one_neighbour_is_refused():
    with pytest.raises(ValueError, match="neighbours=1"):
        trivial.gaussian_neighbours(jax.random.key(0), moons(9), n=3, neighbours=1)
