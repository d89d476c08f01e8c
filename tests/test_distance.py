"""Signed distance against closed forms on spheres and boxes."""

import numpy as np
import pytest
import trimesh

from wsjax.meshes import distance
from wsjax.meshes.mesh import Mesh


def sphere(radius=0.8, centre=(0.0, 0.0, 0.0), subdivisions=5):
    made = trimesh.creation.icosphere(subdivisions=subdivisions, radius=radius)
    return Mesh(np.array(made.vertices) + centre, np.array(made.faces, np.int64))


def box(half=(0.5, 0.4, 0.3), centre=(0.0, 0.0, 0.0)):
    made = trimesh.creation.box(extents=2 * np.array(half))
    return Mesh(np.array(made.vertices) + centre, np.array(made.faces, np.int64))


def box_distance(points, half=(0.5, 0.4, 0.3)):
    beyond = np.abs(points) - half
    outside = np.linalg.norm(beyond.clip(0), axis=1)
    return outside + np.minimum(beyond.max(axis=1), 0.0)


def uniform(n=2000, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, (n, 3))


def test_distance_to_a_box_is_the_closed_form():
    points = uniform()
    found = distance.signed_distance(box(), points)
    np.testing.assert_allclose(found, box_distance(points), atol=1e-12)
    assert found.dtype == np.float64


def test_distance_to_a_sphere_is_the_closed_form():
    points = uniform()
    found = distance.signed_distance(sphere(), points)
    # The faces lie within r (1 - cos(edge / 2 r)) of the sphere.
    wanted = np.linalg.norm(points, axis=1) - 0.8
    np.testing.assert_allclose(found, wanted, atol=4e-4)


def test_a_bound_cuts_the_distance_and_changes_nothing_below_it():
    points = uniform()
    exact = box_distance(points)
    for bound in (0.1, 1e-9):
        found = distance.signed_distance(box(), points, bound=bound)
        np.testing.assert_allclose(found, exact.clip(-bound, bound), atol=1e-12)
        np.testing.assert_array_equal(found < 0, exact < 0)


def test_a_box_without_its_lid_is_closed_by_the_winding_number():
    whole = box()
    centres = whole.vertices[whole.faces].mean(axis=1)
    open_box = Mesh(whole.vertices, whole.faces[centres[:, 1] < 0.39])
    assert len(open_box.faces) == 10
    points = uniform()
    wanted = box_distance(points) < 0
    away = np.abs(points[:, 1] - 0.4) > 0.35  # The soap film bulges near the lid.
    found = distance.inside(open_box, points)
    np.testing.assert_array_equal(found[away], wanted[away])
    assert wanted[away].any()


def test_walls_within_walls_count_as_inside():
    inner, outer = sphere(0.4), sphere(0.8)
    faces = np.concatenate([outer.faces, inner.faces + len(outer.vertices)])
    both = Mesh(np.concatenate([outer.vertices, inner.vertices]), faces)
    points = uniform()
    np.testing.assert_array_equal(
        distance.inside(both, points), distance.inside(outer, points)
    )
    hollow = Mesh(both.vertices, np.concatenate([outer.faces, faces[20480:, ::-1]]))
    radius = np.linalg.norm(points, axis=1)
    clear = (np.abs(radius - 0.4) > 1e-3) & (np.abs(radius - 0.8) > 1e-3)
    wanted = (radius > 0.4) & (radius < 0.8)
    np.testing.assert_array_equal(distance.inside(hollow, points)[clear], wanted[clear])


def test_long_triangles_are_halved_without_moving_the_surface():
    needle = box(half=(0.9, 0.01, 0.01))
    points = uniform() * [1.0, 0.02, 0.02]
    wanted = box_distance(points, (0.9, 0.01, 0.01)) < 0
    np.testing.assert_array_equal(distance.inside(needle, points), wanted)


def test_distance_does_not_depend_on_order_and_moves_with_the_mesh():
    points, mesh = uniform(), box(centre=(0.1, -0.2, 0.3))
    found = distance.signed_distance(mesh, points)
    backwards = distance.signed_distance(mesh, points[::-1])[::-1]
    np.testing.assert_array_equal(found, backwards)
    np.testing.assert_allclose(
        found, box_distance(points - [0.1, -0.2, 0.3]), atol=1e-12
    )


def test_surface_points_lie_on_the_surface_evenly_with_outward_normals():
    half = np.array([0.5, 0.4, 0.3])
    points, normals = distance.surface_points(box(), 40000, np.random.default_rng(0))
    np.testing.assert_allclose(box_distance(points), 0, atol=1e-12)
    axis = np.abs(normals).argmax(axis=1)
    rows = np.arange(len(points))
    np.testing.assert_allclose(points[rows, axis], normals[rows, axis] * half[axis])
    areas = np.prod(half) / half
    shares = np.bincount(axis) / len(points)
    # Five standard deviations of a share of 40,000 draws.
    np.testing.assert_allclose(shares, areas / areas.sum(), atol=0.0125)
    # Even within a face: the mean square of a uniform coordinate is a third.
    np.testing.assert_allclose(
        np.square(points[axis == 0, 1]).mean(), 0.16 / 3, rtol=0.05
    )
    assert len(np.unique(points, axis=0)) == len(points)


def test_surface_points_depend_on_the_generator_alone():
    one, again, other = (
        distance.surface_points(box(), 100, np.random.default_rng(seed))[0]
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)


def test_a_mesh_of_nothing_is_an_error():
    nothing = Mesh(np.zeros((3, 3)), np.zeros((0, 3), np.int64))
    flat = Mesh(np.zeros((3, 3)), np.array([[0, 1, 2]]))
    with pytest.raises(ValueError, match="faces, found none"):
        distance.signed_distance(nothing, uniform())
    with pytest.raises(ValueError, match="area above 0, found 0"):
        distance.surface_points(flat, 10, np.random.default_rng(0))
    with pytest.raises(ValueError, match="finite points"):
        distance.inside(box(), np.full((1, 3), np.nan))


def test_distance_to_a_cloud_is_that_of_its_surface():
    cloud, normals = distance.surface_points(sphere(), 20000, np.random.default_rng(0))
    points = uniform()
    wanted = np.linalg.norm(points, axis=1) - 0.8
    found = distance.cloud_distance(cloud, normals)(points, np.inf)
    assert np.mean((found < 0) == (wanted < 0)) > 0.99
    close = np.abs(wanted) < 0.1
    spacing = np.sqrt(4 * np.pi * 0.64 / 20000)
    assert np.abs(np.abs(found) - np.abs(wanted))[close].mean() < 0.1 * spacing
    np.testing.assert_allclose(np.abs(found), np.abs(wanted), atol=2 * spacing)
    bounded = distance.cloud_distance(cloud, normals)(points, 0.1)
    np.testing.assert_array_equal(bounded, found.clip(-0.1, 0.1))


def test_areas_of_a_cloud_add_up_to_that_of_its_surface():
    cloud, _ = distance.surface_points(sphere(), 4000, np.random.default_rng(0))
    areas = distance.cloud_areas(cloud)
    np.testing.assert_allclose(areas.sum(), 4 * np.pi * 0.64, rtol=0.2)
    with pytest.raises(ValueError, match="more than 8 points, found 8"):
        distance.cloud_areas(cloud[:8])
