"""The mesh format PLY, as text and in binary."""

import io
import re
from collections.abc import Sequence

import numpy as np
from plyfile import PlyData, PlyParseError
from trimesh.exchange.ply import load_ply

from wsjax.meshes.mesh import BadMesh
from wsjax.meshes.polygons import triangulate

__all__ = ["CORNERS", "read_columns", "read_ply", "write_ply"]

CORNERS = ("vertex_indices", "vertex_index")  # Both names are in use.


def read_ply(content: bytes, *, most_faces: int) -> tuple[np.ndarray, np.ndarray]:
    """Reads the vertices and faces of a PLY file and ignores everything else.

    Args:
      content: the file.
      most_faces: nothing but the header is read if it promises more faces.

    Returns:
      Vertices `[V, 3]` float64 and faces `[F, 3]` int64; see `triangulate`.

    Raises:
      BadMesh: if the header promises more than the file can hold, the file ends early,
        or a face uses a vertex that is not there.
      Exception: whatever the decoder meets in damaged content.
    """
    promised = _check_promises(content)
    if promised.get("face", 0) > most_faces:
        raise BadMesh(
            f"promises {promised['face']} faces, expected at most {most_faces}"
        )
    vertices, polygons = _uniform(content) or _any(content)
    vertices = np.asarray(vertices, np.float64)
    return vertices, triangulate(vertices, polygons)


def read_columns(content: bytes, names: Sequence[str]) -> np.ndarray:
    """Reads some properties of the vertices of a PLY file.

    Args:
      content: the file.
      names: of K properties, such as "x" and "nx".

    Returns:
      `[V, K]` float64.

    Raises:
      BadMesh: if the header promises more than the file can hold, the file ends early,
        or the vertices lack one of the properties.
    """
    _check_promises(content)
    vertices = _loaded(content)["vertex"].data
    missing = [name for name in names if name not in (vertices.dtype.names or ())]
    if missing:
        raise BadMesh(f"expected vertices with {', '.join(missing)}, found none")
    return np.stack([vertices[name].astype(np.float64) for name in names], axis=-1)


def _check_promises(content: bytes) -> dict[str, int]:
    """The number of each element, such as "vertex" and "face", from a PLY's header."""
    header = _header(content)
    promised = re.findall(rb"\n\s*element\s+(\w+)\s+(\d+)\s", header)
    counts = {name.decode(): int(count) for name, count in promised}
    if "vertex" not in counts:
        raise BadMesh("expected a PLY header with a number of vertices")
    if sum(int(count) for _, count in promised) > len(content):
        plural = {"vertex": "vertices", "face": "faces"}
        listed = (f"{n} {plural.get(name, name)}" for name, n in counts.items())
        raise BadMesh(
            f"promises {' and '.join(listed)} in {len(content)} bytes; it is cut short"
            " or damaged"
        )
    return counts


def write_ply(vertices: np.ndarray, faces: np.ndarray) -> bytes:
    """Writes a binary PLY; `vertices` are stored as float32 or float64, as they are."""
    kind = {4: "float", 8: "double"}[vertices.dtype.itemsize]
    header = ["ply", "format binary_little_endian 1.0"]
    header += [f"element vertex {len(vertices)}"]
    header += [f"property {kind} {axis}" for axis in "xyz"]
    header += [f"element face {len(faces)}"]
    header += ["property list uchar int vertex_indices", "end_header", ""]
    rows = np.empty(len(faces), [("count", "u1"), ("corners", "<i4", 3)])
    rows["count"], rows["corners"] = 3, faces
    places = vertices.astype(vertices.dtype.newbyteorder("<"))
    return "\n".join(header).encode() + places.tobytes() + rows.tobytes()


def _header(content: bytes) -> bytes:
    end = content.find(b"end_header")
    return content[: end + 1]


def _uniform(content: bytes):
    """Vertices and polygons of a binary PLY whose lists are equally long, else None.

    trimesh reads those hundreds of times as fast as plyfile, but no others.
    """
    if not re.search(rb"\n\s*format\s+binary", _header(content)):
        return None
    try:
        loaded = load_ply(io.BytesIO(content), fix_texture=False, skip_materials=True)
    except ValueError as error:
        if "unexpected length" in str(error):
            return None
        raise
    faces = loaded["metadata"]["_ply_raw"].get("face", {}).get("data")
    if faces is None or not len(faces) or "faces" not in loaded:
        return None
    for name in faces.dtype.names:
        if faces.dtype[name].names:  # A list: trimesh takes the first one's length.
            counts, numbers = (faces[name][part] for part in faces.dtype[name].names)
            if (counts != numbers.shape[1]).any():
                return None
    return loaded["vertices"], loaded["faces"]


def _any(content: bytes):
    """Vertices and polygons of any PLY."""
    loaded = _loaded(content)
    places = np.stack([loaded["vertex"][axis] for axis in "xyz"], axis=-1)
    if "face" not in loaded or not loaded["face"].count:
        return places, []
    faces = loaded["face"].data
    names = [name for name in CORNERS if name in faces.dtype.names]
    if not names:
        raise BadMesh(
            f"expected faces with {' or '.join(CORNERS)}, found {faces.dtype.names}"
        )
    polygons = faces[names[0]]
    if min(map(len, polygons)) == 0:
        raise BadMesh("a face without corners, as in a file that was cut: damaged")
    return places, polygons


def _loaded(content: bytes) -> PlyData:
    header = _header(content)
    # plyfile reads ASCII alone, which names and comments need not be.
    plain = re.sub(rb"\n(comment|obj_info)\b[^\n]*", b"", header)
    file = io.BytesIO(plain + content[len(header) :])
    try:
        loaded = PlyData.read(file)
    except PlyParseError as error:
        raise BadMesh(f"cut short or damaged: {error}") from error
    if not loaded.text and file.read(1):
        raise BadMesh("its length is not what the header promises: damaged")
    return loaded
