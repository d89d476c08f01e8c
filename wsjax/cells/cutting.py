"""How the cube is cut into cells, and how many numbers a shape has."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from wsjax.bits import WORD

__all__ = [
    "CODED",
    "INSIDE",
    "Layout",
    "OUTSIDE",
    "SPLIT",
    "STATE_BITS",
    "children",
    "layout",
    "means",
    "nodes",
    "sums",
    "weights",
]

OUTSIDE = 0
"""State of a cell that lies outside of the shape."""

INSIDE = 1
"""State of a cell that lies inside."""

SPLIT = 2
"""State of a cell that is cut in eight."""

CODED = 3
"""State of a cell with a code of the first rank; those above it have later ranks."""

STATE_BITS = 3
"""Bits of a cell's state: three states without code, and at most five ranks."""

_ATOMS = 16  # For each lattice cell of a side, which keeps nearly all of real shapes.


class Layout(NamedTuple):
    """An octree over a lattice, and the numbers that one shape has.

    `lattice`: cells of the lattice per side; `sides`: lattice cells per side of the
    cells of each level, each half as many as before; `ranks`: for each level, how many
    coefficients a cell of it may have, none on a level whose cells are never coded;
    `choices`: bits of the choice among a level's dictionaries; `numbers`: of a shape in
    all, those that hold bits and those that are coefficients.
    """

    lattice: int
    sides: tuple[int, ...]
    ranks: tuple[tuple[int, ...], ...]
    choices: int
    numbers: int

    @property
    def dictionaries(self) -> int:
        """J, of which a coded cell chooses one."""
        return 2**self.choices

    def atoms(self, side: int) -> int:
        """Functions on the nodes of a cell of that side, which dictionaries combine."""
        return min((side + 1) ** 3, _ATOMS * side)

    def count(self, level: int) -> int:
        """Cells per side on a level."""
        return self.lattice // self.sides[level]

    def most(self, level: int) -> int:
        """Coded cells that a level can have at most."""
        if not self.ranks[level]:
            return 0
        return min(self.count(level) ** 3, self.numbers // min(self.ranks[level]))


def layout(
    *,
    numbers: int,
    lattice: int,
    sides: tuple[int, ...],
    ranks: tuple[tuple[int, ...], ...],
    choices: int,
) -> Layout:
    """A layout that is possible.

    Args:
      numbers: of one shape in all.
      lattice: as in `Layout`.
      sides: as in `Layout`.
      ranks: as in `Layout`.
      choices: as in `Layout`.

    Raises:
      ValueError: if the cells do not fill the cube or do not halve, if there are more
        ranks than states, or too few numbers for the states of the first level.
    """
    halves = all(a == 2 * b for a, b in zip(sides, sides[1:], strict=False))
    if not halves or lattice % sides[0]:
        raise ValueError(
            f"sides={sides} should halve, and the first divide lattice={lattice}"
        )
    most = 2**STATE_BITS - CODED
    if len(ranks) != len(sides) or max(len(some) for some in ranks) > most:
        raise ValueError(
            f"ranks={ranks} should be at most {most} for each of {len(sides)} levels"
        )
    needed = -(-STATE_BITS * (lattice // sides[0]) ** 3 // WORD)
    if numbers < needed:
        raise ValueError(
            f"numbers={numbers} cannot hold the states of the largest cells, which "
            f"need {needed}; take more"
        )
    return Layout(lattice, sides, ranks, choices, numbers)


def nodes(values: jax.Array, side: int, rows: jax.Array) -> jax.Array:
    """The nodes `[n, (side + 1)^3]` of cells `[n]` of a lattice `[L + 1] * 3`.

    Nodes on the walls between cells belong to each of them.
    """
    count = (values.shape[0] - 1) // side

    def one(row: jax.Array) -> jax.Array:
        at = [place * side for place in jnp.unravel_index(row, [count] * 3)]
        return jax.lax.dynamic_slice(values, at, [side + 1] * 3).reshape(-1)

    return jax.vmap(one)(rows)


def means(values: jax.Array, form: Layout) -> list[jax.Array]:
    """The mean `[n^3]` of values at nodes over each cell, for every level.

    In `weights` of the nodes: it is the mean of the cell's lattice cells, each of which
    has the mean of its corners.
    """
    for axis in range(3):
        low = jax.lax.slice_in_dim(values, 0, -1, axis=axis)
        high = jax.lax.slice_in_dim(values, 1, None, axis=axis)
        values = (low + high) / 2.0
    shape = [length for _ in range(3) for length in (form.count(-1), form.sides[-1])]
    found = [values.reshape(shape).mean(axis=(1, 3, 5)).reshape(-1)]
    for _ in form.sides[1:]:
        found.insert(0, sums(found[0]) / 8.0)
    return found


def weights(side: int) -> jax.Array:
    """Volume `[(side + 1)^3]` that each node of a cell stands for; their sum is 1."""
    axis = jnp.ones(side + 1).at[jnp.array([0, side])].set(0.5) / side
    return (axis[:, None, None] * axis[None, :, None] * axis[None, None, :]).reshape(-1)


def children(values: jax.Array) -> jax.Array:
    """Gives what each cell of a level has `[n^3]` to its eight children `[8 n^3]`."""
    count = round(len(values) ** (1 / 3))
    cube = values.reshape(count, count, count)
    for axis in range(3):
        cube = jnp.repeat(cube, 2, axis=axis)
    return cube.reshape(-1)


def sums(values: jax.Array) -> jax.Array:
    """Sums `[n^3]` over the eight children of each cell, from `[8 n^3]`."""
    count = round(len(values) ** (1 / 3)) // 2
    split = values.reshape(count, 2, count, 2, count, 2)
    return split.sum(axis=(1, 3, 5)).reshape(-1)
