"""Point clouds with normals, from files to shapes."""

import io
import zipfile

import numpy as np
import pytest
import trimesh

from tests import boxes
from wsjax.data import point_cloud_folder, shapes
from wsjax.data.source import BadInstance
from wsjax.meshes import ply


@pytest.fixture
def load(tmp_path):
    return boxes.loader(None, tmp_path / "cache")


def cloud():
    points, faces = trimesh.sample.sample_surface(
        boxes.box((1, 0.5, 0.5)), 2000, seed=0
    )
    return points, boxes.box((1, 0.5, 0.5)).face_normals[faces]


def write_cloud(path, points, normals):
    rows = np.concatenate([points, normals], axis=1)
    if path.suffix == ".npz":
        np.savez(path, points=points, normals=normals)
    elif path.suffix == ".npy":
        np.save(path, rows)
    elif path.suffix == ".xyz":
        np.savetxt(path, rows, fmt="%.9g")
    else:
        properties = "".join(f"property float {c}\n" for c in "x y z nx ny nz".split())
        header = f"ply\nformat ascii 1.0\nelement vertex {len(rows)}\n{properties}"
        with path.open("w") as file:
            file.write(f"{header}end_header\n")
            np.savetxt(file, rows, fmt="%.9g")


@pytest.mark.parametrize("suffix", [".npz", ".npy", ".xyz", ".ply"])
def test_every_format_of_clouds_is_decoded(tmp_path, suffix):
    points, normals = cloud()
    write_cloud(tmp_path / f"a{suffix}", points, 3 * normals)
    content = (tmp_path / f"a{suffix}").read_bytes()
    found = point_cloud_folder.decode(content, suffix)
    np.testing.assert_allclose(found, [points, normals], atol=1e-6)
    with pytest.raises(BadInstance):
        point_cloud_folder.decode(content[: len(content) // 2 + 7], suffix)
    with pytest.raises(BadInstance):
        point_cloud_folder.decode(b"", suffix)


def test_a_folder_of_clouds_becomes_shapes(tmp_path, load):
    folder = tmp_path / "clouds"
    folder.mkdir()
    points, normals = cloud()
    write_cloud(folder / "a.ply", points, normals)
    write_cloud(folder / "b.npz", points, -normals)
    write_cloud(folder / "c.npy", points * np.nan, normals)
    write_cloud(folder / "d.npy", points, 0 * normals)
    found = load(path=folder)
    assert found.names == ["a.ply", "b.npz"]
    assert found.labels is None
    assert found.quality == [{}, {"flags": ["inverted"]}]
    assert found.skipped == {
        "c.npy": "6000 numbers are NaN or infinite",
        "d.npy": "2000 normals have length 0",
    }
    bits = np.unpackbits(shapes.read(found, [0, 1], "inside")[0], axis=1)
    np.testing.assert_allclose(8 * bits.mean(axis=1), 8 * 0.9 * 0.45**2, rtol=0.05)
    assert shapes.read_mesh(found, 0).faces.shape == (0, 3)


def test_clouds_in_subfolders_have_classes(tmp_path, load):
    folder = tmp_path / "clouds"
    for name in ("b/one.npy", "a/two.npy", "a/three.npy"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write_cloud(folder / name, *cloud())
    (folder / "a/short.npy").write_bytes(b"\x93NUMPY")
    np.save(folder / "a/points.npy", np.zeros((9, 3)))
    found = load(path=folder)
    assert found.names == ["a/three.npy", "a/two.npy", "b/one.npy"]
    assert (found.labels.tolist(), found.classes) == ([0, 0, 1], ["a", "b"])
    assert "does not decode" in found.skipped["a/short.npy"]
    assert "[M, 6], found [9, 3]" in found.skipped["a/points.npy"]
    write_cloud(folder / "stray.npy", *cloud())
    both = "found both, e.g. 'stray.npy' and 'a/points.npy'"
    with pytest.raises(ValueError, match=both):
        load(path=folder)


def lying_npy() -> bytes:
    """Ten rows under a header of a thousand million."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        file, {"descr": "<f8", "fortran_order": False, "shape": (10**9, 6)}
    )
    return file.getvalue() + bytes(480)


def zipped(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "suffix", "reason"),
    [
        (lying_npy(), ".npy", r"promises float64 numbers \[1000000000, 6\] in"),
        (zipped(points=lying_npy(), normals=lying_npy()), ".npz", "promises float64"),
        (zipped(points=bytes(9999), normals=bytes(2)), ".npz", "when unpacked"),
        (bytes(10_001), ".xyz", "expected at most 10000"),
        (
            b"ply\nformat ascii 1.0\nelement vertex 999999999\nend_header\n",
            ".ply",
            "promises 999999999 vertices",
        ),
    ],
)
def test_what_a_file_promises_is_not_allocated(content, suffix, reason, monkeypatch):
    monkeypatch.setattr(point_cloud_folder, "MOST_BYTES", 10_000)
    monkeypatch.setattr(point_cloud_folder.np, "load", None)
    monkeypatch.setattr(ply, "PlyData", None)
    with pytest.raises(BadInstance, match=reason):
        point_cloud_folder.decode(content, suffix)
