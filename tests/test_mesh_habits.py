"""Mesh files as programs write them, beyond what a format's description says."""

import struct

import numpy as np
import pytest
import trimesh
from trimesh.exchange.stl import export_stl_ascii

from wsjax.meshes.formats import BadMesh, decode, encode
from wsjax.meshes.mesh import Mesh

BOX = trimesh.creation.box()
MESH = Mesh(np.array(BOX.vertices), np.array(BOX.faces, np.int64))
OBJ, OFF, STL = (encode(MESH, suffix) for suffix in (".obj", ".off", ".stl"))
TEXT_STL = export_stl_ascii(BOX).encode()


def check(content: bytes, suffix: str) -> None:
    """The file is the same box as the one that we write."""
    found, expected = decode(content, suffix), decode(encode(MESH, suffix), suffix)
    np.testing.assert_array_equal(found.vertices, expected.vertices)
    np.testing.assert_array_equal(found.faces, expected.faces)


@pytest.mark.parametrize(
    "change",
    [
        lambda off: off.replace(b"OFF\n", b"off\n"),
        lambda off: off.replace(b"OFF\n", b""),
        lambda off: off.replace(b"OFF\n", b"# exported\n\nOff "),
        lambda off: off.replace(b"OFF\n", b"OFF"),
        lambda off: off.replace(b"\n", b"\r\n").rstrip(),
        lambda off: off.replace(b"\n", b"\r"),
        lambda off: off.replace(b"\n", b" # a comment\n"),
    ],
)
def test_headers_of_off(change):
    check(change(OFF), ".off")


def test_a_binary_off_is_refused_by_name():
    head = b"OFF BINARY\n" + struct.pack(">3i", 8, 12, 0)
    with pytest.raises(BadMesh, match="binary OFF, .* save it as text"):
        decode(head + bytes(400), ".off")


def test_comments_behind_faces():
    check(OBJ.replace(b"\n", b" # from a modelling program\n"), ".obj")
    check(OBJ.replace(b"\nf ", b"\nf \\\n "), ".obj")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-8-sig"])
def test_text_in_other_encodings(encoding):
    for content, suffix in ((OBJ, ".obj"), (OFF, ".off"), (TEXT_STL, ".stl")):
        text = content.decode()
        mark = "\ufeff" if encoding == "utf-16-be" else ""
        check((mark + text).encode(encoding), suffix)


@pytest.mark.parametrize("behind", [b"\0", b"exported by a scanner", bytes(428)])
def test_bytes_behind_the_end_of_an_stl(behind):
    check(STL + behind, ".stl")


def test_whole_facets_behind_the_end_of_an_stl_are_no_remainder():
    """The number of facets is wrong then, and the rest of the shape would be lost."""
    few = STL[:80] + struct.pack("<I", 10) + STL[84:]
    with pytest.raises(BadMesh, match="584 by its header"):
        decode(few, ".stl")
    picture = b"\x89PNG\r\n\x1a\n" + bytes(72) + struct.pack("<I", 1) + bytes(77)
    with pytest.raises(BadMesh, match="looks like a picture"):
        decode(picture, ".stl")


def test_a_text_stl_need_not_say_that_it_ends():
    start = TEXT_STL[: TEXT_STL.rindex(b"endsolid")]
    check(start, ".stl")
    check(start.rstrip(), ".stl")
    with pytest.raises(BadMesh, match="cut short"):
        decode(start[: start.rindex(b"endfacet")], ".stl")
    with pytest.raises(BadMesh, match="12 faces, expected at most 11"):
        decode(start, ".stl", most_faces=11)


@pytest.mark.parametrize("suffix", [".obj", ".off"])
def test_vertices_without_faces_are_bounded(suffix):
    """Else a file of vertices alone takes many times its size."""
    head, row = {".obj": (b"", b"v 0 0 0\n"), ".off": (b"OFF 50 1 0\n", b"0 0 0\n")}[
        suffix
    ]
    with pytest.raises(BadMesh, match="vertices"):
        decode(head + 50 * row + b"3 0 1 2\n", suffix, most_faces=10)
