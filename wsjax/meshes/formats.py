"""Mesh files as bytes: OBJ, OFF, PLY, STL, glTF."""

import io
import re
import struct

import numpy as np
import trimesh
from trimesh.exchange.stl import export_stl, load_stl

from wsjax.meshes.gltf import read_gltf, write_glb
from wsjax.meshes.mesh import BadMesh, Mesh, check_corners, merged, used
from wsjax.meshes.ply import read_ply, write_ply
from wsjax.meshes.text import (
    read_obj,
    read_off,
    read_stl_text,
    to_utf8,
    write_obj,
    write_off,
)

__all__ = [
    "FARTHEST",
    "MOST_BYTES",
    "MOST_FACES",
    "ROUNDING",
    "SUFFIXES",
    "THINNEST",
    "decode",
    "encode",
]

SUFFIXES = (".obj", ".off", ".ply", ".stl", ".glb", ".gltf")
MOST_FACES = 500_000
MOST_BYTES = 200_000_000
FARTHEST = 1e30  # Products of larger coordinates overflow float32.
THINNEST = 1e-6  # Of the extent; thinner is flat, since float32 rounds near there.
ROUNDING = 1e-6  # Of the longest side; more must not be lost when a mesh is stored.

_TEXT_STL = rb"(?i:\s*solid\b[^\0]{0,500}\bfacet\b)"
_LOOKS = (
    (rb"glTF", "a GLB", ".glb"),
    (rb"ply\s", "a PLY", ".ply"),
    (rb"(?i)(\s|#.*\n)*(ST|C|N)*OFF\b", "an OFF", ".off"),
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
    """Decodes one mesh file; opens no other file, even if this one refers to some.

    A scene becomes one mesh, with each part where its nodes put it. Polygons are cut
    into triangles. Vertices that no face uses are dropped; in an STL, which has no
    shared vertices, those at exactly the same place are joined. Colours, materials and
    normals are ignored. Text may be UTF-8 or, with a byte-order mark, UTF-16.

    Args:
      content: the bytes of one file.
      suffix: its format, one of `SUFFIXES`, in any case.
      most_faces: a file of more triangles is refused, before they are read where its
        format promises a number.
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
    try:
        if suffix != ".glb" and not (suffix == ".stl" and _behind_stl(content) == 0):
            content = to_utf8(content)
        _check_looks(content, suffix)
        vertices, faces = _read(content, suffix, most_faces)
        return _checked(vertices, faces, most_faces)
    except BadMesh:
        raise
    except Exception as error:  # Damaged bytes raise nearly anything in a decoder.
        raise BadMesh(f"does not decode: {_one_line(error)}") from error


def encode(mesh: Mesh, suffix: str) -> bytes:
    """Encodes a mesh; `decode` gives it back.

    `.obj` and `.off` store the vertices exactly. `.ply`, `.glb` and `.stl` store
    float32 where that moves no vertex by more than `ROUNDING` of the longest side. Far
    from the origin, as in geographic coordinates, it would move them further: there
    `.ply` stores float64, and `.glb` stores the vertices about their centre, which
    becomes the translation of their node. The faces come back as they are if all
    vertices are used; only an STL, which stores triangles, joins and numbers the
    vertices anew.

    Args:
      mesh: finite vertices, float32 or float64.
      suffix: `.glb`, `.ply`, `.obj`, `.off` or `.stl` (binary).

    Raises:
      ValueError: if the suffix is another, a vertex is not finite in float32, or an STL
        would round the vertices too far.
    """
    if suffix not in (".glb", ".ply", ".obj", ".off", ".stl"):
        raise ValueError(f"expected .glb .ply .obj .off or .stl, got {suffix!r}")
    vertices = np.asarray(mesh.vertices)
    with np.errstate(over="ignore"):
        rounded = vertices.astype(np.float32)
    if not np.isfinite(rounded).all():
        raise ValueError("expected vertices that are finite in float32")
    if suffix in (".obj", ".off"):
        write = write_obj if suffix == ".obj" else write_off
        return write(vertices, mesh.faces)
    lost = np.abs(rounded - vertices).max(initial=0.0)
    extent = np.ptp(vertices, axis=0).max() if len(vertices) else 0.0
    far = bool(lost > ROUNDING * extent)
    if suffix == ".ply":
        return write_ply(vertices if far else rounded, mesh.faces)
    if suffix == ".glb":
        return write_glb(vertices, mesh.faces, about_centre=far)
    if far:
        raise ValueError(
            f"an STL stores float32, which would move these vertices by {lost:.2g}"
            " since they lie far from the origin; take .ply, .glb, .obj or .off"
        )
    return export_stl(trimesh.Trimesh(rounded, mesh.faces, process=False))


def _check_looks(content: bytes, suffix: str) -> None:
    if suffix == ".stl" and _behind_stl(content) == 0:
        return  # The first 80 bytes of a binary one are free.
    start = content[:4096]
    for pattern, what, means in _LOOKS:
        if means != suffix and re.match(pattern, start):
            way = f"rename it to {means}" if means else "replace it"
            raise BadMesh(f"named {suffix} but looks like {what}; {way}")
        if means == suffix and re.match(pattern, start):
            return


def _behind_stl(content: bytes) -> int | None:
    """Bytes behind the facets that a binary STL promises, None if it is none.

    Some programs append bytes of their own. Whole facets behind the promised ones show
    that the number is wrong.
    """
    if len(content) < 84:
        return None
    behind = len(content) - 84 - 50 * _stl_count(content)
    return behind if behind == 0 or (behind > 0 and behind % 50) else None


def _stl_count(content: bytes) -> int:
    return struct.unpack("<I", content[80:84])[0]


def _read(
    content: bytes, suffix: str, most_faces: int
) -> tuple[np.ndarray, np.ndarray]:
    if suffix == ".obj":
        return read_obj(content, most_faces=most_faces)
    if suffix == ".off":
        return read_off(content, most_faces=most_faces)
    if suffix == ".ply":
        return read_ply(content, most_faces=most_faces)
    if suffix == ".stl":
        return _read_stl(content, most_faces)
    return read_gltf(content, binary=suffix == ".glb", most_faces=most_faces)


def _read_stl(content: bytes, most_faces: int) -> Mesh:
    if re.match(_TEXT_STL, content[:4096]) and _behind_stl(content) != 0:
        return merged(Mesh(*read_stl_text(content, most_faces=most_faces)))
    promised = _stl_count(content) if len(content) >= 84 else 0
    if _behind_stl(content) is None:
        raise BadMesh(
            f"{len(content)} bytes that are no text STL and no binary one, which would"
            f" have {84 + 50 * promised} by its header; cut short or damaged"
        )
    if promised > most_faces:
        raise BadMesh(f"promises {promised} faces, expected at most {most_faces}")
    if not promised:
        raise BadMesh("no faces, an empty STL")
    loaded = load_stl(io.BytesIO(content[: 84 + 50 * promised]))
    return merged(Mesh(np.asarray(loaded["vertices"], np.float64), loaded["faces"]))


def _checked(vertices: np.ndarray, faces: np.ndarray, most_faces: int) -> Mesh:
    mesh = Mesh(
        np.ascontiguousarray(vertices, np.float64).reshape(-1, 3),
        np.ascontiguousarray(faces, np.int64).reshape(-1, 3),
    )
    count = len(mesh.vertices)
    if not len(mesh.faces):
        raise BadMesh(f"no faces, only {count} vertices")
    if len(mesh.faces) > most_faces:
        raise BadMesh(f"more faces than the {most_faces} that are allowed")
    check_corners(mesh.faces, count)
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
