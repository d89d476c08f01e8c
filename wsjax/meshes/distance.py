"""Signed distance to meshes and oriented point clouds, and points on a surface."""

from collections.abc import Callable

import igl
import numpy as np
from scipy.spatial import cKDTree

from wsjax.meshes.mesh import Mesh

__all__ = [
    "NEIGHBOURS",
    "SignedDistance",
    "cloud_areas",
    "cloud_distance",
    "inside",
    "signed_distance",
    "surface_points",
]

SignedDistance = Callable[[np.ndarray, float], np.ndarray]
"""`signed(points [P, 3], bound) -> [P]` in [-bound, bound], negative inside."""

NEIGHBOURS = 8
"""Nearest points of a cloud from which the surface around a place is estimated."""


def signed_distance(
    mesh: Mesh, points: np.ndarray, *, bound: float = np.inf
) -> np.ndarray:
    """Distance of points to the surface of a mesh, negative inside.

    The magnitude is exact. The sign is that of `inside`, to which holes and
    self-intersections do little harm.

    Args:
      mesh: faces counter-clockwise as seen from outside; need not be closed.
      points: `[P, 3]` in the units of the mesh.
      bound: distances beyond are cut to it; a low one is several times as fast.

    Returns:
      `[P]` float64 in [-bound, bound].

    Raises:
      ValueError: if the mesh has no faces, or a point is not finite.
    """
    is_inside = inside(mesh, points)
    distances, *_ = igl.signed_distance(
        _rows(points),
        _rows(mesh.vertices),
        np.ascontiguousarray(mesh.faces, np.int64),
        sign_type=igl.SIGNED_DISTANCE_TYPE_UNSIGNED,
        lower_bound=0.0,
        upper_bound=float(bound),
    )
    # What lies beyond the bound comes back as NaN.
    distances = np.fmin(distances, bound)
    return np.where(is_inside, -distances, distances)


def inside(mesh: Mesh, points: np.ndarray) -> np.ndarray:
    """Tells which points lie inside a mesh: generalised winding number >= 1/2.

    By the hierarchical approximation of Barill et al. 2018, which is meant for broken
    meshes: an opening is closed by the most plausible soap film.

    Args:
      mesh: as `signed_distance`.
      points: `[P, 3]` in the units of the mesh.

    Returns:
      `[P]` booleans.

    Raises:
      ValueError: as `signed_distance`.
    """
    if not len(mesh.faces):
        raise ValueError("expected a mesh with faces, found none")
    if not np.isfinite(points).all():
        raise ValueError("expected finite points, found NaN or infinity among them")
    corners = _shortened(mesh.vertices[mesh.faces].astype(np.float64))
    faces = np.arange(3 * len(corners)).reshape(-1, 3)
    winding = igl.fast_winding_number(corners.reshape(-1, 3), faces, _rows(points))
    return winding >= 0.5


def surface_points(
    mesh: Mesh, n: int, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Draws points on the surface, each area equally likely to be hit.

    Args:
      mesh: with an area above 0.
      n: number of points.
      generator: the draw depends on it and on the mesh alone.

    Returns:
      `(points [n, 3], normals [n, 3])` float64, in random order; a normal has length 1
      and points outwards.

    Raises:
      ValueError: if the mesh has no area.
    """
    corners = mesh.vertices[mesh.faces]
    edges = corners[:, 1:] - corners[:, :1]
    normals = np.cross(edges[:, 0], edges[:, 1])
    areas = np.linalg.norm(normals, axis=1)
    total = areas.sum()
    if not (np.isfinite(total) and total > 0.0):
        raise ValueError(f"expected a mesh with an area above 0, found {total / 2:g}")
    chosen = generator.choice(len(areas), n, p=areas / total)
    # A point beyond the diagonal of the parallelogram is turned back into the triangle.
    weights = generator.random((n, 2, 1))
    weights = np.where(weights.sum(axis=1, keepdims=True) > 1, 1 - weights, weights)
    points = corners[chosen, 0] + (weights * edges[chosen]).sum(axis=1)
    return points, normals[chosen] / areas[chosen, None]


def cloud_areas(cloud: np.ndarray) -> np.ndarray:
    """Area that each point of a cloud stands for.

    Args:
      cloud: `[M, 3]` points of a surface, M above `NEIGHBOURS`.

    Returns:
      `[M]` areas: a disc that reaches to the eighth neighbour holds eight of them.

    Raises:
      ValueError: if there are too few points.
    """
    if len(cloud) <= NEIGHBOURS:
        raise ValueError(f"expected more than {NEIGHBOURS} points, found {len(cloud)}")
    reach, _ = cKDTree(cloud).query(cloud, k=[NEIGHBOURS + 1])
    return np.pi * np.square(reach[:, 0]) / NEIGHBOURS


def cloud_distance(cloud: np.ndarray, normals: np.ndarray) -> SignedDistance:
    """Signed distance to a surface of which points and normals are known.

    Each point stands for a flat disc of its own area; the magnitude is the distance to
    the nearest disc, the sign that of the winding number of the discs.

    Args:
      cloud: `[M, 3]` points, more than `NEIGHBOURS`.
      normals: `[M, 3]` of length 1, outwards.

    Returns:
      `signed(points, bound)`; wrong by less than the distance of the points.

    Raises:
      ValueError: if there are too few points.
    """
    cloud, normals = _rows(cloud), _rows(normals)
    areas, tree = cloud_areas(cloud), cKDTree(cloud)
    radii = np.sqrt(areas / np.pi)

    def signed(points, bound):
        points = _rows(points)
        lengths, near = tree.query(points, k=NEIGHBOURS)
        offsets = points[:, None] - cloud[near]
        heights = np.einsum("pki,pki->pk", offsets, normals[near])
        sideways = np.sqrt((np.square(lengths) - np.square(heights)).clip(0.0))
        beyond = (sideways - radii[near]).clip(0.0)
        distances = np.hypot(heights, beyond).min(axis=1).clip(0.0, bound)
        winding = igl.fast_winding_number(cloud, normals, areas, points)
        return np.where(winding >= 0.5, -distances, distances)

    return signed


def _shortened(corners: np.ndarray) -> np.ndarray:
    """Halves triangles `[F, 3, 3]` until none is longer than a tenth of the mesh.

    No winding number changes, but the hierarchy over long triangles is a poor one: on
    coarse meshes this makes it three to five times as fast.
    """
    limit = np.ptp(corners, axis=(0, 1)).max() / 10
    while True:
        lengths = np.linalg.norm(corners - np.roll(corners, -1, axis=1), axis=2)
        long = lengths.max(axis=1) > limit
        if not long.any():
            return corners
        triangles, edge = corners[long], lengths[long].argmax(axis=1)[:, None]
        start, end, rest = (
            np.take_along_axis(triangles, ((edge + k) % 3)[..., None], axis=1)
            for k in range(3)
        )
        middle = (start + end) / 2
        one = np.concatenate([start, middle, rest], axis=1)
        other = np.concatenate([middle, end, rest], axis=1)
        corners = np.concatenate([corners[~long], one, other])


def _rows(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array, np.float64)
