"""Representations whose base is of its own kind and learnt in closed form, by name.

Those of `wsjax.adapters` share one residual base field; each of these has a field of
its own. A new one is one new builder, and one line in `FAMILIES`.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import jax

from wsjax import cells as octree
from wsjax import windowed
from wsjax.adapters import ADAPTERS
from wsjax.types import Adapter, Batches, Field, Params

__all__ = ["FAMILIES", "Family", "NAMES", "by_name", "cells", "gains"]


class Family(NamedTuple):
    """A field, its adapter, and how the base that both belong to is learnt.

    `learn(key, batches) -> params`; the instances have what `adapter.reads` names.
    """

    field: Field
    adapter: Adapter
    learn: Callable[[jax.Array, Batches], Params]


def gains(
    size: tuple[int, ...],
    channels: int,
    *,
    numbers: int | None = None,
    share: float = 0.2,
    candidates: float = 3.0,
    side: int | None = None,
) -> Family:
    """The gains of windows that serve a picture best; see `wsjax.windowed`.

    Args:
      size: height and width of the pictures, in pixels.
      channels: C.
      numbers: of an instance in all, at most as many as it has values.
      share: where `numbers` is None, they are this share of the picture's values.
      candidates: gains that a picture may keep, for each of its numbers; with 1 every
        picture keeps the same.
      side: pixels per side of a window, about; None: see `windowed.layout`.

    Raises:
      ValueError: if instances are no pictures, if a number is out of range, or if
        there are too few of them; see `windowed.gains` and `windowed.layout`.
    """
    if len(size) != 2:
        raise ValueError(
            f"windows are cut out of pictures, found a grid of {len(size)} axes; take "
            "another representation for shapes"
        )
    if not 1.0 <= candidates < math.inf or not 0.0 < share <= 1.0:
        raise ValueError(
            f"candidates={candidates} should be 1 or more for each number, such as 3, "
            f"and share={share} above 0 and at most 1"
        )
    form = windowed.layout((size[0], size[1]), channels, side=side)
    values = size[0] * size[1] * channels
    if numbers is None:
        numbers = max(round(share * values), 1)
    most = min(round(candidates * numbers), values)
    # Few windows have more candidates than a few times the mean.
    atoms = min(form.numbers, 4 * -(-most // form.windows))
    adapter = windowed.gains(form, numbers=numbers, candidates=most)

    def learn(key: jax.Array, batches: Batches) -> Params:
        del key  # Nothing is drawn.
        return windowed.learn(batches, form, atoms=atoms, candidates=most)

    return Family(windowed.field(form, atoms=atoms, candidates=most), adapter, learn)


def cells(
    size: tuple[int, ...],
    channels: int,
    *,
    numbers: int = 4000,
    lattice: int = 128,
    clamp: float = 0.1,
    ranks: Mapping[str, Sequence[int]] | None = None,
    choices: int = 8,
) -> Family:
    """Codes in cells of an octree, for shapes; see `wsjax.cells`.

    Args:
      size: of the grid that shapes share, three axes; any will do.
      channels: 1.
      numbers: of a shape in all, its octree included.
      lattice: cells per side of the lattice of distances that is fitted, as
        `wsjax.meshes.lattice` measures it.
      clamp: distance by which the values of the data set are divided.
      ranks: how many coefficients a cell may have, by "coarse" and "fine", the cells of
        8 and of 4 lattice cells per side; None: the usual ones.
      choices: bits of the choice among dictionaries.

    Raises:
      ValueError: if instances are no shapes, or see `wsjax.cells.cutting`.
    """
    if len(size) != 3 or channels != 1:
        raise ValueError(
            f"cells are cut out of shapes with 1 channel, found a grid of {len(size)} "
            f"axes and {channels} channels; take another representation for pictures"
        )
    usual = {"coarse": (4, 8, 12, 16), "fine": (2, 4, 8, 12)}
    own = {name: tuple(some) for name, some in {**usual, **(ranks or {})}.items()}
    form = octree.layout(
        numbers=numbers,
        lattice=lattice,
        sides=(32, 16, 8, 4),
        ranks=((), (), own["coarse"], own["fine"]),
        choices=choices,
    )

    def learn(key: jax.Array, batches: Batches) -> Params:
        return octree.learn(key, batches, form)

    return Family(octree.field(form, clamp=clamp), octree.cells(form), learn)


FAMILIES: dict[str, Callable[..., Family]] = {
    "cells": cells,
    "gains": gains,
}

NAMES = (*ADAPTERS, *FAMILIES)
"""The names of all representations, of either kind."""


def by_name(name: str, size: tuple[int, ...], channels: int, **options) -> Family:
    """Builds a representation.

    Args:
      name: a key of `FAMILIES`.
      size: of the grid that all instances share, such as height and width in pixels.
      channels: C, values per point.
      **options: of that representation.

    Raises:
      ValueError: if `name` is no key of `FAMILIES`, or as its builder.
    """
    if name not in FAMILIES:
        raise ValueError(
            f"unknown representation {name!r}; choose one of {sorted(FAMILIES)}"
        )
    return FAMILIES[name](size, channels, **options)
