"""Lattices of signed distances: what they hold, and that they are measured once."""

import os

import numpy as np
import pytest

from tests import boxes
from wsjax.data import shape_lattice, shapes
from wsjax.meshes import lattice
from wsjax.meshes.mesh import Mesh

HALF = np.array([0.61, 0.33, 0.07])


@pytest.fixture(scope="module")
def box():
    made = boxes.box(HALF)
    return Mesh(np.asarray(made.vertices, float), np.asarray(made.faces))


def nodes(cells):
    axis = np.linspace(-1.0, 1.0, cells + 1)
    return np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1)


def distance(points):
    """Signed distance to the box, in closed form."""
    beyond = np.abs(points) - HALF
    outside = np.linalg.norm(beyond.clip(0.0), axis=-1)
    return outside + np.minimum(beyond.max(axis=-1), 0.0)


@pytest.mark.parametrize("cells", [16, 48])
def test_a_lattice_holds_the_cut_distance_of_every_node(box, cells):
    found = lattice.distances(box, cells=cells)
    true = distance(nodes(cells)) * cells / 8.0
    assert found.shape == (cells + 1,) * 3
    assert found.dtype == np.int8
    np.testing.assert_allclose(found / 127.0, true.clip(-1.0, 1.0), atol=1.01 / 127)
    clear = np.abs(true) > 1e-6
    np.testing.assert_array_equal((found < 0)[clear], (true < 0.0)[clear])


def test_a_node_that_is_barely_inside_stays_inside():
    thin = boxes.box((0.5, 0.5, 1e-4))
    mesh = Mesh(np.asarray(thin.vertices, float), np.asarray(thin.faces))
    found = lattice.distances(mesh, cells=16)
    places = nodes(16)
    inside = (np.abs(places[..., :2]).max(axis=-1) < 0.49) & (places[..., 2] == 0.0)
    assert inside.sum() == 49
    assert (found[inside] == -1).all()


def test_cells_that_are_no_multiple_of_eight_are_refused(box):
    with pytest.raises(ValueError, match="cells=20 should be a multiple of 8"):
        lattice.distances(box, cells=20)


@pytest.fixture
def measured(monkeypatch):
    """Counts the lattices that are measured, on few cells."""
    counted, measure = [], lattice.distances

    def counting(mesh):
        counted.append(mesh)
        return measure(mesh, cells=16)

    monkeypatch.setattr(lattice, "distances", counting)
    return counted


def test_a_lattice_is_measured_once_and_only_if_asked_for(tmp_path, measured):
    found = boxes.loader(boxes.write(tmp_path / "meshes"), tmp_path / "cache")()
    shapes.read(found, [0, 1, 2], "grid", "values")
    assert not measured
    first, values = shapes.read(found, [1, 0], "lattice", "values")
    assert len(measured) == 2
    again, other = shapes.read(found, [1, 0], "lattice", "values")
    assert len(measured) == 2
    assert first.dtype == np.int8
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(values, other)
    # It is the shape's own: as many nodes are inside as cells of its grid.
    share = (first < 0).mean(axis=(1, 2, 3))
    assert share[0] > 1.2 * share[1] > 0.0


def test_a_damaged_lattice_is_measured_again(tmp_path, measured):
    found = boxes.loader(boxes.write(tmp_path / "meshes"), tmp_path / "cache")()
    (first,) = shapes.read(found, [0], "lattice")
    (kept,) = (f for f in os.listdir(tmp_path / "cache") if "lattice" in f)
    (tmp_path / "cache" / kept).write_bytes(b"damaged")
    (again,) = shapes.read(found, [0], "lattice")
    assert len(measured) == 2
    np.testing.assert_array_equal(first, again)


def test_a_shape_without_a_mesh_has_no_lattice(tmp_path):
    file = tmp_path / "cloud.npz"
    np.savez(file, vertices=np.zeros((0, 3)), faces=np.zeros((0, 3), np.int32))
    with pytest.raises(ValueError, match=r"cloud.npz: expected a mesh.*found none"):
        shape_lattice.load(str(file), ("lattice",))
