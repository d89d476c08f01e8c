"""Mesh files as bytes: OBJ, OFF, PLY, STL, glTF."""

import io
import re
import struct
import warnings

import numpy as np
import trimesh
from trimesh.exchange.ply import load_ply
from trimesh.exchange.stl import load_stl

from wsjax.meshes.gltf import read_gltf
from wsjax.meshes.mesh import BadMesh, Mesh, merged, used
from wsjax.meshes.text import (
    fans,
    read_obj,
    read_off,
    read_stl_text,
    write_obj,
    write_off,
)

SUFFIXES = (".obj", ".off", ".ply", ".stl", ".glb", ".gltf")
MOST_FACES = 500_000
MOST_BYTES = 200_000_000
FARTHEST = 1e30  # Beyond it, products of coordinates leave what float32 holds.
THINNEST = 1e-6  # Of the extent; thinner is flat, since float32 rounds near there.

_TEXT_STL = rb"(?i:\s*solid\b[^\0]{0,500}\bfacet\b)"
_LOOKS = (
    (rb"glTF", "a GLB", ".glb"),
    (rb"ply\s", "a PLY", ".ply"),
    (rb"(\s|#.*\n)*(ST|C|N)*OFF\b", "an OFF", ".off"),
    (rb"\s*\{", "JSON", ".gltf"),
    (_TEXT_STL, "an STL", ".stl"),
    (rb"(\s|#.*\n)*(v|vn|vt|o|g|mtllib|usemtl) .*\n", "an OBJ", ".obj"),
    (rb"\x89PNG|\xff\xd8\xff|GIF8|BM.{4}\0\0\0\0", "a picture", None),
    (rb"PK\x03\x04|\x1f\x8b", "an archive", None),
    (rb"%PDF", "a PDF", None),
    (rb"\s*<", "XML or a web page", None),
)


def decode(
    content: bytes,
    suffix: str,
    *,
    most_faces: int = MOST_FACES,
    most_bytes: int = MOST_BYTES,
) -> Mesh:
    """Decodes one mesh file; opens nothing else, whatever the file refers to.

    Scenes become one mesh, each part where its nodes put it. Polygons are cut into
    fans of triangles. Vertices that no face uses are dropped; in an STL, which has
    no shared vertices, those at exactly the same place are joined. Colours,
    materials and normals are passed over.

    Args:
      content: the bytes of one file.
      suffix: its format, one of `SUFFIXES`, in any case.
      most_faces: more triangles are refused, if the format promises a number then
        before they are read.
      most_bytes: a longer file is refused.

    Returns:
      The mesh, with at least one face, finite vertices and an extent in every
      direction. It need not be closed or well oriented; see `quality`.

    Raises:
      BadMesh: if there is no such mesh in the bytes.
      ValueError: if the suffix is none of `SUFFIXES`.
    """
    suffix = suffix.lower()
    if suffix not in SUFFIXES:
        raise ValueError(f"expected one of {' '.join(SUFFIXES)}, got {suffix!r}")
    if not content:
        raise BadMesh("zero bytes, expected a mesh")
    if len(content) > most_bytes:
        raise BadMesh(f"{len(content)} bytes, expected at most {most_bytes}")
    _check_looks(content, suffix)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # numpy only warns where numbers end early.
            vertices, faces = _read(content, suffix, most_faces)
            return _checked(vertices, faces, most_faces)
    except BadMesh:
        raise
    except Exception as error:  # Damaged bytes raise nearly anything in a decoder.
        raise BadMesh(f"does not decode: {_one_line(error)}") from error


def encode(mesh: Mesh, suffix: str) -> bytes:
    """Encodes a mesh; `decode` gives back its faces and its float32 vertices.

    That is exact for a mesh whose vertices are all used. Only an STL, which stores
    triangles, joins and numbers the vertices anew.

    Args:
      mesh: finite vertices; stored as float32.
      suffix: `.glb`, `.ply`, `.obj`, `.off` or `.stl` (binary).

    Raises:
      ValueError: if the suffix is another, or a vertex is not finite in float32.
    """
    writers = {".obj": write_obj, ".off": write_off}
    if suffix not in (".glb", ".ply", ".stl", *writers):
        raise ValueError(f"expected .glb .ply .obj .off or .stl, got {suffix!r}")
    with np.errstate(over="ignore"):
        vertices = np.asarray(mesh.vertices, np.float32)
    if not np.isfinite(vertices).all():
        raise ValueError("expected vertices that are finite in float32")
    if suffix in writers:
        return writers[suffix](vertices, mesh.faces)
    shape = trimesh.Trimesh(vertices, mesh.faces, process=False)
    options = {".glb": {"include_normals": False}, ".ply": {"vertex_normal": False}}
    return shape.export(file_type=suffix[1:], **options.get(suffix, {}))


def _check_looks(content: bytes, suffix: str) -> None:
    if suffix == ".stl" and _is_binary_stl(content):
        return  # Its first 80 bytes are free.
    start = content[:4096].removeprefix(b"\xef\xbb\xbf")
    for pattern, what, means in _LOOKS:
        if means != suffix and re.match(pattern, start):
            way = f"rename it to {means}" if means else "replace it"
            raise BadMesh(f"named {suffix} but looks like {what}; {way}")
        if means == suffix and re.match(pattern, start):
            return


def _is_binary_stl(content: bytes) -> bool:
    return len(content) >= 84 and len(content) == 84 + 50 * _stl_count(content)


def _stl_count(content: bytes) -> int:
    return struct.unpack("<I", content[80:84])[0]


def _read(content: bytes, suffix: str, most_faces: int):
    if suffix == ".obj":
        return read_obj(content, most_faces=most_faces)
    if suffix == ".off":
        return read_off(content, most_faces=most_faces)
    if suffix == ".ply":
        return _read_ply(content, most_faces)
    if suffix == ".stl":
        return _read_stl(content, most_faces)
    return read_gltf(content, binary=suffix == ".glb", most_faces=most_faces)


def _read_ply(content: bytes, most_faces: int):
    header = content[: content.find(b"end_header") + 1]
    promised = dict(re.findall(rb"\n\s*element\s+(\w+)\s+(\d{1,15})\s", header))
    if b"vertex" not in promised:
        raise BadMesh("expected a PLY header with a number of vertices")
    places, faces = (int(promised.get(key, 0)) for key in (b"vertex", b"face"))
    if faces > most_faces:
        raise BadMesh(f"promises {faces} faces, expected at most {most_faces}")
    if places + faces > len(content):
        raise BadMesh(
            f"promises {places} vertices and {faces} faces in {len(content)} bytes; it"
            " is cut short or damaged"
        )
    try:
        loaded = load_ply(io.BytesIO(content), fix_texture=False, skip_materials=True)
    except ValueError as error:
        if "unexpected length" not in str(error):
            raise
        raise BadMesh(
            "its length is not what the header promises: cut short, or a binary PLY of"
            " triangles and other polygons; save it as triangles"
        ) from error
    polygons = loaded.get("faces")
    polygons = np.zeros((0, 3), np.int64) if polygons is None else np.asarray(polygons)
    if len(loaded.get("vertices", ())) < places or len(polygons) < faces:
        raise BadMesh(f"cut short: promises {places} vertices and {faces} faces")
    corners = polygons.astype(np.int64)
    return loaded["vertices"], corners if corners.shape[1] == 3 else fans(corners)


def _read_stl(content: bytes, most_faces: int):
    promised = _stl_count(content) if len(content) >= 84 else 0
    if _is_binary_stl(content):
        if promised > most_faces:
            raise BadMesh(f"promises {promised} faces, expected at most {most_faces}")
        loaded = load_stl(io.BytesIO(content))
        vertices, faces = loaded.get("vertices"), loaded.get("faces")
        if faces is None:
            raise BadMesh("no faces, an empty STL")
        return merged(Mesh(np.asarray(vertices, np.float64), np.asarray(faces)))
    if re.match(_TEXT_STL, content[:4096]):
        return merged(Mesh(*read_stl_text(content)))
    raise BadMesh(
        f"{len(content)} bytes that are no text STL and no binary one, which would have"
        f" {84 + 50 * promised} by its header; cut short or damaged"
    )


def _checked(vertices, faces, most_faces: int) -> Mesh:
    mesh = Mesh(
        np.ascontiguousarray(vertices, np.float64).reshape(-1, 3),
        np.ascontiguousarray(faces, np.int64).reshape(-1, 3),
    )
    count = len(mesh.vertices)
    if not len(mesh.faces):
        raise BadMesh(f"no faces, only {count} vertices")
    if len(mesh.faces) > most_faces:
        raise BadMesh(f"more faces than the {most_faces} that are allowed")
    low, high = int(mesh.faces.min()), int(mesh.faces.max())
    if low < 0 or high >= count:
        wrong = low if low < 0 else high
        raise BadMesh(f"a face uses vertex {wrong}, expected 0 to {count - 1}")
    odd = ~(np.abs(mesh.vertices) < FARTHEST).all(axis=1)
    if odd.any():
        raise BadMesh(
            f"{odd.sum()} of {count} vertices are NaN, infinite or beyond {FARTHEST:g}"
        )
    mesh = used(mesh)
    _check_extent(mesh)
    return mesh


def _check_extent(mesh: Mesh) -> None:
    vertices = mesh.vertices
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    longest = (high - low).max()
    if not longest > 1 / FARTHEST:
        raise BadMesh(f"all {len(vertices)} vertices are one point")
    placed = (vertices - (low + high) / 2) / longest
    spread = np.linalg.svd(placed - placed.mean(axis=0), compute_uv=False)
    shape = ("all vertices lie on one line", "flat: all vertices lie in one plane")
    for what, width in zip(shape, (*spread, 0, 0)[1:3], strict=True):
        if width <= THINNEST * spread[0]:
            raise BadMesh(f"{what}, expected a solid")
    a, b, c = (placed[mesh.faces[:, k]] for k in range(3))
    if not np.cross(b - a, c - a).any():
        raise BadMesh(f"none of {len(mesh.faces)} faces has an area")


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 180 else f"{text[:177]}..."
