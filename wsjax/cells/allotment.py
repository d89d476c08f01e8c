"""Which cells are split or coded, and with how many coefficients.

A Lagrangian shares numbers among cells: each cell takes the state that minimises the
volume that it gets wrong plus a price for each number that it takes, from the finest
level upwards, and the price is such that the numbers suffice (Chou, Lookabaugh and Gray
1989 for trees; Shoham and Gersho 1988).
"""

import jax
import jax.numpy as jnp

from wsjax.bits import WORD
from wsjax.cells.cutting import (
    CODED,
    OUTSIDE,
    SPLIT,
    STATE_BITS,
    Layout,
    children,
    sums,
)
from wsjax.cells.packing import usage

__all__ = ["allot"]

_HALVINGS = 40  # Of the range of prices, in logarithms.
_LOWEST = 1e-6  # Lattice cells for a number; a tenth of what an int8 can tell.


def allot(errors: list[jax.Array], form: Layout) -> list[jax.Array]:
    """The states of all cells, as `packing.pack` takes them.

    Args:
      errors: for each level `[n^3, 3 + ranks]`, volume in lattice cells that a cell
        gets wrong in each state; what stands for `SPLIT` is ignored.
      form: see `Layout`.
    """
    highest = 2.0 * form.lattice**3

    def halve(_, bounds):
        low, high = bounds
        middle = (low + high) / 2.0
        taken = usage(_states(errors, jnp.exp(middle), form), form)
        enough = taken <= form.numbers
        return jnp.where(enough, low, middle), jnp.where(enough, middle, high)

    bounds = jnp.log(_LOWEST), jnp.log(highest)
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
            split = sums(below) + price * 8 * STATE_BITS / WORD
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
    return jnp.concatenate([jnp.zeros(CODED), ranks + form.choices / WORD])
