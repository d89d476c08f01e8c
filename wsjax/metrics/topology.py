"""Bodies, cavities and handles of shapes on a grid: what distances do not see."""

from typing import NamedTuple

import numpy as np
from scipy import ndimage
from skimage.measure import euler_number

__all__ = ["Topology", "topology"]

_FACES = ndimage.generate_binary_structure(3, 1)
_CORNERS = ndimage.generate_binary_structure(3, 3)


class Topology(NamedTuple):
    """Counts of n shapes, each `[n]`.

    `bodies`: parts that touch by faces of cells; `cavities`: hollows inside;
    `handles`: the genus, summed over all surfaces: a torus has one, a cup one.
    """

    bodies: np.ndarray
    cavities: np.ndarray
    handles: np.ndarray


def topology(inside: np.ndarray) -> Topology:
    """Counts bodies, cavities and handles of shapes.

    Cells of the inside touch by faces, those of the outside by corners too, so that
    each shape is one solid: its Euler number is bodies - handles + cavities.

    Args:
      inside: `[n, D, H, W]` booleans, whether each cell lies inside.

    Raises:
      ValueError: if `inside` has another number of axes.
    """
    inside = np.asarray(inside, bool)
    if inside.ndim != 4:
        raise ValueError(f"need cells [n, D, H, W], got shape {inside.shape}")
    # What lies around the grid is outside.
    framed = np.pad(inside, ((0, 0), *[(1, 1)] * 3))
    counts = np.array([_counts(cells) for cells in framed], int).reshape(-1, 3)
    return Topology(*counts.T)


def _counts(cells: np.ndarray) -> tuple[int, int, int]:
    bodies = ndimage.label(cells, _FACES)[1]
    cavities = ndimage.label(~cells, _CORNERS)[1] - 1
    return bodies, cavities, bodies + cavities - euler_number(cells, connectivity=1)
