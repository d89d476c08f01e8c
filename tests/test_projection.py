"""Principal components of values: what a linear code of some numbers reaches."""

import numpy as np
import pytest

from wsjax.metrics import projection, reconstruction


def values(n, points=6, channels=2, *, rank=None, scale=0.1, seed=0):
    """Values of n instances that vary along `rank` directions, all if None."""
    draw = np.random.default_rng(seed).normal
    size = points * channels
    rows = draw(size=(n, size))
    if rank is not None:
        rows = rows[:, :rank] @ draw(size=(rank, size))
    return scale * (rows + draw(size=size)).reshape(n, points, channels)


def by_svd(train, test, count):
    """PSNR of instances projected with a singular value decomposition."""
    x = train.reshape(len(train), -1)
    axes = np.linalg.svd(x - x.mean(axis=0), full_matrices=False)[2][:count]
    away = test.reshape(len(test), -1) - x.mean(axis=0)
    rebuilt = (x.mean(axis=0) + away @ axes.T @ axes).reshape(test.shape)
    return [reconstruction.psnr(*pair) for pair in zip(rebuilt, test, strict=True)]


# Values of 0.8 leave [-1, 1] when they are rebuilt, and 4,100 of them are too many for
# their covariance.
@pytest.mark.parametrize(
    ("n", "points", "scale"), [(30, 6, 0.1), (9, 6, 0.1), (30, 6, 0.8), (9, 4100, 0.1)]
)
def test_the_projection_is_that_of_a_singular_value_decomposition(n, points, scale):
    train, test = (
        np.tanh(values(k, points, 1, scale=scale, seed=seed))
        for k, seed in ((n, 0), (5, 1))
    )
    found = projection.components(train, 4)
    assert found.axes.shape == (4, points)
    expected = by_svd(train, test, 4)
    np.testing.assert_allclose(
        projection.projected_psnr(found, test), expected, rtol=1e-4
    )


def test_more_components_are_never_worse():
    train, test = values(30), values(7, seed=1)
    for some in (train, test):
        reached = [
            projection.projected_psnr(projection.components(train, count), some)
            for count in range(1, 13)
        ]
        assert (np.diff(reached, axis=0) >= -1e-3).all()
        assert (reached[-1] > reached[0] + 10).all()


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("n", "rank"), [(30, 3), (900, 3), (4, None), (30, None)])
def test_as_many_as_there_are_rebuild_what_they_were_learnt_from(n, rank, seed):
    train = values(n, rank=rank, scale=0.03, seed=seed)
    found = projection.components(train, 1000)
    assert len(found.axes) == (rank or min(n - 1, 12))
    assert (projection.projected_psnr(found, train) > 120).all()
    fewer = projection.components(train, len(found.axes) - 1)
    assert projection.projected_psnr(fewer, train).min() < 60


def test_instances_that_are_all_equal_have_no_components():
    alike = np.broadcast_to(values(1), (5, 6, 2))
    found = projection.components(alike, 4)
    assert found.axes.shape == (0, 12)
    reached = projection.projected_psnr(found, alike)
    np.testing.assert_array_equal(reached, reconstruction.BEST_PSNR)


@pytest.mark.parametrize(("n", "count"), [(1, 3), (5, 0)])
def test_too_few_instances_or_components_are_named(n, count):
    with pytest.raises(ValueError, match=f"got {n} instances and a count of {count}"):
        projection.components(values(n), count)
