"""Cuts the polygons of mesh files into triangles."""

from collections.abc import Sequence

import manifold3d
import numpy as np

from wsjax.meshes.mesh import check_corners

__all__ = ["FLAT", "triangulate"]

FLAT = 1e-6  # A triangle turned by less of its polygon's area has merely no area.


def triangulate(
    vertices: np.ndarray, polygons: Sequence[Sequence[int]] | np.ndarray
) -> np.ndarray:
    """Cuts polygons into triangles without adding a vertex.

    A polygon is cut into a fan around its first corner in the order of x, y and z. If
    a triangle of that fan would lie outside, as in an L, the polygon is projected along
    its largest axis and its ears are clipped instead [Eberly 2002, Triangulation by ear
    clipping]. Both depend on where the corners are, not on which of them the file names
    first: the two sides of a double-sided polygon are cut along the same diagonals.

    Args:
      vertices: `[V, 3]`.
      polygons: of K corners each, which are rows of `vertices`. Those of fewer than
        three corners give no triangle.

    Returns:
      `[F, 3]` int64, in the order of the polygons, K - 2 triangles for each.

    Raises:
      BadMesh: if a corner is no row of `vertices`.
    """
    table = (
        polygons if isinstance(polygons, np.ndarray) and polygons.ndim == 2 else None
    )
    counts = np.array([len(polygon) for polygon in polygons], np.int64)
    starts = np.concatenate([[0], np.cumsum(np.maximum(counts - 2, 0))])
    triangles = np.empty((starts[-1], 3), np.int64)
    for count in np.unique(counts[counts > 2]):
        rows = np.flatnonzero(counts == count)
        same = [polygons[int(row)] for row in rows] if table is None else table
        corners = np.array(same, np.int64)
        check_corners(corners, len(vertices))
        places = starts[rows, None] + np.arange(count - 2)
        triangles[places] = _cut(vertices, corners) if count > 3 else corners[:, None]
    return triangles


def _cut(vertices: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """The triangles `[N, K - 2, 3]` of polygons of K corners `[N, K]`."""
    corners, turned = _canonical(vertices, corners)
    triangles = np.stack(
        np.broadcast_arrays(corners[:, :1], corners[:, 1:-1], corners[:, 2:]), axis=-1
    )
    a, b, c = (vertices[triangles[..., k]] for k in range(3))
    areas = np.cross(b - a, c - a)
    total = areas.sum(axis=1, keepdims=True)
    along, least = (areas * total).sum(axis=-1), -FLAT * np.square(total).sum(axis=-1)
    for row in np.flatnonzero((along < least).any(axis=1)):
        triangles[row] = _ears(vertices, corners[row], total[row, 0])
    triangles[turned] = triangles[turned][..., ::-1]
    return triangles


def _canonical(
    vertices: np.ndarray, corners: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Each polygon from its first corner in space towards the lower neighbour.

    Returns:
      The corners `[N, K]`, and which polygons `[N]` run the other way in the file.
    """
    rank = np.empty(len(vertices), np.int64)
    rank[np.lexsort(vertices.T[::-1])] = np.arange(len(vertices))
    count = corners.shape[1]
    first = rank[corners].argmin(axis=1)
    steps = first[:, None] + np.arange(count)
    corners = np.take_along_axis(corners, steps % count, axis=1)
    turned = rank[corners[:, -1]] < rank[corners[:, 1]]
    backwards = np.roll(corners[:, ::-1], 1, axis=1)
    return np.where(turned[:, None], backwards, corners), turned


def _ears(vertices: np.ndarray, corners: np.ndarray, area: np.ndarray) -> np.ndarray:
    """The triangles `[K - 2, 3]` of one polygon `[K]` with the vector area `[3]`."""
    axis = int(np.abs(area).argmax())
    plane = [(axis + 1) % 3, (axis + 2) % 3]
    if area[axis] < 0:  # The outline has to run counter-clockwise.
        plane.reverse()
    outline = vertices[corners][:, plane]
    return corners[manifold3d.triangulate([outline])]
