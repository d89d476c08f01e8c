"""How near one shape is to another: clouds of surface points, and what lies inside.

Everything is in the units of the points, in float64. Two clouds drawn from one closed
surface of area A are not at distance 0: with n points each, `chamfer_squared` is
2 A / (pi n) on average. Give this floor beside the numbers.
"""

from typing import TypeAlias

import numpy as np
from scipy.spatial import cKDTree

__all__ = [
    "Points",
    "chamfer_mean",
    "chamfer_squared",
    "f_score",
    "iou",
    "normal_consistency",
    "tree",
]

Points: TypeAlias = np.ndarray | cKDTree
"""Points `[P, 3]`, or their `tree` where one cloud is measured against many."""


def tree(points: Points) -> cKDTree:
    """Search tree of a cloud, which every distance here takes in the cloud's place.

    Args:
      points: `[P, 3]`; a tree is returned as it is.

    Raises:
      ValueError: if the shape is not `[P, 3]`, P is 0, or a value is not finite.
    """
    if isinstance(points, cKDTree):
        return points
    points = np.asarray(points, np.float64)
    if points.ndim != 2 or points.shape[1] != 3 or not len(points):
        raise ValueError(f"need points [P, 3], P at least 1, got {points.shape}")
    if not np.isfinite(points).all():
        raise ValueError("points must be finite; leave out failed shapes first")
    return cKDTree(points)


def chamfer_squared(a: Points, b: Points) -> float:
    """Chamfer distance of HyperDiffusion: squared, the two directions summed.

    mean_a min_b |a - b|^2 + mean_b min_a |b - a|^2; Achlioptas et al. 2018, Erkoç et
    al. 2023.

    Args:
      a: `[P, 3]` surface points.
      b: `[Q, 3]` surface points.

    Returns:
      The distance in squared units of the points.

    Raises:
      ValueError: as `tree`.
    """
    there, back = _both_ways(a, b)
    return float(np.square(there).mean() + np.square(back).mean())


def chamfer_mean(a: Points, b: Points) -> float:
    """Chamfer distance, not squared: half the sum of the two mean distances.

    (mean_a min_b |a - b| + mean_b min_a |b - a|) / 2; the Chamfer-L1 of Mescheder et
    al. 2019 with Euclidean lengths.

    Args:
      a: `[P, 3]` surface points.
      b: `[Q, 3]` surface points.

    Returns:
      The distance in units of the points.

    Raises:
      ValueError: as `tree`.
    """
    there, back = _both_ways(a, b)
    return float(there.mean() + back.mean()) / 2


def f_score(a: Points, b: Points, *, radius: float) -> float:
    """Harmonic mean of precision and recall; Tatarchenko et al. 2019, section 4.

    Precision is the share of `a` that has a point of `b` nearer than `radius`, recall
    that of `b` with one of `a`; swapping the two changes nothing.

    Args:
      a: `[P, 3]` surface points of the guess.
      b: `[Q, 3]` surface points of the truth.
      radius: in units of the points; they use 1 % of the side of the bounding box.

    Returns:
      A share from 0 to 1; 0 if no point is near.

    Raises:
      ValueError: as `tree`, or if `radius` is not positive.
    """
    if not radius > 0:
        raise ValueError(f"radius must be positive, got {radius}")
    precision, recall = (np.mean(x < radius) for x in _both_ways(a, b))
    if precision + recall == 0:
        return 0.0
    return float(2 * precision * recall / (precision + recall))


def normal_consistency(
    points_a: np.ndarray,
    normals_a: np.ndarray,
    points_b: np.ndarray,
    normals_b: np.ndarray,
) -> float:
    """Mean |cos| of the normals at nearest neighbours, of both directions averaged.

    Mescheder et al. 2019. The absolute value forgives faces that are wound wrongly.

    Args:
      points_a: `[P, 3]` surface points.
      normals_a: `[P, 3]` normals there, of any length but 0.
      points_b: `[Q, 3]` surface points.
      normals_b: `[Q, 3]` normals there.

    Returns:
      A number from 0 to 1, where 1 is best and 1/2 what random directions give.

    Raises:
      ValueError: as `tree`, if points and normals differ in shape, or if a normal has
        no direction.
    """
    a, b = tree(points_a), tree(points_b)
    normals_a, normals_b = _directions(a, normals_a), _directions(b, normals_b)
    there = _cosines(normals_a, normals_b[b.query(a.data)[1]])
    back = _cosines(normals_b, normals_a[a.query(b.data)[1]])
    return float(there.mean() + back.mean()) / 2


def iou(inside_a: np.ndarray, inside_b: np.ndarray) -> float:
    """Intersection over union of two volumes, on the same points of space.

    |A and B| / |A or B|; of volumes only if the points are spread uniformly.

    Args:
      inside_a: `[U]` booleans: whether each point lies inside the first shape.
      inside_b: `[U]` booleans of the second.

    Returns:
      A share from 0 to 1; a shape that is empty beside one that is not has 0.

    Raises:
      ValueError: if the arrays are not booleans `[U]` of one length, or if no point
        lies inside either shape: 0 / 0 measures the points, not the shapes.
    """
    a, b = np.asarray(inside_a), np.asarray(inside_b)
    if a.ndim != 1 or a.shape != b.shape or {a.dtype, b.dtype} != {np.dtype(bool)}:
        raise ValueError(
            "need booleans [U] at the same points, got "
            f"{a.dtype} {a.shape} and {b.dtype} {b.shape}"
        )
    union = np.count_nonzero(a | b)
    if not union:
        raise ValueError(
            f"none of {len(a)} points lies inside either shape, so their overlap is "
            "undefined; give more points or leave the pair out"
        )
    return np.count_nonzero(a & b) / union


def _both_ways(a: Points, b: Points) -> tuple[np.ndarray, np.ndarray]:
    """Distance of each point of one cloud to the other, `[P]` and `[Q]`."""
    a, b = tree(a), tree(b)
    return _nearest(a, b), _nearest(b, a)


def _nearest(queries: cKDTree, candidates: cKDTree) -> np.ndarray:
    # Neighbours one after the other walk the same branches, which the cache then holds.
    return candidates.query(queries.data[queries.indices])[0]


def _directions(points: cKDTree, normals: np.ndarray) -> np.ndarray:
    normals = np.asarray(normals, np.float64)
    if normals.shape != points.data.shape:
        raise ValueError(
            f"need one normal per point, got {normals.shape} normals "
            f"for {points.data.shape} points"
        )
    lengths = np.linalg.norm(normals, axis=1, keepdims=True)
    if not (np.isfinite(lengths).all() and lengths.all()):
        raise ValueError("every normal needs a direction; one has length 0 or is NaN")
    return normals / lengths


def _cosines(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.abs(np.sum(x * y, axis=1))
