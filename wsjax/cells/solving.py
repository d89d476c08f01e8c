"""The numbers that serve a shape best: which cells are coded, and their codes."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from wsjax.cells.allotment import allot
from wsjax.cells.coding import Code, filled, flats, projected, refined
from wsjax.cells.cutting import CODED, Layout, means, nodes, weights
from wsjax.cells.packing import pack, unpack
from wsjax.types import Params

__all__ = ["solved"]

_AT_ONCE = 64  # Cells that are projected at once.
_REFINED = 32  # Cells whose codes are refined at once.


class _Tried(NamedTuple):
    """Cells of a level that may be coded, and for each rank of it their codes.

    `rows` `[n]` are their places among all cells of the level.
    """

    rows: jax.Array
    codes: list[Code]


class _Taken(NamedTuple):
    """What the cells of a level became: `states` and `choices` `[m]` of all of them.

    `first` `[n, R]` are the coefficients of those that were tried.
    """

    states: jax.Array
    choices: jax.Array
    first: jax.Array


def solved(dictionaries: Params, values: jax.Array, form: Layout) -> jax.Array:
    """The numbers `[N]` of a shape.

    Which cells are coded, and how, is decided by projections; the codes that are taken
    are refined afterwards.

    Args:
      dictionaries: of the base, as JAX arrays.
      values: `[L + 1] * 3`, the shape's lattice, in [-1, 1].
      form: see `Layout`.
    """
    levels = range(len(form.sides))
    inside = means(filled(values), form)
    found = [
        _level(dictionaries, values, inside[level], form, level) for level in levels
    ]
    states = allot([errors for errors, _ in found], form)
    codes = [_taken(own, tried) for own, (_, tried) in zip(states, found, strict=True)]
    numbers = pack(states, [code.choices for code in codes], form)
    places = unpack(numbers, form).places
    for level, (code, (_, (rows, _))) in enumerate(zip(codes, found, strict=True)):
        if not form.ranks[level]:
            continue
        better = _refined(dictionaries, values, code, rows, form, level)
        lengths = jnp.array([0] * CODED + list(form.ranks[level]))
        order = jnp.arange(better.shape[1])[None]
        at = places[level][rows][:, None] + order
        at = jnp.where(order < lengths[code.states[rows]][:, None], at, form.numbers)
        numbers = numbers.at[at].set(better, mode="drop")
    return numbers


def _level(
    dictionaries: Params,
    values: jax.Array,
    inside: jax.Array,
    form: Layout,
    level: int,
) -> tuple[jax.Array, _Tried]:
    """Errors of all states of all cells of a level, and the codes that were tried.

    No more cells are tried than could be paid for: those that are most mixed.
    `inside` `[n^3]` is the share of each cell that is inside.
    """
    side, ranks = form.sides[level], form.ranks[level]
    volume = weights(side)
    errors = [inside, 1.0 - inside, jnp.zeros_like(inside)]
    rows = jnp.argsort(-jnp.minimum(inside, 1.0 - inside))[: form.most(level)]
    codes: list[Code] = []
    if ranks:
        dictionary = dictionaries[f"side{side}"]
        atoms = dictionary["atoms"]
        tables = [flats(dictionary[f"rank{rank}"]) for rank in ranks]

        def one(cell: jax.Array) -> list[Code]:
            return [projected(atoms, table, cell, volume) for table in tables]

        codes = jax.lax.map(one, nodes(values, side, rows), batch_size=_AT_ONCE)
    unknown = jnp.full(len(inside), jnp.inf)
    errors.extend(unknown.at[rows].set(made.error) for made in codes)
    return jnp.stack(errors, axis=1) * side**3, _Tried(rows, codes)


def _taken(states: jax.Array, tried: _Tried) -> _Taken:
    """The codes of the cells of a level that are coded, at the ranks of their states.

    Coefficients of lower ranks end in zeros, as do all of a cell that is not coded.
    """
    choices, own = jnp.zeros(len(states), int), states[tried.rows]
    most = max((made.coefficients.shape[1] for made in tried.codes), default=0)
    first = jnp.zeros((len(own), most))
    for kind, made in enumerate(tried.codes):
        took = own == CODED + kind
        choices = choices.at[tried.rows].add(jnp.where(took, made.choice, 0))
        first = first + jnp.where(took[:, None], _wide(made.coefficients, most), 0.0)
    return _Taken(states, choices, first)


def _refined(
    dictionaries: Params,
    values: jax.Array,
    code: _Taken,
    rows: jax.Array,
    form: Layout,
    level: int,
) -> jax.Array:
    """Coefficients `[n, R]` of the cells that were tried, the coded ones refined."""
    dictionary = dictionaries[f"side{form.sides[level]}"]
    tables = [dictionary[f"rank{rank}"] for rank in form.ranks[level]]
    most = code.first.shape[1]
    means_of = jnp.stack([table["mean"] for table in tables])
    kernels = jnp.stack([_wide(table["kernel"], most) for table in tables])
    atoms, volume = dictionary["atoms"], weights(form.sides[level])
    coded = code.states[rows] >= CODED
    (order,) = jnp.nonzero(coded, size=len(rows), fill_value=len(rows))

    def one(i: jax.Array) -> jax.Array:
        kind = jnp.maximum(code.states[rows[i]] - CODED, 0)
        at = kind, code.choices[rows[i]]
        (cell,) = nodes(values, form.sides[level], rows[i][None])
        mean, columns = atoms @ means_of[at], atoms @ kernels[at]
        return refined(mean, columns, code.first[i], cell, volume)

    def some(turn: jax.Array, total: jax.Array) -> jax.Array:
        at = turn * _REFINED + jnp.arange(_REFINED)
        at = order.at[at].get(mode="fill", fill_value=len(rows))
        return total.at[at].set(jax.vmap(one)(at), mode="drop")

    # As many cells as are coded, which few of those that were tried are.
    turns = -(-jnp.sum(coded) // _REFINED)
    return jax.lax.fori_loop(0, turns, some, code.first)


def _wide(values: jax.Array, width: int) -> jax.Array:
    """The last axis with zeros behind, up to a width."""
    spare = [(0, 0)] * (values.ndim - 1) + [(0, width - values.shape[-1])]
    return jnp.pad(values, spare)
