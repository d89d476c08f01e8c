"""Ten categories of solids drawn from parameters: shapes without a download.

Every shape is one closed surface. Its parts stay thick enough to be seen by a small
field on a coarse grid, like wooden toys: with the longest half side at 0.9, no part is
thinner than 0.1. +y is up, and what has a front looks towards +z.
"""

from collections.abc import Callable

import numpy as np

from wsjax.data.parametric.boats import boat
from wsjax.data.parametric.household import lamp, loudspeaker, table
from wsjax.data.parametric.rifle import rifle
from wsjax.data.parametric.seats import bench, chair, sofa
from wsjax.data.parametric.vehicles import airplane, car
from wsjax.meshes.mesh import Mesh

__all__ = [
    "CATEGORIES",
    "airplane",
    "bench",
    "boat",
    "car",
    "chair",
    "lamp",
    "loudspeaker",
    "make",
    "rifle",
    "sofa",
    "table",
]

CATEGORIES: dict[str, Callable[[np.random.Generator], Mesh]] = {
    "airplane": airplane,
    "bench": bench,
    "boat": boat,
    "car": car,
    "chair": chair,
    "lamp": lamp,
    "loudspeaker": loudspeaker,
    "rifle": rifle,
    "sofa": sofa,
    "table": table,
}


def make(category: str, seed: int) -> Mesh:
    """Draws instance `seed` of a category; the two alone decide what it looks like.

    Args:
      category: a key of `CATEGORIES`.
      seed: a whole number of at least 0.

    Returns:
      A closed mesh in its own units, not normalised.

    Raises:
      ValueError: if the category is unknown.
    """
    if category not in CATEGORIES:
        raise ValueError(
            f"category: expected one of {', '.join(CATEGORIES)}, got {category!r}"
        )
    label = list(CATEGORIES).index(category)
    return CATEGORIES[category](np.random.default_rng([seed, label]))
