"""What one shape adds to a base of cells: its octree, and the codes of its cells."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from chex import ArrayTree

from wsjax.cells.allotment import allot
from wsjax.cells.coding import Code, code, filled
from wsjax.cells.cutting import CODED, INSIDE, Layout, blocks, children, weights
from wsjax.cells.packing import pack, unpack
from wsjax.meshes.levels import LARGEST
from wsjax.types import Adapter, Params

__all__ = ["cells"]

_AT_ONCE = 64  # Cells that are coded at once.


class _Tried(NamedTuple):
    """Cells of a level that may be coded, and for each rank of it their codes.

    `rows` `[n]` are their places among all cells of the level.
    """

    rows: jax.Array
    codes: list[Code]


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
        return {"cells": {"numbers": _solved(_of_base(base), values, form)}}

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


def _solved(dictionaries: Params, values: jax.Array, form: Layout) -> jax.Array:
    """The numbers `[N]` that serve a lattice best."""
    errors: list[jax.Array] = []
    tried: list[_Tried] = []
    for level, side in enumerate(form.sides):
        wrong, some = _level(dictionaries, blocks(values, side), form, level)
        errors.append(wrong)
        tried.append(some)
    states = allot(errors, form)
    numbers = pack(states, list(map(_choices, states, tried)), form)
    places = unpack(numbers, form).places
    for own, at, (rows, codes) in zip(states, places, tried, strict=True):
        for kind, made in enumerate(codes):
            took = (own[rows] == CODED + kind)[:, None]
            order = at[rows][:, None] + jnp.arange(made.coefficients.shape[1])[None]
            order = jnp.where(took, order, form.numbers)
            numbers = numbers.at[order].set(made.coefficients, mode="drop")
    return numbers


def _choices(states: jax.Array, tried: _Tried) -> jax.Array:
    """The dictionary `[n^3]` of each coded cell of a level, 0 for others."""
    choices = jnp.zeros(len(states), int)
    for kind, made in enumerate(tried.codes):
        took = states[tried.rows] == CODED + kind
        choices = choices.at[tried.rows].add(jnp.where(took, made.choice, 0))
    return choices


def _level(
    dictionaries: Params, nodes: jax.Array, form: Layout, level: int
) -> tuple[jax.Array, _Tried]:
    """Errors of all states of all cells of a level, and the codes that were tried.

    No more cells are tried than could be paid for: those that are most mixed.
    """
    side, ranks = form.sides[level], form.ranks[level]
    volume = weights(side)
    inside = filled(nodes) @ volume
    errors = [inside, 1.0 - inside, jnp.zeros_like(inside)]
    rows = jnp.argsort(-jnp.minimum(inside, 1.0 - inside))[: form.most(level)]
    codes: list[Code] = []
    if ranks:
        dictionary = dictionaries[f"side{side}"]

        def one(cell: jax.Array) -> list[Code]:
            tables = [dictionary[f"rank{rank}"] for rank in ranks]
            return [code(dictionary["atoms"], t, cell, volume) for t in tables]

        codes = jax.lax.map(one, nodes[rows], batch_size=_AT_ONCE)
    unknown = jnp.full(len(nodes), jnp.inf)
    errors.extend(unknown.at[rows].set(made.error) for made in codes)
    return jnp.stack(errors, axis=1) * side**3, _Tried(rows, codes)
