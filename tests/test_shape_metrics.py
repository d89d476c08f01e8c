import numpy as np
import pytest

from wsjax.metrics import shapes

AREA = 4 * np.pi  # Of the unit sphere.


def cloud(n, *, seed=0):
    return np.random.default_rng(seed).normal(size=(n, 3))


def directions(n, *, seed=0):
    """Uniform points of the unit sphere, which are their own normals."""
    points = cloud(n, seed=seed)
    return points / np.linalg.norm(points, axis=1, keepdims=True)


def plane(*, height=0.0):
    """A grid of 9 x 7 points one apart, at z = height."""
    x, y = np.mgrid[:9, :7]
    return np.stack([x, y, np.full(x.shape, height)], axis=-1).reshape(-1, 3)


def lengths(a, b):
    """All distances `[P, Q]` by brute force."""
    return np.linalg.norm(a[:, None] - b[None], axis=2)


@pytest.fixture
def pair():
    """Two clouds of different counts."""
    return cloud(40), 0.8 * cloud(25, seed=1) + 0.3


def test_chamfer_distances_are_those_of_brute_force(pair):
    d = lengths(*pair)
    there, back = d.min(axis=1), d.min(axis=0)
    squared = np.mean(there**2) + np.mean(back**2)
    np.testing.assert_allclose(shapes.chamfer_squared(*pair), squared, rtol=1e-12)
    mean = 0.5 * there.mean() + 0.5 * back.mean()
    np.testing.assert_allclose(shapes.chamfer_mean(*pair), mean, rtol=1e-12)


def test_f_score_is_that_of_brute_force(pair):
    d = lengths(*pair)
    precision, recall = ((d.min(axis=axis) < 0.4).mean() for axis in (1, 0))
    assert precision != recall and 0 < recall < 1
    expected = 2 / (1 / precision + 1 / recall)
    np.testing.assert_allclose(shapes.f_score(*pair, radius=0.4), expected)


def test_normal_consistency_is_that_of_brute_force(pair):
    a, b = pair
    normals_a, normals_b = directions(40, seed=2), directions(25, seed=3)
    d, cosines = lengths(a, b), np.abs(normals_a @ normals_b.T)
    there = cosines[np.arange(40), d.argmin(axis=1)].mean()
    back = cosines[d.argmin(axis=0), np.arange(25)].mean()
    found = shapes.normal_consistency(a, 5 * normals_a, b, normals_b)
    np.testing.assert_allclose(found, (there + back) / 2, rtol=1e-12)


@pytest.mark.parametrize("radii", [(0.5, 0.7), (1.0, 0.4)])
def test_concentric_spheres_are_as_far_apart_as_their_radii(radii):
    """With one set of directions each point's nearest is the one above or below it."""
    small, large = sorted(radii)
    gap, points = large - small, directions(5000)
    # A neighbour may be nearer by the angle to it: never with equal directions, since
    # the foot of a point on a sphere is on its own ray.
    a, b = radii[0] * points, radii[1] * points
    np.testing.assert_allclose(shapes.chamfer_squared(a, b), 2 * gap**2, rtol=1e-9)
    np.testing.assert_allclose(shapes.chamfer_mean(a, b), gap, rtol=1e-9)
    assert shapes.f_score(a, b, radius=gap * 0.999) == 0
    assert shapes.f_score(a, b, radius=gap * 1.001) == 1
    consistency = shapes.normal_consistency(a, points, b, -points)
    np.testing.assert_allclose(consistency, 1, rtol=1e-12)


def test_iou_of_concentric_balls_is_the_ratio_of_their_volumes():
    points = np.random.default_rng(0).uniform(-1, 1, size=(200_000, 3))
    radius = np.linalg.norm(points, axis=1)
    inside = {r: radius < r for r in (0.6, 0.9)}
    found = shapes.iou(inside[0.6], inside[0.9])
    np.testing.assert_allclose(found, (0.6 / 0.9) ** 3, rtol=0.01)
    assert shapes.iou(inside[0.9], inside[0.6]) == found
    assert shapes.iou(inside[0.9], inside[0.9]) == 1


def test_iou_counts_points():
    a, b = np.array([1, 1, 1, 0, 0], bool), np.array([0, 1, 1, 1, 0], bool)
    assert shapes.iou(a, b) == 2 / 4
    assert shapes.iou(a, ~a) == shapes.iou(a, np.zeros(5, bool)) == 0


def test_a_plane_that_is_lifted_is_as_far_as_it_was_lifted():
    a, b = plane(), plane(height=0.25)
    assert shapes.chamfer_squared(a, b) == 2 * 0.25**2
    assert shapes.chamfer_mean(a, b) == 0.25
    assert shapes.f_score(a, b, radius=0.25) == 0  # Nearer than, not as near as.
    assert shapes.f_score(a, b, radius=0.2501) == 1
    up, tilted = np.tile([0, 0, 2.0], (63, 1)), np.tile([0, 3.0, 4.0], (63, 1))
    assert shapes.normal_consistency(a, up, b, -up) == 1
    np.testing.assert_allclose(shapes.normal_consistency(a, up, b, tilted), 0.8)


def test_a_part_is_near_to_the_whole_but_not_the_whole_to_the_part():
    """Precision 1, recall 1/2; the missing points alone make the distance."""
    half, whole = plane()[:28], plane()[:56]
    np.testing.assert_allclose(shapes.f_score(half, whole, radius=0.5), 2 / 3)
    # The rows that are missing lie 1, 2, 3 and 4 from the last one that is there.
    missing = np.sum(np.arange(1, 5) ** 2) / 8
    np.testing.assert_allclose(shapes.chamfer_squared(half, whole), missing)
    np.testing.assert_allclose(shapes.chamfer_mean(half, whole), 10 / 8 / 2)


def test_two_draws_of_a_sphere_are_at_the_floor_of_their_count():
    """A nearest neighbour among n / A points per area is A / (pi n) away, squared."""
    drawn = [directions(2048, seed=seed) for seed in range(6)]
    found = np.mean([shapes.chamfer_squared(*drawn[i : i + 2]) for i in range(0, 6, 2)])
    np.testing.assert_allclose(found, 2 * AREA / (np.pi * 2048), rtol=0.05)


MEASURES = {
    "chamfer_squared": shapes.chamfer_squared,
    "chamfer_mean": shapes.chamfer_mean,
    "f_score": lambda a, b: shapes.f_score(a, b, radius=0.4),
    "normals": lambda a, b: shapes.normal_consistency(a, a[:, ::-1], b, b[:, ::-1]),
}


@pytest.mark.parametrize("name", MEASURES)
def test_neither_order_of_points_nor_of_shapes_matters(name, pair):
    measure, (a, b) = MEASURES[name], pair
    found = measure(a, b)
    assert found > 0.05 and found != 1  # Not a number that everything gets.
    assert measure(b, a) == found
    np.testing.assert_allclose(measure(a[::-1], np.roll(b, 7, axis=0)), found)
    np.testing.assert_allclose(measure(a.astype(np.float32), b), found, rtol=1e-6)


def test_the_same_points_are_at_distance_zero_exactly(pair):
    a = 1e3 + pair[0]  # Where |a|^2 - 2 a b + |b|^2 would leave rounding.
    assert shapes.chamfer_squared(a, a[::-1]) == shapes.chamfer_mean(a, a[::-1]) == 0
    assert shapes.f_score(a, a, radius=1e-9) == 1


@pytest.mark.parametrize("name", ["chamfer_squared", "chamfer_mean", "f_score"])
def test_trees_stand_for_their_points(name, pair):
    trees = [shapes.tree(points) for points in pair]
    assert MEASURES[name](*trees) == MEASURES[name](*pair)


@pytest.mark.parametrize("name", MEASURES)
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (np.zeros((0, 3)), r"P at least 1, got \(0, 3\)"),
        (np.zeros((4, 2)), r"points \[P, 3\].*got \(4, 2\)"),
        (np.zeros((2, 4, 3)), r"got \(2, 4, 3\)"),
        (np.full((4, 3), np.nan), "finite; leave out failed shapes"),
        (np.full((4, 3), np.inf), "finite; leave out failed shapes"),
    ],
)
def test_what_is_no_cloud_is_refused(name, wrong, message, pair):
    for a, b in ((wrong, pair[0]), (pair[0], wrong)):
        with pytest.raises(ValueError, match=message):
            MEASURES[name](a, b)


@pytest.mark.parametrize("radius", [0.0, -1.0, np.nan])
def test_a_radius_is_positive(radius, pair):
    with pytest.raises(ValueError, match=f"radius must be positive, got {radius}"):
        shapes.f_score(*pair, radius=radius)


@pytest.mark.parametrize(
    ("normals", "message"),
    [
        (np.ones((39, 3)), r"one normal per point, got \(39, 3\) .* for \(40, 3\)"),
        (np.eye(40, 3), "one has length 0"),
        (np.full((40, 3), np.nan), "one has length 0 or is NaN"),
    ],
)
def test_every_point_has_a_normal_with_a_direction(normals, message, pair):
    a, b = pair
    with pytest.raises(ValueError, match=message):
        shapes.normal_consistency(a, normals, b, b)


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        (np.ones(4, bool), np.ones(5, bool), r"bool \(4,\) and bool \(5,\)"),
        (np.ones((4, 1), bool), np.ones((4, 1), bool), r"booleans \[U\]"),
        (np.ones(4), np.ones(4), "got float64"),
        (np.zeros(4, bool), np.zeros(4, bool), "none of 4 points lies inside either"),
    ],
)
def test_an_overlap_that_is_undefined_is_refused(a, b, message):
    with pytest.raises(ValueError, match=message):
        shapes.iou(a, b)
