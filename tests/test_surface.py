"""The surface of a field: closed forms, and coarse-to-fine against dense."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import trimesh

from wsjax import coords
from wsjax.meshes import surface

CLAMP = 0.1


def sphere(radius, centre=(0.0, 0.0, 0.0)):
    return lambda p: np.linalg.norm(p - np.array(centre), axis=1) - radius


def torus(p):
    return np.hypot(np.hypot(p[:, 0], p[:, 2]) - 0.6, p[:, 1]) - 0.2


def box(*half, turn=0.0):
    """Exact signed distance of a box, turned about two axes."""
    c, s = np.cos(turn), np.sin(turn)
    rotation = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    rotation = rotation @ rotation[[2, 0, 1]][:, [2, 0, 1]]

    def distance(p):
        q = np.abs(p @ rotation.T) - np.array(half)
        outside = np.linalg.norm(np.maximum(q, 0), axis=1)
        return outside + np.minimum(q.max(axis=1), 0)

    return distance


# The plates are two cells of the finest lattice thick, the straight one between samples
# of the coarse lattice.
PLATE = 2 / 64
FIELDS = {
    "sphere": sphere(0.8),
    "torus": torus,
    "plate": box(0.7, PLATE, 0.7),
    "turned plate": box(0.7, PLATE, 0.7, turn=0.6),
    "rod": box(PLATE, 0.8, PLATE, turn=0.4),
    "reaching out": sphere(0.9, (0.7, 0.2, -0.6)),
}


def clamped(distance):
    return lambda p: np.clip(distance(p.astype(float)) / CLAMP, -1, 1)


def solid(mesh):
    return trimesh.Trimesh(*mesh, process=False)


@pytest.mark.parametrize("resolution", [32, 64])
def test_a_sphere_has_its_radius_everywhere_and_its_volume(resolution):
    found = surface.extract(clamped(sphere(0.7)), resolution=resolution)
    distance = np.linalg.norm(found.vertices, axis=1)
    # A chord of length h lies h^2 / 8 r inside; a cell's diagonal is the longest.
    sagitta = 3 * (2 / resolution) ** 2 / (8 * 0.7)
    assert distance.max() < 0.7 + 1e-4  # Of a sample that was nudged.
    assert distance.min() > 0.7 - sagitta
    assert solid(found).volume == pytest.approx(4 / 3 * np.pi * 0.7**3, rel=0.01)


def test_axes_are_x_y_z():
    off = (0.4, -0.3, 0.1)
    found = surface.extract(clamped(sphere(0.2, off)))
    np.testing.assert_allclose(found.vertices.mean(axis=0), off, atol=1e-3)


def test_samples_are_the_points_of_the_grid():
    found = surface.lattice(clamped(torus), slope=np.inf)
    points = np.asarray(coords.grid((64, 64, 64)))
    np.testing.assert_array_equal(
        found.reshape(-1), clamped(torus)(points).astype(np.float32)
    )


@pytest.mark.parametrize("name", FIELDS)
def test_the_mesh_is_closed_and_faces_outward(name):
    found = solid(surface.extract(clamped(FIELDS[name])))
    assert found.is_watertight and found.is_winding_consistent
    assert found.volume > 0
    assert found.area_faces.min() > 0


@pytest.mark.parametrize("resolution", [48, 64, 128])
@pytest.mark.parametrize("name", FIELDS)
def test_coarse_to_fine_equals_dense(name, resolution):
    field = clamped(FIELDS[name])
    found = surface.extract(field, resolution=resolution)
    dense = surface.lattice(field, resolution=resolution, slope=np.inf)
    expected = surface.polygons(dense)
    np.testing.assert_array_equal(found.faces, expected.faces)
    np.testing.assert_array_equal(found.vertices, expected.vertices)


def test_what_is_steeper_than_trusted_is_followed_but_a_speck_is_missed():
    # Between the coarse samples, 0.108 from the nearest: all of them say "far".
    centre = (0.0, 0.0, 0.0)
    speck = clamped(sphere(0.03, centre))
    assert len(surface.extract(speck, slope=7.0).faces) == 0
    assert len(surface.extract(speck, slope=10.0).faces) > 0
    steep = clamped(lambda p: 4 * torus(p))
    found = surface.lattice(steep, slope=10.0)
    dense = surface.lattice(steep, slope=np.inf)
    np.testing.assert_array_equal(
        surface.polygons(found).vertices, surface.polygons(dense).vertices
    )


def test_what_reaches_the_border_gets_a_lid_on_it():
    found = surface.extract(clamped(lambda p: p[:, 1] - 0.25))
    np.testing.assert_allclose(found.vertices.max(axis=0), [1, 0.25, 1], atol=1e-6)
    np.testing.assert_allclose(found.vertices.min(axis=0), -1, atol=1e-6)
    # Marching cubes bevels the edges of the lid by half a cell.
    assert solid(found).volume == pytest.approx(2 * 2 * 1.25, rel=1e-3)
    assert solid(found).is_watertight


def test_an_empty_field_has_no_faces_and_a_full_one_is_the_cube():
    empty = surface.extract(lambda p: np.ones(len(p)))
    assert empty.vertices.shape == empty.faces.shape == (0, 3)
    full = surface.extract(lambda p: -np.ones(len(p)))
    np.testing.assert_array_equal(full.vertices.min(axis=0), -1)
    np.testing.assert_array_equal(full.vertices.max(axis=0), 1)
    assert solid(full).is_watertight


def test_a_level_moves_the_surface():
    found = surface.extract(clamped(sphere(0.6)), level=0.5)
    expected = surface.extract(clamped(sphere(0.6 + 0.5 * CLAMP)))
    np.testing.assert_allclose(found.vertices, expected.vertices, atol=1e-4)


def test_a_surface_through_samples_has_no_flat_faces():
    # An octahedron: samples of resolution 32 lie at odd multiples of 1 / 32.
    field = clamped(lambda p: (np.abs(p).sum(axis=1) - 31 / 32) / np.sqrt(3))
    assert (surface.lattice(field, resolution=32) == 0).any()
    found = solid(surface.extract(field, resolution=32))
    assert found.is_watertight
    assert found.area_faces.min() > 0
    assert found.volume == pytest.approx(4 / 3 * (31 / 32) ** 3, rel=0.02)


def test_few_points_are_evaluated_in_calls_of_one_shape():
    shapes = []

    def field(points):
        shapes.append((points.shape, points.dtype))
        return clamped(torus)(points)

    surface.extract(field, chunk=1000)
    assert set(shapes) == {((1000, 3), np.dtype(np.float32))}
    assert len(shapes) * 1000 < 64**3 / 8
    at_64 = len(shapes)
    surface.extract(field, resolution=128, chunk=1000)
    assert len(shapes) - at_64 < 5 * at_64  # Grows as the area does, not the volume.


def test_a_jitted_field_compiles_once():
    traced = []

    @jax.jit
    def field(points):
        traced.append(points.shape)
        return jnp.linalg.norm(points, axis=1) - 0.5

    found = surface.extract(field, slope=1.0)
    assert traced == [(4096, 3)]
    assert solid(found).volume == pytest.approx(4 / 3 * np.pi / 8, rel=0.01)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda p: p[:, 0] * np.nan, "expected 4096 finite values for 4096 points"),
        (lambda p: p[:, :1], "in shape (4096, 1)"),
    ],
)
def test_wrong_values_are_named(wrong, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        surface.extract(wrong)


@pytest.mark.parametrize(("resolution", "coarse"), [(50, 16), (0, 16), (64, 0)])
def test_a_resolution_that_cannot_be_refined_is_named(resolution, coarse):
    message = f"expected a multiple of coarse ({coarse}), got {resolution}"
    with pytest.raises(ValueError, match=re.escape(message)):
        surface.extract(clamped(torus), resolution=resolution, coarse=coarse)
