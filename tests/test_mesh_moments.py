"""An object that is stored in several formats is one object."""

import numpy as np
import pytest
import trimesh

from tests import boxes
from wsjax.data import shapes
from wsjax.meshes.formats import decode, encode
from wsjax.meshes.mesh import Mesh, normalise
from wsjax.meshes.moments import CLOSE, alike, moments, surface_moments
from wsjax.meshes.quality import repaired


def body(seed: int) -> Mesh:
    """An irregular closed body."""
    points = np.random.default_rng(seed).normal(size=(30, 3))
    hull = trimesh.convex.convex_hull(points)
    return Mesh(np.array(hull.vertices), np.array(hull.faces, np.int64))


def described(mesh: Mesh) -> np.ndarray:
    return surface_moments(normalise(repaired(mesh))[0])


def finer(mesh: Mesh) -> Mesh:
    """The same surface of four times as many triangles, in another order."""
    divided = trimesh.Trimesh(*mesh, process=False).subdivide()
    return Mesh(np.array(divided.vertices), np.array(divided.faces)[::-1].copy())


def test_formats_order_place_size_and_triangles_do_not_matter():
    mesh = body(0)
    expected = described(mesh)
    for suffix in (".obj", ".off", ".ply", ".stl", ".glb"):
        other = described(decode(encode(mesh, suffix), suffix))
        np.testing.assert_allclose(other, expected, atol=CLOSE / 5)
    text = encode(Mesh(mesh.vertices.round(6), mesh.faces), ".obj")
    moved = Mesh(7 * mesh.vertices + [5, -2, 1], mesh.faces)
    for other in (decode(text, ".obj"), finer(mesh), moved):
        np.testing.assert_allclose(described(other), expected, atol=CLOSE / 2)


def test_what_differs_is_told_apart():
    mesh = body(0)
    spin = trimesh.transformations.rotation_matrix(0.01, [1, 2, 3])[:3, :3]
    dented = mesh.vertices.copy()
    dented[3] *= 0.98
    others = [
        Mesh(mesh.vertices @ spin.T, mesh.faces),
        Mesh(mesh.vertices * [1, 1, -1], mesh.faces[:, ::-1]),
        Mesh(dented, mesh.faces),
        body(1),
    ]
    table = np.stack([described(mesh), *map(described, others)])
    assert alike(table).tolist() == [0, 1, 2, 3, 4]


def test_moments_are_those_of_the_surface():
    """A cube of half side 1: area 24, and per face a mean square of 1, 1/3 and 1/3."""
    cube = trimesh.creation.box(extents=(2, 2, 2))
    found = surface_moments(Mesh(np.array(cube.vertices), np.array(cube.faces)))
    square = (1 + 1 / 3 + 1 / 3) / 3
    expected = [np.log(24), 0, 0, 0, square, 0, 0, square, 0, square]
    np.testing.assert_allclose(found, expected, atol=1e-12)
    points = np.array([[1.0, 2, 3], [3, 2, 1]])
    found = moments(points, np.array([1.0, 3.0]))
    expected = [np.log(4), 2.5, 2, 1.5, 7, 5, 3, 4, 3, 3]
    np.testing.assert_allclose(found, expected)


def test_groups_are_numbered_by_their_first_member_and_do_not_chain():
    table = np.zeros((6, 10))
    table[:, 4] = [0, 5, 0.6 * CLOSE, 1.2 * CLOSE, 5, 1.8 * CLOSE]
    assert alike(table).tolist() == [0, 1, 0, 2, 1, 2]
    assert alike(np.zeros((3, 10))).tolist() == [0, 0, 0]


@pytest.fixture
def folder(tmp_path):
    for place in ("a.obj", "b.ply", "d.stl", "e.glb"):
        path = tmp_path / "meshes" / place
        path.parent.mkdir(exist_ok=True)
        mesh = body(1 if place == "b.ply" else 0)
        path.write_bytes(encode(mesh, path.suffix))
    return tmp_path / "meshes"


def test_shapes_tell_which_files_hold_one_object(folder, tmp_path):
    load = boxes.loader(folder, tmp_path / "cache")
    for _ in range(2):  # Sampled, then from the cache.
        found = load()
        assert found.names == ["a.obj", "b.ply", "d.stl", "e.glb"]
        assert found.groups.tolist() == [0, 1, 0, 0]
        assert found.groups.dtype == np.int32
    (folder / "c.ply").write_bytes(b"nothing")
    assert load().groups.tolist() == [0, 1, 0, 0]


def test_point_clouds_in_two_formats_are_one_object(tmp_path):
    mesh = trimesh.creation.icosphere(3)
    for name, seed in (("a.npy", 0), ("b.npy", 1), ("c.xyz", 0)):
        points, faces = trimesh.sample.sample_surface(mesh, 500, seed=seed)
        cloud = np.concatenate([points, mesh.face_normals[faces]], axis=1)
        path = tmp_path / "clouds" / name
        path.parent.mkdir(exist_ok=True)
        np.save(path, cloud) if path.suffix == ".npy" else np.savetxt(path, cloud)
    found = boxes.loader(tmp_path / "clouds", tmp_path / "cache")()
    assert found.groups.tolist() == [0, 1, 0]


def test_drawn_shapes_are_all_different(tmp_path):
    found = boxes.drawn(tmp_path, n=60)
    assert shapes.read_mesh(found, 0).faces.size
    assert found.groups.tolist() == list(range(60))
