"""Laws of mesh files: what is written comes back; each format means what it says."""

import numpy as np
import pytest
import trimesh
from trimesh.exchange.ply import export_ply
from trimesh.exchange.stl import export_stl_ascii

from wsjax.meshes import formats, ply
from wsjax.meshes.formats import BadMesh, decode, encode
from wsjax.meshes.mesh import Mesh, merged, normalise, restore, used

SUFFIXES = (".glb", ".ply", ".obj", ".off", ".stl")
CUBE_OBJ = "".join(
    f"v {x} {y} {z}\n" for x in (0, 1) for y in (0, 1) for z in (0, 1)
)  # Row 1 is the origin; x moves slowest.
QUADS = ("1 2 4 3", "5 7 8 6", "1 5 6 2", "3 4 8 7", "1 3 7 5", "2 6 8 4")


def mesh_of(shape) -> Mesh:
    return Mesh(np.array(shape.vertices, float), np.array(shape.faces, np.int64))


def volume(mesh: Mesh) -> float:
    return trimesh.Trimesh(*mesh, process=False).volume


def soup(mesh: Mesh) -> np.ndarray:
    return mesh.vertices[mesh.faces].astype(np.float32)


@pytest.fixture(scope="module")
def odd():
    """A mesh whose coordinates need all their digits, from 1e-7 to 1."""
    sphere = mesh_of(trimesh.creation.icosphere(2))
    tiny = 1e-7 * sphere.vertices[:, ::-1] / np.pi  # In place of its zeros.
    return Mesh(sphere.vertices + tiny, sphere.faces)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_round_trip(odd, suffix):
    back = decode(encode(odd, suffix), suffix)
    np.testing.assert_array_equal(soup(back), soup(odd))
    assert back.vertices.dtype == np.float64 and back.faces.dtype == np.int64
    assert len(back.vertices) == len(odd.vertices)
    if suffix != ".stl":
        np.testing.assert_array_equal(back.faces, odd.faces)
    again = decode(encode(back, suffix), suffix)
    np.testing.assert_array_equal(again.faces, back.faces)
    np.testing.assert_array_equal(
        again.vertices.astype(np.float32), back.vertices.astype(np.float32)
    )


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_suffix_in_any_case_and_equal_bytes(odd, suffix):
    content = encode(odd, suffix)
    assert content == encode(odd, suffix)
    upper = decode(content, suffix.upper())
    np.testing.assert_array_equal(upper.vertices, decode(content, suffix).vertices)


def test_unknown_suffix(odd):
    with pytest.raises(ValueError, match=".obj .off"):
        decode(b"x", ".fbx")
    with pytest.raises(ValueError, match=".glb .ply"):
        encode(odd, ".gltf")
    with pytest.raises(ValueError, match="finite"):
        encode(odd._replace(vertices=odd.vertices * 1e39), ".ply")


def test_polygons_become_triangles():
    quads = CUBE_OBJ + "".join(f"f {row}\n" for row in QUADS)
    cube = decode(quads.encode(), ".obj")
    assert len(cube.faces) == 12 and volume(cube) == pytest.approx(1)
    # The same cube as OFF, its first quad as two triangles.
    rows = [[int(c) - 1 for c in row.split()] for row in QUADS]
    mixed = [rows[0][:3], [rows[0][0], *rows[0][2:]], *rows[1:]]
    lines = [f"{len(row)} {' '.join(map(str, row))}" for row in mixed]
    places = CUBE_OBJ.replace("v ", "")
    off = f"# made by hand\nOFF\n8 7 0\n{places}\n" + "\n".join(lines)
    np.testing.assert_array_equal(decode(off.encode(), ".off").faces, cube.faces)
    joined = off.replace("OFF\n", "OFF")  # As in ModelNet.
    np.testing.assert_array_equal(decode(joined.encode(), ".off").faces, cube.faces)
    header = "ply\nformat ascii 1.0\nelement vertex 8\n" + "".join(
        f"property float {axis}\n" for axis in "xyz"
    )
    for polygons in (rows, mixed):
        ply = header + f"element face {len(polygons)}\n"
        ply += "property list uchar int vertex_indices\nend_header\n" + places
        ply += "".join(f"{len(r)} {' '.join(map(str, r))}\n" for r in polygons)
        assert volume(decode(ply.encode(), ".ply")) == pytest.approx(1)


def test_binary_ply_of_quads_and_a_pentagon():
    pyramid = trimesh.creation.cone(1, 1, sections=5)
    header = b"ply\nformat binary_%s_endian 1.0\nelement vertex 8\n"
    header += b"".join(b"property double %c\n" % axis for axis in b"xyz")
    header += b"element face 6\nproperty list uchar int vertex_index\nend_header\n"
    places = np.array([line.split()[1:] for line in CUBE_OBJ.splitlines()], float)
    corners = np.array([row.split() for row in QUADS], int) - 1
    for order, name in (("<", b"little"), (">", b"big")):
        rows = np.zeros(6, [("n", "u1"), ("c", f"{order}i4", 4)])
        rows["n"], rows["c"] = 4, corners
        body = places.astype(f"{order}f8").tobytes() + rows.tobytes()
        assert volume(decode(header % name + body, ".ply")) == pytest.approx(1)
    rows = np.zeros(1, [("n", "u1"), ("c", "<i4", 5)])
    rows["n"], rows["c"] = 5, [0, 1, 3, 7, 5]
    single = header.replace(b"face 6", b"face 1") % b"little"
    single += places.astype("<f8").tobytes() + rows.tobytes()
    assert len(ply.read_ply(single, most_faces=9)[1]) == 3
    text = export_ply(pyramid, encoding="ascii")
    np.testing.assert_array_equal(decode(text, ".ply").faces, pyramid.faces)


def test_obj_extras_change_nothing():
    plain = decode((CUBE_OBJ + "".join(f"f {row}\n" for row in QUADS)).encode(), ".obj")
    rich = "mtllib /etc/passwd\no thing\nvt 0 0\nvn 0 0 1\n" + CUBE_OBJ
    for i, row in enumerate(QUADS):
        corners = row.split()
        if i % 2:
            corners = [f"{c}/1/1" for c in corners]
        if i == 2:  # Relative corners, on a continued line.
            corners = [str(int(c) - 9) for c in corners]
            corners[1] = "\\\r\n" + corners[1]
        rich += f"usemtl m{i % 3}\ng part{i}\nf {' '.join(corners)}\r\n"
    found = decode(rich.encode(), ".obj")
    np.testing.assert_array_equal(found.faces, plain.faces)
    np.testing.assert_array_equal(found.vertices, plain.vertices)


def test_obj_relative_corners_count_from_the_latest_vertex():
    # Two tetrahedra, the vertices of each right before its faces.
    tetra = "v 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\n"
    tetra += "f -4 -2 -3\nf -4 -3 -1\nf -4 -1 -2\nf -3 -2 -1\n"
    both = decode((tetra + tetra.replace("v 0 0 0", "v 0 0 -1")).encode(), ".obj")
    assert both.faces[4:].min() == 4
    assert volume(both) == pytest.approx(1 / 6 + 2 / 6)
    with pytest.raises(BadMesh, match="vertex -1"):
        decode((tetra + "f 0 1 2\n").encode(), ".obj")


def test_stl_text_equals_binary():
    sphere = trimesh.creation.icosphere(1)
    text = export_stl_ascii(sphere)
    binary = decode(sphere.export(file_type="stl"), ".stl")
    for content in (text, text.upper(), text.replace("\n", "\r\n")):
        found = decode(content.encode(), ".stl")
        np.testing.assert_array_equal(soup(found), soup(binary))
        np.testing.assert_array_equal(found.faces, binary.faces)
    moved = export_stl_ascii(sphere.copy().apply_translation([3, 0, 0]))
    assert len(decode((text + moved).encode(), ".stl").faces) == 160


def test_unused_vertices_are_dropped():
    box = mesh_of(trimesh.creation.box())
    stray = Mesh(np.concatenate([[[99.0, 0, 0]], box.vertices]), box.faces + 1)
    for suffix in (".ply", ".glb", ".obj", ".off"):
        found = decode(encode(stray, suffix), suffix)
        np.testing.assert_array_equal(found.vertices, box.vertices)
        np.testing.assert_array_equal(found.faces, box.faces)


def test_too_many_faces_or_bytes(monkeypatch):
    sphere = mesh_of(trimesh.creation.icosphere(2))
    for suffix in SUFFIXES:
        content = encode(sphere, suffix)
        decode(content, suffix, most_faces=320, most_bytes=len(content))
        with pytest.raises(BadMesh, match="at most|allowed"):
            decode(content, suffix, most_faces=319)
        with pytest.raises(BadMesh, match="bytes, expected at most"):
            decode(content, suffix, most_bytes=len(content) - 1)
    # Where the header says so, nothing is decoded at all.
    monkeypatch.setattr(ply, "load_ply", None)
    monkeypatch.setattr(ply, "PlyData", None)
    monkeypatch.setattr(formats, "load_stl", None)
    for suffix in (".ply", ".stl"):
        with pytest.raises(BadMesh, match="promises 320 faces"):
            decode(encode(sphere, suffix), suffix, most_faces=319)


UTM = (448262.123456, 5411932.654321, 112.7)  # Metres east, north and up.


@pytest.mark.parametrize("suffix", (".glb", ".ply", ".obj", ".off"))
def test_a_house_in_geographic_coordinates_comes_back(suffix):
    house = mesh_of(trimesh.creation.icosphere(3, 7.0))
    placed = Mesh(house.vertices + UTM, house.faces)
    normalised, frame = normalise(placed)
    again = restore(decode(encode(normalised, suffix), suffix), frame)
    np.testing.assert_allclose(again.vertices, placed.vertices, rtol=0, atol=1e-6)
    back = decode(encode(placed, suffix), suffix)
    np.testing.assert_array_equal(back.faces, placed.faces)
    atol = {".glb": 1e-6}.get(suffix, 0)  # float32 about the centre.
    np.testing.assert_allclose(back.vertices, placed.vertices, rtol=0, atol=atol)


def test_an_stl_that_would_round_too_far_is_refused():
    house = mesh_of(trimesh.creation.icosphere(1, 7.0))
    with pytest.raises(ValueError, match=r"move these vertices by 0.\d+.*take .ply"):
        encode(Mesh(house.vertices + UTM, house.faces), ".stl")
    # Vertices that float32 holds exactly lose nothing, however far they lie.
    box = mesh_of(trimesh.creation.box())
    whole = Mesh(box.vertices * 2 + [448262, 5411932, 112], box.faces)
    np.testing.assert_array_equal(
        soup(decode(encode(whole, ".stl"), ".stl")), soup(whole)
    )


@pytest.mark.parametrize("suffix", (".obj", ".off"))
def test_text_holds_every_digit(odd, suffix):
    exact = Mesh(odd.vertices / 3, odd.faces)
    np.testing.assert_array_equal(
        decode(encode(exact, suffix), suffix).vertices, exact.vertices
    )


def test_normalise_and_restore():
    torus = mesh_of(trimesh.creation.torus(3, 1))
    moved = Mesh(torus.vertices * [1, 2, 3] + [5, -6, 7], torus.faces)
    inside, frame = normalise(moved)
    low, high = inside.vertices.min(axis=0), inside.vertices.max(axis=0)
    np.testing.assert_allclose(low, -high, atol=1e-12)
    assert high.max() == pytest.approx(0.9)
    np.testing.assert_allclose(restore(inside, frame).vertices, moved.vertices)
    for wrong in (moved.vertices * np.nan, moved.vertices * 0, moved.vertices[:0]):
        with pytest.raises(ValueError, match="expected a mesh"):
            normalise(Mesh(wrong, torus.faces))
    with pytest.raises(ValueError, match="reach="):
        normalise(moved, reach=0)


def test_merged_joins_equal_places_only():
    rng = np.random.default_rng(0)
    vertices = rng.integers(-1, 2, (60, 3)) * 0.1
    vertices[::7] *= -1.0  # Some zeros are -0.
    faces = rng.integers(0, 60, (40, 3))
    found = merged(Mesh(vertices, faces))
    np.testing.assert_array_equal(found.vertices[found.faces], vertices[faces])
    unique = list(dict.fromkeys(map(tuple, (vertices + 0.0).tolist())))
    assert [tuple(row) for row in (found.vertices + 0.0).tolist()] == unique
    near = Mesh(np.array([[0, 0, 0], [1e-300, 0, 0], [0, 1.0, 0]]), faces[:0])
    assert len(merged(near).vertices) == 3
    kept = used(Mesh(vertices, faces[:5]))
    np.testing.assert_array_equal(kept.vertices[kept.faces], vertices[faces[:5]])
    assert len(kept.vertices) == len(np.unique(faces[:5]))
