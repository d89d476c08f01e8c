"""Which shapes are the same object, although their files differ.

An object that is stored twice, say as .obj and as .stl, has other vertices in another
order and other triangles each time. Its surface is the same, and so are the moments of
the surface. Two shapes count as one object if all their moments, in the frame of
`normalise`, agree to `CLOSE`: that is ten times what the rounding to six decimals in a
text file changes. Place and size do not matter, orientation does.
"""

import numpy as np
from scipy.spatial import cKDTree

from wsjax.meshes.mesh import Mesh

__all__ = ["CLOSE", "COUNT", "alike", "moments", "surface_moments"]

COUNT = 10
"""Numbers that `moments` gives."""

CLOSE = 1e-5
"""Largest difference of each moment between two copies of one object."""


def surface_moments(mesh: Mesh) -> np.ndarray:
    """The moments `[COUNT]` of a mesh's surface, however it is cut into triangles.

    Args:
      mesh: normalised, with an area above 0.
    """
    corners = mesh.vertices[mesh.faces]
    edges = corners[:, 1:] - corners[:, :1]
    areas = np.linalg.norm(np.cross(edges[:, 0], edges[:, 1]), axis=1) / 2
    # The mean over the middles of its edges integrates a quadratic over a triangle.
    middles = (corners + np.roll(corners, 1, axis=1)) / 2
    return moments(middles.reshape(-1, 3), np.repeat(areas / 3, 3))


def moments(points: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Logarithm of the total weight, mean, and mean of all products of coordinates.

    Args:
      points: `[P, 3]`, normalised.
      weights: `[P]`, with a sum above 0.

    Returns:
      `[COUNT]` float64.
    """
    total = weights.sum()
    mean = weights @ points / total
    products = (points * weights[:, None]).T @ points / total
    return np.array([np.log(total), *mean, *products[np.triu_indices(3)]])


def alike(table: np.ndarray) -> np.ndarray:
    """Numbers shapes so that the same object has the same number.

    Args:
      table: `[N, COUNT]`, the moments of N shapes.

    Returns:
      `[N]` int32 from 0, in the order in which objects first appear. All copies of an
      object agree to `CLOSE` with the first of them.
    """
    groups = np.full(len(table), -1, np.int32)
    tree, count = cKDTree(table), 0
    for row in range(len(table)):
        if groups[row] < 0:
            near = np.array(tree.query_ball_point(table[row], CLOSE, p=np.inf))
            groups[near[groups[near] < 0]] = count
            count += 1
    return groups
