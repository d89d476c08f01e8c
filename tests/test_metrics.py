"""Distances between sets of features, and the shares of one on the other's manifold."""

import numpy as np
import pytest

from wsjax.metrics import generation

DISTANCES = {
    "frechet": generation.frechet,
    "mmd_gaussian": generation.mmd_gaussian,
    "mmd_polynomial": generation.mmd_polynomial,
}


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def whitened(n, width):
    """Rows with mean 0 and covariance exactly the identity."""
    rows = normal(n, width)
    left, _, _ = np.linalg.svd(rows - rows.mean(axis=0), full_matrices=False)
    return left * np.sqrt(n - 1)


def test_frechet_of_two_gaussians_is_the_closed_form():
    # With commuting covariances: |shift|^2 + sum (deviation_x - deviation_y)^2.
    unit = whitened(50, 3)
    axes, _ = np.linalg.qr(normal(3, 3, seed=1))
    x = unit * [1.0, 2.0, 3.0] @ axes.T
    y = unit[::-1] * [2.0, 2.0, 0.5] @ axes.T + [1.0, -1.0, 2.0]
    expected = (1 + 1 + 4) + (1 + 0 + 2.5**2)
    assert generation.frechet(x, y) == pytest.approx(expected)


def test_frechet_of_covariances_that_do_not_commute_is_the_closed_form():
    # For 2 x 2 matrices tr(M^1/2) = sqrt(tr M + 2 sqrt(det M)).
    unit = whitened(40, 2)
    a, b = np.array([[2.0, 1.0], [0.0, 1.0]]), np.array([[1.0, 0.0], [-1.0, 3.0]])
    cov_a, cov_b = a.T @ a, b.T @ b
    product = cov_a @ cov_b
    overlap = np.sqrt(np.trace(product) + 2 * np.sqrt(np.linalg.det(product)))
    expected = np.trace(cov_a) + np.trace(cov_b) - 2 * overlap
    assert generation.frechet(unit @ a, unit @ b) == pytest.approx(expected)


def test_frechet_survives_fewer_rows_than_features():
    x, y = normal(5, 40), normal(7, 40, seed=1)
    assert generation.frechet(x, x) == pytest.approx(0, abs=1e-5)
    assert 0 < generation.frechet(x, y) < np.inf
    assert generation.frechet(np.zeros((3, 4)), np.ones((2, 4))) == pytest.approx(4)
    assert generation.frechet(np.zeros((3, 1)), np.ones((2, 1))) == pytest.approx(1)


@pytest.mark.parametrize(
    ("mmd", "expected"),
    [
        (generation.mmd_gaussian, 2 - 2 * np.exp(-1)),
        (generation.mmd_polynomial, 8 + 8 - 2 * 1),
    ],
)
def test_mmd_of_two_points_is_the_closed_form_whatever_the_length(mmd, expected):
    x, y = np.tile([3.0, 0.0], (4, 1)), np.tile([0.0, 0.2], (5, 1))
    assert mmd(x, y) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("mmd", "kernel"),
    [
        (generation.mmd_gaussian, lambda s: np.exp(s - 1)),
        (generation.mmd_polynomial, lambda s: (1 + s) ** 3),
    ],
)
def test_mmd_is_the_sum_over_different_pairs(mmd, kernel):
    x, y = ([z / np.linalg.norm(z) for z in normal(4, 3, seed=s)] for s in (0, 1))
    within = [
        np.mean([kernel(a @ b) for i, a in enumerate(z) for b in z[:i]]) for z in (x, y)
    ]
    across = np.mean([kernel(a @ b) for a in x for b in y])
    assert mmd(np.stack(x), np.stack(y)) == pytest.approx(sum(within) - 2 * across)


@pytest.mark.parametrize("mmd", [generation.mmd_gaussian, generation.mmd_polynomial])
def test_mmd_is_zero_on_average_for_one_distribution_and_positive_for_two(mmd):
    draws = normal(2, 60, 12, 4)  # 60 pairs of small sets, where a bias would show.
    same = np.array([mmd(x, y) for x, y in zip(*draws, strict=True)])
    other = np.array([mmd(x, y + 1.0) for x, y in zip(*draws, strict=True)])
    standard_error = same.std() / np.sqrt(len(same))
    assert abs(same.mean()) < 3 * standard_error
    assert other.mean() > 30 * standard_error


@pytest.mark.parametrize("name", DISTANCES)
def test_distances_are_symmetric_and_blind_to_order(name):
    distance = DISTANCES[name]
    x, y = normal(20, 4), normal(15, 4, seed=1) + 0.5
    assert distance(y, x) == pytest.approx(distance(x, y), rel=1e-9)
    assert distance(x[::-1], np.roll(y, 3, axis=0)) == pytest.approx(distance(x, y))


@pytest.mark.parametrize("name", DISTANCES)
@pytest.mark.parametrize(
    ("x", "y", "wrong"),
    [
        (np.ones((4, 3)), np.ones((4, 2)), r"\(4, 3\) and \(4, 2\)"),
        (np.ones((4, 3)), np.ones((1, 3)), "2 rows or more, got 4 and 1"),
        (np.ones((4, 3)), np.full((4, 3), np.nan), "finite"),
    ],
)
def test_distances_name_what_was_wrong(name, x, y, wrong):
    with pytest.raises(ValueError, match=wrong):
        DISTANCES[name](x, y)


@pytest.mark.parametrize("width", [2, 40])  # A tree is searched, or all pairs.
def test_nearest_finds_planted_neighbours_and_copies_at_exactly_zero(width):
    candidates = 100 + 10 * normal(50, width)
    planted = np.array([7, 0, 49, 7])
    offset = np.zeros((4, width))
    offset[1:, 0] = 1e-3
    distances, indices = generation.nearest(candidates[planted] + offset, candidates)
    np.testing.assert_array_equal(indices, planted)
    np.testing.assert_allclose(distances, [0, 1e-3, 1e-3, 1e-3], rtol=1e-6)
    assert distances[0] == 0


def test_frechet_is_the_same_whichever_matrix_is_smaller():
    """Rows of zeros on top leave the products alone, and make the sets larger."""
    x, y = normal(6, 10), normal(9, 10, seed=1)
    narrow = np.linalg.qr(np.concatenate([x, y]).T)[0]  # Of the span: [10, 10].
    few = generation.frechet(x, y)
    assert generation.frechet(x @ narrow, y @ narrow) == pytest.approx(few)
    axes, _ = np.linalg.qr(normal(40, 15, seed=2))  # The same sets in more dimensions.
    many_x, many_y = normal(30, 15), normal(25, 15, seed=1) + 1.0
    wide = generation.frechet(many_x @ axes.T, many_y @ axes.T)
    assert wide == pytest.approx(generation.frechet(many_x, many_y))


@pytest.mark.parametrize("n", [4, 10, 30])
@pytest.mark.parametrize("m", [3, 10, 25])
def test_frechet_is_that_of_square_roots_of_matrices(n, m):
    """Whichever of the sets has more rows than the ten features, or fewer.

    The matrix under the root is similar to the product of the covariances.
    """
    x, y = 1.0 + normal(n, 10), normal(m, 10, seed=1) * np.arange(1, 11)
    cov_x, cov_y = np.cov(x.T), np.cov(y.T)
    overlap = np.sqrt(np.abs(np.linalg.eigvals(cov_x @ cov_y))).sum()
    apart = np.square(x.mean(axis=0) - y.mean(axis=0)).sum()
    expected = apart + np.trace(cov_x) + np.trace(cov_y) - 2 * overlap
    distance = generation.frechet_to(y)
    assert distance(x) == pytest.approx(expected, rel=1e-6)
    assert generation.frechet(x, y) == distance(x) == distance(x)


def manifold_share(x, y, k):
    """By the definition: is a row within reach of some row of the other set?"""
    found = []
    for query in x:
        near = False
        for i, centre in enumerate(y):
            others = [np.linalg.norm(centre - z) for j, z in enumerate(y) if j != i]
            near |= np.linalg.norm(query - centre) <= sorted(others)[k - 1]
        found.append(near)
    return np.mean(found)


@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("width", [2, 12])
def test_precision_and_recall_are_shares_on_each_others_manifold(k, width):
    x, y = normal(14, width), 1.5 * normal(11, width, seed=1) + 0.5
    shares = generation.precision(x, y, k=k), generation.recall(x, y, k=k)
    assert shares == (manifold_share(x, y, k), manifold_share(y, x, k))
    assert len({0.0, 1.0, *shares}) > 2  # Not all or nothing.


def test_precision_falls_with_outliers_and_recall_with_missing_modes():
    two = np.concatenate([normal(40, 3), normal(40, 3, seed=1) + 50.0])
    assert generation.precision(two, two) == generation.recall(two, two) == 1
    one, outside = two[:40], np.concatenate([two, normal(20, 3) - 70.0])
    assert generation.precision(one, two) == 1
    assert generation.recall(one, two) == 0.5
    assert generation.precision(outside, two) == 0.8
    assert generation.recall(outside, two) == 1


def test_few_rows_take_all_others_as_neighbours():
    x, y = normal(3, 2), normal(3, 2, seed=1) + 1.0
    few = generation.precision(x, y, k=9)
    assert few == generation.precision(x, y, k=2) == manifold_share(x, y, 2)
    with pytest.raises(ValueError, match="k must be at least 1, got 0"):
        generation.precision(x, y, k=0)
    with pytest.raises(ValueError, match="2 rows or more, got 3 and 1"):
        generation.precision(x, y[:1])
