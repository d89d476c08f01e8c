"""The mesh formats that are lines of numbers: OBJ, OFF and the text form of STL."""

import codecs
import io
import re
from collections.abc import Iterable, Iterator

import numpy as np

from wsjax.meshes.mesh import BadMesh
from wsjax.meshes.polygons import triangulate

__all__ = [
    "Arrays",
    "VERTICES_PER_FACE",
    "read_obj",
    "read_off",
    "read_stl_text",
    "to_utf8",
    "write_obj",
    "write_off",
]

Arrays = tuple[np.ndarray, np.ndarray]

VERTICES_PER_FACE = 3
"""A file may hold so many vertices per face that is allowed: no face shares any."""

_OFF = re.compile(r"(?i)(?:ST|C|N)*OFF(?![a-z])")
_TWO_COUNTS = re.compile(r"\d{1,12}\s+\d{1,12}(\s+\d+)?\s*$")


def to_utf8(content: bytes) -> bytes:
    """Text as UTF-8 without a byte-order mark, if a mark says that it is UTF-8 or -16.

    Raises:
      UnicodeDecodeError: if the mark says UTF-16 and the text is something else.
    """
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16").encode()
    return content.removeprefix(codecs.BOM_UTF8)


def read_obj(content: bytes, *, most_faces: int) -> Arrays:
    """Reads the vertices and faces of a Wavefront OBJ and ignores everything else.

    Material files are never opened. A negative corner counts back from the latest
    vertex. The format promises no counts, so that a file that is cut short between two
    faces cannot be told from one with fewer faces.

    Args:
      content: the file, as UTF-8.
      most_faces: reading stops when there are more triangles, or more than
        `VERTICES_PER_FACE` times as many vertices.

    Returns:
      Vertices `[V, 3]` float64 and faces `[F, 3]` int64; see `triangulate`.

    Raises:
      BadMesh: if a line cannot be read, or a face uses a vertex that is not there.
    """
    rows: list[list[float]] = []
    polygons: list[list[int]] = []
    left = most_faces
    for number, line in enumerate(_joined(_lines(content)), start=1):
        kind, *parts = line.partition("#")[0].split() or [""]
        if kind == "v":
            rows.append(_numbers(parts[:3], number))
            if len(rows) > VERTICES_PER_FACE * most_faces:
                raise BadMesh(f"more vertices than {most_faces} faces can have")
        elif kind == "f":
            polygons.append(_corners(parts, len(rows), number))
            left -= max(len(parts) - 2, 0)
            if left < 0:
                raise BadMesh(f"more faces than the {most_faces} that are allowed")
    vertices = np.array(rows, np.float64).reshape(-1, 3)
    return vertices, triangulate(vertices, polygons)


def read_off(content: bytes, *, most_faces: int) -> Arrays:
    """Reads a text OFF file.

    The keyword may be in lower case or absent, and its line may go on with the counts.

    Args:
      content: the file, as UTF-8.
      most_faces: the rest is not read if the file promises more faces, or more than
        `VERTICES_PER_FACE` times as many vertices.

    Returns:
      Vertices `[V, 3]` float64 and faces `[F, 3]` int64; see `triangulate`.

    Raises:
      BadMesh: if it is a binary OFF, the counts are wrong, the file ends early, a line
        cannot be read, or a face uses a vertex that is not there.
    """
    stripped = (line.partition("#")[0].strip() for line in _lines(content))
    lines = filter(None, stripped)
    vertices, faces = _off_counts(lines)
    if faces > most_faces or vertices > VERTICES_PER_FACE * most_faces:
        raise BadMesh(
            f"promises {faces} faces with {vertices} vertices, expected at most"
            f" {most_faces} with {VERTICES_PER_FACE * most_faces}"
        )
    ends = max(content.count(b"\n"), content.count(b"\r"))
    if ends < vertices + faces:
        raise BadMesh(
            f"cut short: promises {vertices} vertices and {faces} faces, ends after"
            f" {ends} rows"
        )
    rows = [_numbers(line.split()[:3], k) for k, line in _first(lines, vertices)]
    polygons = [
        _polygon(line.split(), vertices + k) for k, line in _first(lines, faces)
    ]
    if len(polygons) < faces:
        raise BadMesh(f"cut short: promises {faces} faces, has {len(polygons)}")
    places = np.array(rows, np.float64).reshape(-1, 3)
    return places, triangulate(places, polygons)


def read_stl_text(content: bytes, *, most_faces: int) -> Arrays:
    """Reads the triangles of a text STL, of all its solids together.

    Args:
      content: the file, as UTF-8; a missing `endsolid` does not matter.
      most_faces: no number is read if there are more facets.

    Returns:
      Vertices `[3 F, 3]` float64, three for each facet, and faces `[F, 3]` int64.

    Raises:
      BadMesh: if it ends within a facet, or a facet is no triangle.
    """
    if not re.search(rb"(?i)\b(endsolid\b[^\n]*|endfacet)\s*$", content[-4096:]):
        raise BadMesh("cut short: a text STL that ends within a facet")
    facets = sum(1 for _ in re.finditer(rb"(?im)^\s*facet\b", content))
    if facets > most_faces:
        raise BadMesh(f"has {facets} faces, expected at most {most_faces}")
    corners = re.findall(rb"(?im)^\s*vertex[ \t]+(\S+)[ \t]+(\S+)[ \t]+(\S+)", content)
    if len(corners) != 3 * facets:
        raise BadMesh(f"{facets} facets with {len(corners)} vertices, expected 3 each")
    vertices = np.array(corners, "S").astype(np.float64).reshape(-1, 3)
    return vertices, np.arange(len(vertices)).reshape(-1, 3)


def write_obj(vertices: np.ndarray, faces: np.ndarray) -> bytes:
    """Writes an OBJ; the shortest digits that give `vertices` back in their type."""
    places = _rows("v", vertices.astype(str))
    return "\n".join([*places, *_rows("f", (faces + 1).astype(str)), ""]).encode()


def write_off(vertices: np.ndarray, faces: np.ndarray) -> bytes:
    """Writes an OFF; the shortest digits that give `vertices` back in their type."""
    counts = f"{len(vertices)} {len(faces)} 0"
    places = [" ".join(row) for row in vertices.astype(str).tolist()]
    corners = _rows("3", faces.astype(str))
    return "\n".join(["OFF", counts, *places, *corners, ""]).encode()


def _lines(content: bytes) -> Iterator[str]:
    """The lines one by one: a list of them takes several times the file's memory."""
    return io.TextIOWrapper(io.BytesIO(content), "utf-8", "replace", newline=None)


def _joined(lines: Iterable[str]) -> Iterator[str]:
    """Joins a line that ends with a backslash to the next one."""
    begun = ""
    for line in lines:
        if line.endswith("\\\n"):
            begun += line[:-2] + " "
        else:
            yield begun + line
            begun = ""
    yield begun


def _first(lines: Iterator[str], count: int) -> Iterator[tuple[int, str]]:
    """The next `count` lines, or fewer, each with its number from 1."""
    # In this order, since zip would else take a line more than it gives.
    return zip(range(1, count + 1), lines, strict=False)


def _off_counts(lines: Iterator[str]) -> tuple[int, int]:
    """The counts of vertices and faces that an OFF file begins with."""
    first = next(lines, "")
    keyword = _OFF.match(first)
    counts = first[keyword.end() :].strip() if keyword else first
    if keyword and counts.lower().startswith("binary"):
        raise BadMesh("a binary OFF, which is not supported; save it as text or as PLY")
    if not keyword and not _TWO_COUNTS.match(first):
        raise BadMesh("expected OFF or two counts in the first line")
    if keyword and not counts:
        counts = next(lines, "")
    if not re.match(r"\d{1,12}\s+\d{1,12}(\s|$)", counts):
        raise BadMesh("expected counts of vertices and faces after OFF")
    vertices, faces = counts.split()[:2]
    return int(vertices), int(faces)


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
