"""Meshes that are exported: names that every system takes, and what is skipped."""

import numpy as np
import pytest

from configs import shapes
from experiments import export_meshes
from wsjax import store
from wsjax.meshes import formats
from wsjax.meshes.mesh import Mesh

CORNERS = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], np.float64)
PYRAMID = Mesh(CORNERS, np.array([[0, 2, 1], [0, 1, 3], [1, 2, 3], [0, 3, 2]]))


def test_a_long_name_makes_a_file(tmp_path):
    names = ["c/" + "x" * 300 + end for end in ("a.obj", "b.obj")]
    found = [export_meshes._file_name(7, name, ".glb") for name in names]
    assert len(set(found)) == 2
    for name in found:
        assert name.startswith("00007_c_xxx") and len(name.encode()) <= 255
        assert export_meshes._write(tmp_path / name, PYRAMID) is None
        assert (tmp_path / name).exists()
    assert export_meshes._file_name(7, "chair/a.obj", ".ply") == "00007_chair_a.ply"


def test_a_mesh_that_its_format_cannot_hold_is_given_a_reason(tmp_path):
    far = PYRAMID._replace(vertices=CORNERS + 1e9)
    assert "STL" in export_meshes._write(tmp_path / "a.stl", far)
    assert export_meshes._write(tmp_path / "a.ply", far) is None
    flat = Mesh(np.zeros((0, 3)), np.zeros((0, 3), int))
    assert "no surface" in export_meshes._write(tmp_path / "b.ply", flat)
    assert [path.name for path in tmp_path.iterdir()] == ["a.ply"]


def test_every_suffix_that_is_offered_is_written(tmp_path):
    for suffix in export_meshes._SUFFIXES:
        assert export_meshes._write(tmp_path / f"a{suffix}", PYRAMID) is None
    (refused,) = set(formats.SUFFIXES) - set(export_meshes._SUFFIXES)
    with pytest.raises(ValueError, match="choose one of"):
        config = shapes.get_config("tiny")
        export_meshes.run(config, str(tmp_path / "run"), suffix=refused)


def test_a_full_disk_is_no_reason_to_skip(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OSError, match="free space"):
        export_meshes._write(tmp_path / "file" / "a.ply", PYRAMID)


def test_one_mesh_that_cannot_be_written_stops_no_other(tmp_path):
    names = {"a.obj": store.DONE, "b.obj": "failed: diverged", "c.obj": store.DONE}
    instances = [{"name": name, "status": status} for name, status in names.items()]
    moved = np.array([1e9, 0, 0])

    def mesh_of(adapter):
        return PYRAMID._replace(vertices=CORNERS + adapter)

    paths = [tmp_path / name.replace(".obj", ".stl") for name in names]
    said = export_meshes._write_group(mesh_of, moved, instances, paths)
    assert set(said) == {"a.obj", "b.obj"}
    assert said["b.obj"] == "failed: diverged" and "STL" in said["a.obj"]
    assert [path.name for path in tmp_path.iterdir()] == ["c.stl"]
