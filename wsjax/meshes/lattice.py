"""Signed distances of a mesh on a fine lattice, exact where its surface is near.

The lattice has `CELLS` cells per side of [-1, 1]^3 and so `CELLS + 1` nodes, the first
at -1 and the last at 1. A value is signed distance over `levels.REACH` cells, cut to
[-1, 1] and kept in a byte: -127 to 127, below 0 at the nodes that are inside and only
there.
"""

import numpy as np

from wsjax.meshes.distance import signed_distance
from wsjax.meshes.levels import LARGEST, REACH
from wsjax.meshes.mesh import Mesh

__all__ = ["CELLS", "VERSION", "distances"]

CELLS = 128
"""Cells per side; every mesh of a data set has the same."""

VERSION = 1
"""Grows when the same mesh gives another lattice than before."""

_BLOCK = 8  # Cells per side of the blocks that are looked at before their nodes.


def distances(mesh: Mesh, *, cells: int = CELLS) -> np.ndarray:
    """Measures a mesh on the lattice.

    Args:
      mesh: normalised, so that it lies within [-1, 1]^3.
      cells: per side, a multiple of 8.

    Returns:
      `[cells + 1] * 3` int8.

    Raises:
      ValueError: if the mesh has no faces, or if `cells` is no multiple of 8.
    """
    if cells < _BLOCK or cells % _BLOCK:
        raise ValueError(f"cells={cells} should be a multiple of {_BLOCK}, such as 128")
    side = 2.0 / cells
    reach = REACH * side
    count = cells // _BLOCK
    starts = np.stack(np.unravel_index(np.arange(count**3), [count] * 3), axis=1)
    # Whatever is nearer to a node than `reach` is within this of its block's centre.
    radius = reach + 3**0.5 / 2 * _BLOCK * side
    centres = (starts + 0.5) * (_BLOCK * side) - 1.0
    far = signed_distance(mesh, centres, bound=radius)
    whole = np.where(far < 0.0, -1.0, 1.0).reshape([count] * 3)
    blocks = np.minimum(np.arange(cells + 1) // _BLOCK, count - 1)
    values = whole[np.ix_(blocks, blocks, blocks)]
    offsets = np.stack(np.unravel_index(np.arange((_BLOCK + 1) ** 3), [_BLOCK + 1] * 3))
    nodes = starts[np.abs(far) < radius][:, :, None] * _BLOCK + offsets[None]
    places = np.ravel_multi_index(nodes.transpose(1, 0, 2), values.shape)
    near = np.stack(np.unravel_index(np.unique(places), values.shape), axis=1)
    if len(near):
        exact = signed_distance(mesh, near * side - 1.0, bound=reach)
        values[tuple(near.T)] = exact / reach
    return _bytes(values)


def _bytes(values: np.ndarray) -> np.ndarray:
    whole = np.rint(values.clip(-1.0, 1.0) * LARGEST)
    # A node that is barely inside must not become one on the surface.
    return np.where(values < 0.0, np.minimum(whole, -1.0), whole).astype(np.int8)
