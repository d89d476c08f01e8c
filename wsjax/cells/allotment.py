"""Which cells are split or coded, and with how many coefficients.

A Lagrangian shares numbers among cells: each cell takes the state that minimises the
volume that it gets wrong plus a price for each number that it takes, from the finest
level upwards, and the price is such that the numbers suffice (Chou, Lookabaugh and Gray
1989 for trees; Shoham and Gersho 1988).
"""

import jax
import jax.numpy as jnp

from wsjax.cells.cutting import (
    CODED,
    OUTSIDE,
    SPLIT,
    STATE_BITS,
    WORD_BITS,
    Layout,
    children,
    sums,
)
from wsjax.cells.packing import usage

__all__ = ["allot"]

_TRIED = 57  # Prices, half a unit apart in logarithms.
_HALVINGS = 20  # Of the range between two of them.
_LOWEST = 1e-6  # Lattice cells for a number; a tenth of what an int8 can tell.


def allot(errors: list[jax.Array], form: Layout) -> list[jax.Array]:
    """The states of all cells, as `packing.pack` takes them.

    Args:
      errors: for each level `[n^3, 3 + ranks]`, volume in lattice cells that a cell
        gets wrong in each state; what stands for `SPLIT` is ignored.
      form: see `Layout`.
    """
    tried = jnp.linspace(jnp.log(_LOWEST), jnp.log(2.0 * form.lattice**3), _TRIED)

    def enough(logarithm: jax.Array) -> jax.Array:
        bits, coefficients = usage(_states(errors, jnp.exp(logarithm), form), form)
        held = bits <= form.words * WORD_BITS
        return held & (coefficients <= form.coefficients)

    def halve(_, bounds):
        low, high = bounds
        middle = (low + high) / 2.0
        fits = enough(middle)
        return jnp.where(fits, low, middle), jnp.where(fits, middle, high)

    # Higher prices do not always take fewer bits: cells that are split to the finest
    # level and not coded may take more of them. So the lowest price is looked for.
    first = jnp.argmax(jax.lax.map(enough, tried))
    bounds = tried[jnp.maximum(first - 1, 0)], tried[first]
    price = jnp.exp(jax.lax.fori_loop(0, _HALVINGS, halve, bounds)[1])
    return _states(errors, price, form)


def _states(errors: list[jax.Array], price: jax.Array, form: Layout) -> list[jax.Array]:
    """The best states at a price for each number."""
    best: list[jax.Array] = []
    below = None
    for level in reversed(range(len(errors))):
        cost = price * _cost(form, level)
        total = errors[level] + cost[None]
        if below is None:
            split = jnp.full(len(total), jnp.inf)
        else:
            split = sums(below) + price * 8 * STATE_BITS / WORD_BITS
        total = total.at[:, SPLIT].set(split)
        best.insert(0, jnp.argmin(total, axis=1))
        below = jnp.min(total, axis=1)
    active, states = jnp.ones(len(best[0]), bool), []
    for level, own in enumerate(best):
        states.append(jnp.where(active, own, OUTSIDE))
        if level + 1 < len(best):
            active = children(active & (own == SPLIT))
    return states


def _cost(form: Layout, level: int) -> jax.Array:
    """Numbers that each state takes beside its own bits."""
    ranks = jnp.array(form.ranks[level], float)
    return jnp.concatenate([jnp.zeros(CODED), ranks + form.choices / WORD_BITS])
