"""Bad mesh files beside good ones: one line each, and the good ones as if alone."""

import json
import os
import struct

import numpy as np
import pytest
import trimesh

from wsjax.data.mesh_folder import open_meshes
from wsjax.data.source import BadInstance
from wsjax.meshes.formats import BadMesh, decode, encode
from wsjax.meshes.mesh import Mesh

SPHERE = trimesh.creation.icosphere(2)
MESH = Mesh(np.array(SPHERE.vertices), np.array(SPHERE.faces, np.int64))
FILES = {suffix: encode(MESH, suffix) for suffix in (".ply", ".glb", ".stl", ".off")}
FILES[".obj"] = encode(MESH, ".obj")
TETRA = "v 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\nf 1 3 2\nf 1 2 4\nf 1 4 3\nf 2 3 4\n"
MOST = 1000


def changed(row: int, value) -> Mesh:
    vertices = MESH.vertices.copy()
    vertices[row] = value
    return Mesh(vertices, MESH.faces)


def ply(mesh: Mesh) -> bytes:
    """As `encode`, which refuses what is not finite."""
    return trimesh.Trimesh(*mesh, process=False).export(file_type="ply")


def lying_glb() -> bytes:
    """The JSON of a scene claims numbers that a file of this length cannot hold."""
    start, length = 20, struct.unpack("<I", FILES[".glb"][12:16])[0]
    tree = json.loads(FILES[".glb"][start : start + length])
    for accessor in tree["accessors"]:
        accessor["count"] = 10**11
    text = json.dumps(tree).encode()
    text += b" " * (-len(text) % 4)
    rest = FILES[".glb"][start + length :]
    head = struct.pack("<4sII", b"glTF", 2, 20 + len(text) + len(rest))
    return head + struct.pack("<I4s", len(text), b"JSON") + text + rest


STL_BOMB = b"\0" * 80 + struct.pack("<I", MOST + 1) + b"\0" * 50 * (MOST + 1)
BOMB_HEAD = (
    b"\nelement face 1000000\nproperty list uchar int vertex_indices\nend_header"
)
BAD = {
    "zero.ply": (b"", "zero bytes"),
    "cut.ply": (FILES[".ply"][:-40], "cut short"),
    "cut head.ply": (FILES[".ply"][:60], "header"),
    "cut.glb": (FILES[".glb"][:-9], "promises"),
    "cut head.glb": (FILES[".glb"][:14], "cut short: 14 bytes"),
    "cut.stl": (FILES[".stl"][:-1], "cut short"),
    "cut text.stl": (b"solid x\nfacet normal 0 0 0\nouter loop\n", "within a facet"),
    "cut.off": (FILES[".off"][: len(FILES[".off"]) // 2], "cut short"),
    "cut.obj": (FILES[".obj"][: FILES[".obj"].index(b"\nf ")], "no faces"),
    "is a ply.obj": (FILES[".ply"], "named .obj but looks like a PLY; rename"),
    "is a glb.ply": (FILES[".glb"], "looks like a GLB"),
    "is an obj.off": (TETRA.encode(), "looks like an OBJ"),
    "is a picture.obj": (b"\x89PNG\r\n\x1a\n" + b"\0" * 64, "looks like a picture"),
    "is an archive.glb": (b"PK\x03\x04" + b"\0" * 64, "looks like an archive"),
    "is a page.stl": (b"<!DOCTYPE html><html>gone</html>" * 9, "a web page"),
    "text.ply": (b"all is well\n" * 20, "header"),
    "text.obj": (b"all is well\n" * 20, "no faces, only 0 vertices"),
    "text.off": (b"all is well\n" * 20, "expected OFF"),
    "text.stl": (b"all is well\n" * 20, "no text STL"),
    "text.glb": (b"all is well\n" * 20, "expected a GLB"),
    "noise.ply": (np.random.default_rng(0).bytes(2000), "header"),
    "noise.stl": (np.random.default_rng(0).bytes(2000), "no text STL"),
    "no faces.off": (b"OFF\n3 0 0\n0 0 0\n1 0 0\n0 1 0\n", "no faces, only 3"),
    "no faces.stl": (b"\0" * 84, "no faces"),
    "points.ply": (
        trimesh.PointCloud(MESH.vertices).export(file_type="ply"),
        "no faces, only 162 vertices",
    ),
    "nan.ply": (ply(changed(3, np.nan)), "1 of 162 vertices are NaN"),
    "nan.obj": (TETRA.replace("v 1 0 0", "v nan 0 0").encode(), "1 of 4"),
    "infinite.ply": (ply(changed(3, np.inf)), "1 of 162 vertices are NaN, infinite"),
    "huge.obj": (TETRA.replace("v 1 0 0", "v 1e300 0 0").encode(), "1 of 4"),
    "no number.obj": (TETRA.replace("v 1 0 0", "v one 0 0").encode(), "'one 0 0'"),
    "two numbers.off": (b"OFF\n1 0 0\n1 2\n", "three numbers, found '1 2'"),
    "index.obj": ((TETRA + "f 1 2 99\n").encode(), "uses vertex 98, expected 0 to 3"),
    "index.ply": (ply(Mesh(MESH.vertices, MESH.faces + 1)), "uses vertex 162"),
    "negative.off": (b"OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 -1\n", "vertex -1"),
    "one point.ply": (encode(Mesh(MESH.vertices * 0 + 5, MESH.faces), ".ply"), "one p"),
    "line.ply": (encode(Mesh(MESH.vertices * [1, 0, 0], MESH.faces), ".ply"), "one l"),
    "flat.ply": (encode(Mesh(MESH.vertices * [1, 1, 0], MESH.faces), ".ply"), "flat"),
    "no area.off": (
        b"OFF\n4 2 0\n0 0 0\n1 0 0\n0 1 0\n0 0 1\n3 0 0 1\n3 2 3 2\n",
        "none of 2 faces has an area",
    ),
    "bomb.ply": (FILES[".ply"].split(b"\nelement face")[0] + BOMB_HEAD, "1000000 f"),
    "bomb.off": (b"OFF\n8 1000000 0\n0 0 0\n", "promises 1000000 faces"),
    "bomb.stl": (STL_BOMB, "promises 1001 faces, expected at most 1000"),
    "fan.obj": ((TETRA + f"f {'1 2 3 ' * MOST}\n").encode(), "more faces than"),
    "lying.ply": (
        FILES[".ply"].replace(b"vertex 162", b"vertex 999999999"),
        "promises 999999999 vertices",
    ),
    "lying a little.ply": (FILES[".ply"].replace(b"vertex 162", b"vertex 163"), "cut"),
    "lying.stl": (b"\0" * 80 + b"\xff" * 4 + FILES[".stl"][84:], "214748364834"),
    "lying.glb": (lying_glb(), "promises more numbers"),
    "lying chunk.glb": (
        FILES[".glb"][:12] + b"\xff\xff\xff\x7f" + FILES[".glb"][16:],
        "2147483647 of JSON",
    ),
    "deep.gltf": (b'{"a":' + b"[" * 100_000, "does not decode"),
    "no scene.gltf": (b'{"asset": {"version": "2.0"}}', "no faces"),
}
GOOD = {"good" + suffix: content for suffix, content in FILES.items()} | {
    "größe 形.obj": TETRA.encode(),
    "line\nbreak \U0001f419.ply": FILES[".ply"],
    "shared.obj": ("mtllib /etc/passwd\nusemtl ../x\n" + TETRA).encode(),
}


@pytest.mark.parametrize("name", BAD)
def test_each_bad_file_has_its_reason(name):
    content, reason = BAD[name]
    with pytest.raises(BadMesh) as caught:
        decode(content, os.path.splitext(name)[1], most_faces=MOST)
    message = str(caught.value)
    assert reason in message and "\n" not in message and len(message) <= 200


def read_all(source) -> tuple[dict[str, Mesh], dict[str, str]]:
    meshes, reasons = {}, {}
    for i, name in enumerate(source.names):
        try:
            meshes[name] = source.read(i)
        except BadInstance as error:
            reasons[name] = str(error)
    return meshes, reasons


def special(folder) -> set[str]:
    """Puts in what is no file, and returns the names."""
    (folder / "folder.ply").mkdir()
    os.mkfifo(folder / "pipe.ply")
    (folder / "broken.ply").symlink_to("nowhere.ply")
    (folder / "itself.ply").symlink_to("itself.ply")
    (folder / "device.obj").symlink_to("/dev/zero")
    (folder / "loop").symlink_to(".")
    return {
        *("folder.ply", "pipe.ply", "broken.ply", "itself.ply"),
        *("device.obj", "loop"),
    }


@pytest.mark.parametrize("layout", ["flat", "classes", "list"])
def test_bad_files_stop_no_good_one(tmp_path, layout):
    root, start = tmp_path / "set", "kind/" if layout == "classes" else ""
    folder = root / start
    folder.mkdir(parents=True)
    wrong = special(folder)
    for name, content in GOOD.items():
        (folder / name).write_bytes(content)
    for name, (content, _) in BAD.items():
        (folder / name).write_bytes(content)
    if layout == "list":
        with open(root / "index.csv", "w", newline="", encoding="utf-8") as file:
            rows = [f'"{name}",kind\n' for name in [*GOOD, *wrong, *BAD]]
            file.write("file,class\n" + "".join(rows))
    meshes, reasons = read_all(open_meshes(root, most_faces=MOST))
    assert set(meshes) == {start + name for name in GOOD}
    assert set(reasons) == {start + name for name in [*BAD, *wrong]}
    for reason in reasons.values():
        assert reason and "\n" not in reason and len(reason) <= 200
    for name, (_, reason) in BAD.items():
        assert reason in reasons[start + name]
    for name, content in GOOD.items():
        alone = decode(content, os.path.splitext(name)[1])
        np.testing.assert_array_equal(meshes[start + name].vertices, alone.vertices)
        np.testing.assert_array_equal(meshes[start + name].faces, alone.faces)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read anything")
def test_what_may_not_be_read_is_recorded(tmp_path):
    for name in ("a.ply", "b.ply", "kind.d/c.ply"):
        path = tmp_path / ("flat" if "/" not in name else "classes") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(FILES[".ply"])
        path.chmod(0o000 if "a" in path.name else 0o644)
    (tmp_path / "classes" / "locked").mkdir(mode=0o000)
    meshes, reasons = read_all(open_meshes(tmp_path / "flat"))
    assert set(meshes) == {"b.ply"}
    assert reasons == {"a.ply": "cannot be opened: Permission denied"}
    meshes, reasons = read_all(open_meshes(tmp_path / "classes"))
    assert set(meshes) == {"kind.d/c.ply"} and set(reasons) == {"locked"}


def test_a_name_that_is_no_text_can_still_be_recorded(tmp_path):
    for name in (b"\xff.ply", b"b.ply"):
        with open(os.path.join(os.fsencode(tmp_path), name), "wb") as file:
            file.write(FILES[".ply"])
    source = open_meshes(tmp_path)
    assert source.names == ["b.ply", "\\xff.ply"]
    assert json.dumps(source.names).encode("utf-8")
    meshes, reasons = read_all(source)
    assert len(meshes) == 2 and not reasons


def test_no_other_file_is_opened(tmp_path, monkeypatch):
    """Whatever a mesh refers to: the path is never handed to the system."""
    names = {
        "a.obj": ("mtllib secret.mtl\nusemtl x\n" + TETRA).encode(),
        "b.ply": FILES[".ply"].replace(
            b"\nelement vertex", b"\ncomment TextureFile secret.png\nelement vertex"
        ),
        "c.gltf": json.dumps(
            {"asset": {"version": "2.0"}, "buffers": [{"uri": "secret.bin"}]}
        ).encode(),
        "d.gltf": json.dumps(
            {"asset": {"version": "2.0"}, "images": [{"uri": "http://secret/x.png"}]}
        ).encode(),
    }
    for name, content in names.items():
        (tmp_path / name).write_bytes(content)
    opened = []
    monkeypatch.setattr("builtins.open", lambda *a, **k: opened.append(a) or 1 / 0)
    monkeypatch.setattr("socket.socket", lambda *a, **k: opened.append(a) or 1 / 0)
    source = open_meshes(tmp_path)
    meshes, reasons = read_all(source)
    assert set(meshes) == {"a.obj", "b.ply"}
    assert "needs another file, 'secret.bin'" in reasons["c.gltf"]
    assert "no faces" in reasons["d.gltf"]
    assert not opened
