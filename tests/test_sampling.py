"""What is sampled of one shape, on spheres and boxes."""

import numpy as np
import pytest
import trimesh

from wsjax import coords
from wsjax.meshes import distance, sampling
from wsjax.meshes.mesh import Mesh
from wsjax.meshes.sampling import PRESETS, Preset

SMALL = Preset(near=600, spreads=(0.02, 0.08), uniform=200)
SOLID = SMALL._replace(kind="occupancy")


def box(half, centre=(0.0, 0.0, 0.0)):
    made = trimesh.creation.box(extents=2 * np.array(half))
    return Mesh(np.array(made.vertices) + centre, np.array(made.faces, np.int64))


def sphere(radius=0.8):
    made = trimesh.creation.icosphere(subdivisions=5, radius=radius)
    return Mesh(np.array(made.vertices), np.array(made.faces, np.int64))


CUBE = box((0.5, 0.5, 0.5))


def cube_distance(points):
    beyond = np.abs(points) - 0.5
    outside = np.linalg.norm(beyond.clip(0), axis=1)
    return outside + np.minimum(beyond.max(axis=1), 0.0)


@pytest.mark.parametrize(
    ("name", "near", "total"),
    [
        ("compact", 12288, 16384),
        ("paper", 131072, 262144),
        ("hyperdiffusion", 100000, 200000),
    ],
)
def test_presets_have_the_published_counts(name, near, total):
    preset = PRESETS[name]
    assert (preset.near, preset.near + preset.uniform) == (near, total)
    assert preset.clamp == 0.1
    anchors = np.zeros((near, 3))
    points = sampling.scatter(anchors, preset, np.random.default_rng(0))
    assert points.shape == (total, 3)
    assert points.dtype == np.float32


def test_values_are_cut_signed_distances_at_their_points():
    arrays = sampling.sample(CUBE, SMALL, size=4, seed=0)
    wanted = (cube_distance(arrays["points"].astype(float)) / 0.1).clip(-1, 1)
    np.testing.assert_allclose(arrays["values"][:, 0], wanted, atol=1e-6)
    assert {name: (a.shape, a.dtype.name) for name, a in arrays.items()} == {
        "points": ((800, 3), "float32"),
        "values": ((800, 1), "float32"),
        "grid": ((64, 1), "float32"),
        "surface": ((4096, 6), "float32"),
        "inside": ((4096,), "uint8"),
        "vertices": ((8, 3), "float32"),
        "faces": ((12, 3), "int32"),
    }


def test_occupancy_is_minus_one_inside_and_one_outside():
    arrays = sampling.sample(CUBE, SOLID, size=4, seed=0)
    wanted = np.where(cube_distance(arrays["points"].astype(float)) < 0, -1.0, 1.0)
    np.testing.assert_array_equal(arrays["values"][:, 0], wanted)
    grid = arrays["grid"].reshape(4, 4, 4)
    assert (grid[1:3, 1:3, 1:3] == -1).all()
    assert grid.sum() == 64 - 2 * 8


def test_near_points_spread_as_the_preset_says():
    anchors = np.zeros((40000, 3))
    preset = Preset(near=40000, spreads=(0.02, 0.08), uniform=0)
    points = sampling.scatter(anchors, preset, np.random.default_rng(0))
    # Half of each: the second and fourth moments of the mixture are known.
    wanted = [(0.02**2 + 0.08**2) / 2, 3 * (0.02**4 + 0.08**4) / 2]
    found = [np.mean(points**2), np.mean(points**4)]
    np.testing.assert_allclose(found, wanted, rtol=0.03)


def test_every_slice_is_a_fair_mixture_within_the_box():
    preset = Preset(near=3000, spreads=(0.0,), uniform=1000)
    anchors = np.full((3000, 3), 0.999)
    points = sampling.scatter(anchors, preset, np.random.default_rng(0))
    is_near = (points == np.float32(0.999)).all(axis=1)
    assert is_near.sum() == 3000
    # Five standard deviations of the count of a quarter of them.
    for part in np.split(is_near, 4):
        assert abs(part.sum() - 750) < 60
    wide = preset._replace(spreads=(0.5,))
    points = sampling.scatter(anchors, wide, np.random.default_rng(0))
    assert np.abs(points).max() == 1.0


def test_the_grid_is_the_grid_of_fields():
    np.testing.assert_allclose(
        sampling.grid_points(6), coords.grid((6, 6, 6)), atol=1e-7
    )


def test_a_box_off_centre_shows_at_its_place_in_the_grid():
    # Cells of side 0.25; the box fills x cells 1, y cells 4 and 5, z cells 6.
    mesh = box((0.125, 0.25, 0.125), centre=(-0.625, 0.25, 0.625))
    grid = sampling.sample(mesh, SMALL, size=8, seed=0)["grid"].reshape(8, 8, 8)
    inside = np.argwhere(grid < 0)
    np.testing.assert_array_equal(inside, [[1, 4, 6], [1, 5, 6]])


def test_bits_of_the_inside_are_the_volume():
    for mesh, volume in [(sphere(), 4 / 3 * np.pi * 0.512), (CUBE, 1.0)]:
        arrays = sampling.sample(mesh, SMALL, size=2, seed=0)
        bits = np.unpackbits(arrays["inside"]).astype(bool)
        assert len(bits) == sampling.COMMON
        np.testing.assert_allclose(8 * bits.mean(), volume, rtol=5e-3)
    wanted = cube_distance(sampling.common_points()) < 0
    np.testing.assert_array_equal(bits, wanted)


def test_common_points_are_even_in_the_box():
    points = sampling.common_points()
    assert points.shape == (sampling.COMMON, 3)
    assert np.abs(points).max() < 1.0
    counts, _ = np.histogramdd(points, bins=8, range=[(-1, 1)] * 3)
    np.testing.assert_array_equal(counts, np.full((8, 8, 8), 64))


def test_the_halves_of_the_surface_are_independent_and_on_it():
    surface = sampling.sample(CUBE, SMALL, size=2, seed=0)["surface"]
    np.testing.assert_allclose(cube_distance(surface[:, :3]), 0, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(surface[:, 3:], axis=1), 1, rtol=1e-6)
    assert (np.einsum("pi,pi->p", surface[:, :3], surface[:, 3:]) > 0.49).all()
    first, second = np.split(surface[:, :3], 2)
    assert len(np.unique(surface, axis=0)) == len(surface)
    # Two independent draws of n points on an area A: mean squared nearest distance
    # A / (pi n), 6 / (pi 2048) here.
    squared = np.square(trimesh.PointCloud(second).kdtree.query(first)[0])
    np.testing.assert_allclose(squared.mean(), 6 / np.pi / 2048, rtol=0.1)


def test_equal_seeds_give_equal_arrays_and_others_do_not():
    one, again, other = (
        sampling.sample(CUBE, SMALL, size=4, seed=seed) for seed in ([1, 2], [1, 2], 3)
    )
    for name, array in one.items():
        np.testing.assert_array_equal(array, again[name])
    assert not np.array_equal(one["points"], other["points"])
    assert not np.array_equal(one["surface"], other["surface"])
    # What all shapes share knows no seed.
    np.testing.assert_array_equal(one["grid"], other["grid"])
    np.testing.assert_array_equal(one["inside"], other["inside"])


@pytest.mark.parametrize("kind", ["sdf", "occupancy"])
def test_a_cloud_of_a_sphere_is_sampled_like_the_sphere(kind):
    preset = SMALL._replace(kind=kind)
    cloud = distance.surface_points(sphere(), 8000, np.random.default_rng(0))
    arrays = sampling.from_point_cloud(*cloud, preset, size=8, seed=0)
    mesh = sampling.sample(sphere(), preset, size=8, seed=0)
    assert {name: (a.shape[1:], a.dtype) for name, a in arrays.items()} == {
        name: (a.shape[1:], a.dtype) for name, a in mesh.items()
    }
    exact = np.linalg.norm(arrays["points"], axis=1) - 0.8
    values = arrays["values"][:, 0]
    assert np.mean((values < 0) == (exact < 0)) > 0.99
    if kind == "sdf":
        assert np.abs(values - (exact / 0.1).clip(-1, 1)).mean() < 0.02
    assert np.mean((arrays["grid"] < 0) == (mesh["grid"] < 0)) > 0.99
    bits = [np.unpackbits(a["inside"]) for a in (arrays, mesh)]
    assert np.mean(bits[0] == bits[1]) > 0.99
    assert arrays["vertices"].size == arrays["faces"].size == 0


def test_a_cloud_of_uneven_density_gives_an_even_surface():
    points, normals = distance.surface_points(CUBE, 30000, np.random.default_rng(0))
    kept = (points[:, 0] > 0) | (np.arange(30000) % 10 == 0)
    arrays = sampling.from_point_cloud(
        points[kept], normals[kept], SMALL, size=2, seed=0
    )
    assert np.mean(points[kept][:, 0] > 0) > 0.9
    np.testing.assert_allclose(np.mean(arrays["surface"][:, 0] > 0), 0.5, atol=0.05)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"kind": "density"}, "'sdf' or 'occupancy'"),
        ({"near": -1}, "counts of points"),
        ({"near": 0, "uniform": 0}, "sum of at least 1"),
        ({"spreads": ()}, "spreads= of at least 0"),
        ({"clamp": 0.0}, "clamp= above 0"),
    ],
)
def test_impossible_presets_are_refused(change, words):
    with pytest.raises(ValueError, match=words):
        sampling.sample(CUBE, SMALL._replace(**change), size=2, seed=0)
