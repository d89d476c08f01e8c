"""What one shape adds to a base of cells: its octree, and the codes of its cells."""

import jax
import jax.numpy as jnp
from chex import ArrayTree

from wsjax.cells.cutting import CODED, INSIDE, Layout, children
from wsjax.cells.packing import unpack
from wsjax.cells.solving import solved
from wsjax.meshes.levels import LARGEST
from wsjax.types import Adapter, Params

__all__ = ["cells"]


def cells(form: Layout) -> Adapter:
    """`{"cells": {"numbers": [N]}}`: the tree of a shape, then its coefficients.

    The tree says which cells are split, which are coded with how many coefficients,
    and by which dictionary: in whole numbers of 24 bits, see `wsjax.cells.packing`. So
    every number of a shape is counted. Steps on a loss move the coefficients alone,
    as the tree has no gradient. The start is an empty cube.
    """

    def start(base: Params) -> ArrayTree:
        del base
        return {"cells": {"numbers": jnp.zeros(form.numbers)}}

    def init(key: jax.Array, base: Params) -> ArrayTree:
        del key
        return start(base)

    def merge(base: Params, adapter: ArrayTree) -> Params:
        numbers = jnp.asarray(adapter["cells"]["numbers"])
        values = _lattice(_of_base(base), numbers, form)
        return {**base, "lattice": {"values": values}}

    def free(base: Params) -> ArrayTree:
        return jax.tree.map(lambda x: jnp.ones(x.shape, bool), start(base))

    def solve(base: Params, lattice: jax.Array) -> ArrayTree:
        values = lattice.astype(float) / LARGEST
        return {"cells": {"numbers": solved(_of_base(base), values, form)}}

    return Adapter(init, merge, merge, free, start, solve, ("lattice",))


def _of_base(base: Params) -> Params:
    # A base from disk is of NumPy arrays, which no traced choice could index.
    return jax.tree.map(jnp.asarray, base["dictionaries"])


def _lattice(dictionaries: Params, numbers: jax.Array, form: Layout) -> jax.Array:
    """The values of all nodes; where coded cells meet, the mean of what they say."""
    tree = unpack(numbers, form)
    shape = [form.lattice + 1] * 3
    total, count = jnp.zeros(shape), jnp.zeros(shape)
    for level, (side, ranks) in enumerate(zip(form.sides, form.ranks, strict=True)):
        if not ranks:
            continue
        states = tree.states[level]
        (rows,) = jnp.nonzero(
            states >= CODED, size=form.most(level), fill_value=len(states)
        )
        found = [x.at[rows].get(mode="fill", fill_value=0) for x in _of(tree, level)]
        values = _decoded(dictionaries[f"side{side}"], ranks, numbers, *found)
        at = jnp.stack(jnp.unravel_index(rows, [form.count(level)] * 3), axis=1) * side
        inner = jnp.stack(
            jnp.unravel_index(jnp.arange(values.shape[1]), [side + 1] * 3)
        )
        # Rows that no cell fills fall beyond the lattice.
        at = jnp.where((rows < len(states))[:, None], at, form.lattice + 1)
        x, y, z = at.T[:, :, None] + inner[:, None]
        total = total.at[x, y, z].add(values, mode="drop")
        count = count.at[x, y, z].add(1.0, mode="drop")
    return jnp.where(count > 0.0, total / jnp.maximum(count, 1.0), _whole(tree, form))


def _of(tree, level):
    return tree.states[level], tree.choices[level], tree.places[level]


def _decoded(dictionary, ranks, numbers, states, choices, places) -> jax.Array:
    """Values `[n, M]` of the nodes of n coded cells of one level."""
    parts = jnp.zeros((len(states), dictionary["atoms"].shape[1]))
    for kind, rank in enumerate(ranks):
        table = dictionary[f"rank{rank}"]
        order = places[:, None] + jnp.arange(rank)[None]
        coefficients = numbers.at[order].get(mode="fill", fill_value=0.0)
        added = jnp.einsum("nar,nr->na", table["kernel"][choices], coefficients)
        chosen = (states == CODED + kind)[:, None]
        parts = jnp.where(chosen, table["mean"][choices] + added, parts)
    return jnp.clip(parts @ dictionary["atoms"].T, -1.0, 1.0)


def _whole(tree, form: Layout) -> jax.Array:
    """Values of all nodes as if there were constant cells only: -1 or 1."""
    sign = jnp.ones(form.count(0) ** 3)
    for level, states in enumerate(tree.states):
        if level:
            sign = children(sign)
        sign = jnp.where(states == INSIDE, -1.0, sign)
    count = form.count(len(form.sides) - 1)
    cell = jnp.minimum(jnp.arange(form.lattice + 1) // form.sides[-1], count - 1)
    values = sign.reshape([count] * 3)
    for axis in range(3):
        values = jnp.take(values, cell, axis=axis)
    return values
