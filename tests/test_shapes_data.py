"""Shapes from folders and drawn ones."""

import numpy as np
import pytest
import trimesh

from tests import boxes
from wsjax.data import parametric, shapes
from wsjax.meshes import sampling
from wsjax.meshes.mesh import restore


@pytest.fixture
def meshes(tmp_path):
    return boxes.write(tmp_path / "meshes")


@pytest.fixture
def load(meshes, tmp_path):
    return boxes.loader(meshes, tmp_path / "cache")


def test_a_folder_of_meshes_becomes_shapes(load):
    found = load()
    assert found.names == ["low/a.ply", "low/b.obj", "tall/c.stl"]
    assert found.classes == ["low", "tall"]
    assert found.labels.tolist() == [0, 0, 1]
    assert found.labels.dtype == np.int32
    assert (found.size, found.kind, found.clamp) == (4, "sdf", 0.1)
    assert found.skipped == {}
    assert found.quality == [{}, {}, {}]
    points, values, inside = shapes.read(found, [2, 0], "points", "values", "inside")
    assert points.shape == (2, 64, 3)
    assert (np.abs(values) <= 1).all()
    assert points.dtype == values.dtype == np.float32
    # In the frame the tall one is 0.36 x 0.9 x 0.36, the low one 0.9 x 0.18 x 0.9.
    volumes = 8 * np.unpackbits(inside, axis=1).mean(axis=1)
    wanted = [8 * 0.36**2 * 0.9, 8 * 0.9**2 * 0.18]
    np.testing.assert_allclose(volumes, wanted, rtol=0.02)


def test_meshes_come_back_to_where_they_lay(load):
    found = load()
    mesh = restore(shapes.read_mesh(found, 2), found.frames[2])
    np.testing.assert_allclose(mesh.vertices.min(axis=0), [4.6, -1, -0.4], atol=1e-6)
    np.testing.assert_allclose(mesh.vertices.max(axis=0), [5.4, 1, 0.4], atol=1e-6)
    assert mesh.faces.shape == (12, 3)


def test_a_bad_instance_stops_no_other(load, meshes):
    (meshes / "low/bad.ply").write_bytes(b"ply\nnothing")
    (meshes / "tall/gone.off").symlink_to("nowhere")
    found = load()
    assert found.names == ["low/a.ply", "low/b.obj", "tall/c.stl"]
    assert found.labels.tolist() == [0, 0, 1]
    assert set(found.skipped) == {"low/bad.ply", "tall/gone.off"}
    assert all(found.skipped.values())


def test_an_unknown_failure_stops_no_other(load, monkeypatch):
    normalise, seen = shapes.shape_origins.normalise, []

    def failing(mesh):
        seen.append(mesh)
        if len(seen) == 2:
            raise ZeroDivisionError("nobody thought of this")
        return normalise(mesh)

    monkeypatch.setattr(shapes.shape_origins, "normalise", failing)
    found = load()
    assert found.names == ["low/a.ply", "tall/c.stl"]
    assert "nobody thought of this" in found.skipped["low/b.obj"]


def test_a_surface_that_encloses_nothing_is_a_bad_instance(load, monkeypatch):
    signed_distance = sampling.signed_distance

    def without_inside(mesh, points, **options):
        found = signed_distance(mesh, points, **options)
        return np.abs(found) if np.ptp(mesh.vertices[:, 1]) > 1 else found

    monkeypatch.setattr(sampling, "signed_distance", without_inside)
    assert load().skipped == {"tall/c.stl": "its surface encloses nothing"}


def test_what_is_wrong_with_a_mesh_is_said_and_repaired(load, meshes):
    turned = boxes.box((1, 0.3, 1), centre=(5, 0, 0))
    turned.invert()
    turned.export(meshes / "low/b.obj")
    found = load()
    assert found.quality[0] == {}
    assert found.quality[1]["flags"] == ["inverted"]
    bits = np.unpackbits(shapes.read(found, [1], "inside")[0])
    np.testing.assert_allclose(8 * bits.mean(), 8 * 0.9**2 * 0.27, rtol=0.02)


def test_a_list_gives_names_and_classes(load, meshes):
    table = meshes / "some.csv"
    table.write_text("file,kind\ntall/c.stl,post\nlow/a.ply,plate\n")
    found = load(labels=table, class_column="kind")
    assert found.names == ["tall/c.stl", "low/a.ply"]
    assert (found.classes, found.labels.tolist()) == (["plate", "post"], [1, 0])


def test_nothing_usable_is_an_error(tmp_path, load):
    with pytest.raises(FileNotFoundError, match="nothing"):
        load(path=tmp_path / "nowhere")
    with pytest.raises(ValueError, match="a data path is required"):
        load(path=None)
    bad = tmp_path / "bad"
    bad.mkdir()
    with pytest.raises(ValueError, match="found none"):
        load(path=bad)
    (bad / "a.ply").write_bytes(b"")
    with pytest.raises(ValueError, match="not one that can be used; the first, a.ply"):
        load(path=bad)


def test_options_are_checked(load):
    for options, words in [
        ({"size": 0}, "size="),
        ({"n": 0}, "n="),
        ({"preset": "huge"}, "unknown preset 'huge'; choose one of"),
        ({"preset": boxes.TINY._replace(kind="x")}, "'sdf' or 'occupancy'"),
    ]:
        with pytest.raises(ValueError, match=words):
            load(**options)
    found = load()
    with pytest.raises(ValueError, match="unknown array 'sdf'"):
        shapes.read(found, [0], "sdf")


def test_arrays_of_different_size_do_not_stack(load, meshes):
    trimesh.creation.icosphere(1).export(meshes / "tall/d.ply")
    with pytest.raises(ValueError, match="'vertices' has another size"):
        shapes.read(load(), [2, 3], "vertices")


def test_drawn_categories_take_turns(tmp_path):
    found = boxes.drawn(tmp_path, n=12)
    assert found.classes == list(parametric.CATEGORIES)
    assert found.labels.tolist() == [*range(10), 0, 1]
    assert found.names[10] == "airplane/00001"
    mesh = restore(shapes.read_mesh(found, 10), found.frames[10])
    np.testing.assert_allclose(
        mesh.vertices, parametric.make("airplane", 1).vertices, atol=1e-6
    )
    some = boxes.drawn(tmp_path, n=4, categories=["sofa", "chair"])
    assert some.classes == ["sofa", "chair"]
    assert some.names == ["sofa/00000", "chair/00000", "sofa/00001", "chair/00001"]
    assert some.files[1] == found.files[4]
    other = boxes.drawn(tmp_path, n=4, seed=1)
    assert other.names[0] == "airplane/1000000"
    assert not set(other.files) & set(found.files)
    with pytest.raises(ValueError, match="categories= needs names"):
        boxes.drawn(tmp_path, n=2, categories=["spoon"])
