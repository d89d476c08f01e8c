"""An octree as bits, and bits as numbers.

Its bits are the states of the cells, level by level and from the coarsest, those of
cells whose parent is split alone; then for each coded cell, in the same order, its
choice of dictionary. Each number holds `WORD` of them as a whole number, which
float32 represents exactly; the coefficients of all coded cells follow, a number each,
in the same order. So nothing of the tree is free.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from wsjax.bits import WORD, from_numbers, to_numbers
from wsjax.cells.cutting import (
    CODED,
    OUTSIDE,
    SPLIT,
    STATE_BITS,
    Layout,
    children,
)

__all__ = ["Tree", "pack", "unpack", "usage"]


class Tree(NamedTuple):
    """An octree: for each level, arrays `[n^3]` over all cells that it could have.

    `states`: `OUTSIDE`, `INSIDE`, `SPLIT`, or `CODED` plus the place of the rank;
    `OUTSIDE` also where a parent is not split. `choices`: dictionaries of coded cells,
    0 elsewhere. `places`: where among the numbers the coefficients of a coded cell
    begin.
    """

    states: tuple[jax.Array, ...]
    choices: tuple[jax.Array, ...]
    places: tuple[jax.Array, ...]


def pack(states: list[jax.Array], choices: list[jax.Array], form: Layout) -> jax.Array:
    """The numbers `[N]` of a tree, with 0 for each coefficient.

    `states` and `choices` are as in `Tree`. A tree of more bits than there is room for
    is cut; see `usage`.
    """
    stream = jnp.zeros(form.numbers * WORD, int)
    end = jnp.array(0)
    active = jnp.ones(len(states[0]), bool)
    for level, own in enumerate(states):
        stream, end = _write(stream, end, active, own, STATE_BITS)
        if level + 1 < len(states):
            active = children(active & (own == SPLIT))
    for own, chosen in zip(states, choices, strict=True):
        stream, end = _write(stream, end, own >= CODED, chosen, form.choices)
    return to_numbers(stream)


def unpack(numbers: jax.Array, form: Layout) -> Tree:
    """The tree of a shape's numbers `[N]`; undoes `pack`.

    Numbers that no tree was packed into, such as generated ones, are rounded and cut;
    a state that a level does not have is `OUTSIDE`, as is what the numbers end before.
    """
    stream = from_numbers(numbers)
    end, states, choices, places = jnp.array(0), [], [], []
    active = jnp.ones(form.count(0) ** 3, bool)
    for level, ranks in enumerate(form.ranks):
        own, end = _read(stream, end, active, STATE_BITS)
        last = level + 1 == len(form.sides)
        possible = (own < CODED + len(ranks)) & ~(last & (own == SPLIT))
        states.append(jnp.where(active & possible, own, OUTSIDE))
        if not last:
            active = children(states[-1] == SPLIT)
    for own in states:
        chosen, end = _read(stream, end, own >= CODED, form.choices)
        choices.append(chosen)
    begin = _words(end)
    for own, ranks in zip(states, form.ranks, strict=True):
        lengths = _lengths(own, ranks)
        places.append(begin + jnp.cumsum(lengths) - lengths)
        begin = begin + jnp.sum(lengths)
    return Tree(tuple(states), tuple(choices), tuple(places))


def usage(states: list[jax.Array], form: Layout) -> jax.Array:
    """How many numbers `[]` a tree and its coefficients take; `states` as in `Tree`."""
    bits, coefficients = jnp.array(STATE_BITS * len(states[0])), jnp.array(0)
    for own, ranks in zip(states, form.ranks, strict=True):
        bits = bits + 8 * STATE_BITS * jnp.sum(own == SPLIT)
        bits = bits + form.choices * jnp.sum(own >= CODED)
        coefficients = coefficients + jnp.sum(_lengths(own, ranks))
    return _words(bits) + coefficients


def _words(bits: jax.Array) -> jax.Array:
    """Numbers that so many bits fill."""
    return -(-bits // WORD)


def _lengths(states: jax.Array, ranks: tuple[int, ...]) -> jax.Array:
    """Coefficients of each cell."""
    return jnp.array([0] * CODED + list(ranks))[states]


def _places(end: jax.Array, marked: jax.Array, width: int, length: int) -> jax.Array:
    """Where `width` bits of each marked cell lie; others' lie behind the last bit."""
    order = jnp.cumsum(marked) - 1
    places = end + (order * width)[:, None] + jnp.arange(width)[None]
    return jnp.where(marked[:, None], places, length)


def _write(stream, end, marked, values, width):
    places = _places(end, marked, width, len(stream))
    bits = values[:, None] >> jnp.arange(width)[None] & 1
    return stream.at[places].set(bits, mode="drop"), end + width * jnp.sum(marked)


def _read(stream, end, marked, width):
    places = _places(end, marked, width, len(stream))
    bits = stream.at[places].get(mode="fill", fill_value=0)
    values = (bits << jnp.arange(width)[None]).sum(axis=1)
    return values, end + width * jnp.sum(marked)
