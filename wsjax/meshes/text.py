"""The mesh formats that are lines of numbers: OBJ, OFF and the text form of STL."""

import re

import numpy as np

from wsjax.meshes.mesh import BadMesh

Arrays = tuple[np.ndarray, np.ndarray]


def read_obj(content: bytes, *, most_faces: int) -> Arrays:
    """Reads the vertices and faces of a Wavefront OBJ; all else is passed over.

    Materials are never opened. Negative corners count back from the latest vertex,
    as the format has it. The format promises no counts: a file that is cut short
    between two faces is one with fewer faces.

    Args:
      content: the file.
      most_faces: reading stops beyond as many triangles.

    Returns:
      Vertices `[V, 3]` float64 and faces `[F, 3]` int64, polygons cut into fans; a
      corner that the file does not have is out of range here too.

    Raises:
      BadMesh: if a line cannot be read.
    """
    rows, polygons, left = [], [], most_faces
    for number, line in enumerate(_lines(content, join=True), start=1):
        kind, *parts = line.split() or [""]
        if kind == "v":
            rows.append(_numbers(parts[:3], number))
        elif kind == "f":
            polygons.append(_corners(parts, len(rows), number))
            left -= max(len(parts) - 2, 0)
            if left < 0:
                break
    return np.array(rows, np.float64).reshape(-1, 3), fans(polygons)


def read_off(content: bytes, *, most_faces: int) -> Arrays:
    """Reads an OFF file, also one whose counts follow `OFF` on the same line.

    Args:
      content: the file.
      most_faces: nothing is read if the file promises more faces.

    Returns:
      Vertices `[V, 3]` float64 and faces `[F, 3]` int64, polygons cut into fans.

    Raises:
      BadMesh: if the counts are wrong, the file ends early or a line cannot be
        read.
    """
    lines = [line.split("#", 1)[0].strip() for line in _lines(content)]
    lines = [line for line in lines if line]
    head = re.match(r"(?:ST|C|N)*OFF\b|OFF(?=\d)", lines[0]) if lines else None
    if not head:
        raise BadMesh("expected OFF in the first line")
    lines[0] = lines[0][head.end() :].strip()
    counts, *lines = lines if lines[0] else lines[1:] or [""]
    if not re.match(r"\d{1,12}\s+\d{1,12}(\s|$)", counts):
        raise BadMesh("expected counts of vertices and faces after OFF")
    vertices, faces = (int(count) for count in counts.split()[:2])
    if faces > most_faces:
        raise BadMesh(f"promises {faces} faces, expected at most {most_faces}")
    if len(lines) < vertices + faces:
        raise BadMesh(
            f"cut short: promises {vertices} vertices and {faces} faces, ends after"
            f" {len(lines)} rows"
        )
    rows = [_numbers(lines[i].split()[:3], i + 1) for i in range(vertices)]
    polygons = [
        _polygon(lines[i].split(), i + 1) for i in range(vertices, vertices + faces)
    ]
    return np.array(rows, np.float64).reshape(-1, 3), fans(polygons)


def read_stl_text(content: bytes) -> Arrays:
    """Reads the triangles of a text STL, all solids together, three vertices each.

    Returns:
      Vertices `[3 F, 3]` float64 and faces `[F, 3]` int64.

    Raises:
      BadMesh: if it does not end with a solid, or its facets are no triangles.
    """
    if not re.search(rb"(?i)\bendsolid\b[^\n]*\s*$", content[-4096:]):
        raise BadMesh("cut short: a text STL without endsolid at its end")
    facets = len(re.findall(rb"(?im)^\s*facet\b", content))
    corners = re.findall(rb"(?im)^\s*vertex[ \t]+(\S+)[ \t]+(\S+)[ \t]+(\S+)", content)
    if len(corners) != 3 * facets:
        raise BadMesh(f"{facets} facets with {len(corners)} vertices, expected 3 each")
    vertices = np.array(corners, "S").astype(np.float64).reshape(-1, 3)
    return vertices, np.arange(len(vertices)).reshape(-1, 3)


def fans(polygons: list[list[int]]) -> np.ndarray:
    """Cuts polygons, lists of corners, into the triangles `[F, 3]` at their first one.

    A polygon of fewer than three corners gives none. Right for convex polygons.
    """
    triangles = [
        (polygon[0], polygon[k], polygon[k + 1])
        for polygon in polygons
        for k in range(1, len(polygon) - 1)
    ]
    return np.array(triangles, np.int64).reshape(-1, 3)


def write_obj(vertices: np.ndarray, faces: np.ndarray) -> bytes:
    """Writes an OBJ; the shortest digits that give float32 `vertices` back."""
    places = _rows("v", vertices.astype(str))
    return "\n".join([*places, *_rows("f", (faces + 1).astype(str)), ""]).encode()


def write_off(vertices: np.ndarray, faces: np.ndarray) -> bytes:
    """Writes an OFF; the shortest digits that give float32 `vertices` back."""
    counts = f"{len(vertices)} {len(faces)} 0"
    places = [" ".join(row) for row in vertices.astype(str).tolist()]
    corners = _rows("3", faces.astype(str))
    return "\n".join(["OFF", counts, *places, *corners, ""]).encode()


def _lines(content: bytes, *, join: bool = False) -> list[str]:
    text = content.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")
    if join:
        text = re.sub(r"\\\r?\n", " ", text)
    return re.split(r"\r\n|\n|\r", text)


def _rows(kind: str, table: np.ndarray) -> list[str]:
    return [f"{kind} {' '.join(row)}" for row in table.tolist()]


def _numbers(parts: list[str], row: int) -> list[float]:
    try:
        x, y, z = parts
        return [float(x), float(y), float(z)]
    except ValueError:
        raise BadMesh(
            f"row {row}: expected three numbers, found {' '.join(parts)[:40]!r}"
        ) from None


def _corners(parts: list[str], vertices: int, row: int) -> list[int]:
    try:
        corners = [int(part.partition("/")[0]) for part in parts]
    except ValueError:
        raise BadMesh(
            f"row {row}: expected corners of a face, found {' '.join(parts)[:40]!r}"
        ) from None
    # Corners count from 1; a 0, which no file should have, becomes -1: out of range.
    return [c + vertices if c < 0 else c - 1 for c in corners]


def _polygon(parts: list[str], row: int) -> list[int]:
    try:
        count, *corners = (int(part) for part in parts[: int(parts[0]) + 1])
    except ValueError:
        count, corners = -1, []
    if count != len(corners):
        raise BadMesh(
            f"row {row}: expected a count and as many corners, found"
            f" {' '.join(parts)[:40]!r}"
        )
    return corners
