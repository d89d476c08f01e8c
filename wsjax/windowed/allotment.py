"""Which dictionary and how many gains each window of a picture takes.

A Lagrangian shares numbers among windows: each window takes the dictionary and the rank
that minimise its squared error plus a price for each number, and the price is such that
the numbers suffice (Shoham and Gersho 1988).
"""

import jax
import jax.numpy as jnp
from chex import ArrayTree

__all__ = ["allot", "errors", "price", "ranks_at", "ranks_of", "shares"]

_HALVINGS = 40  # Of the range of prices, in logarithms.
_LOWEST = 1e-12  # Smallest price, as a share of the largest.
_LEFTOVERS = 4  # Windows that share what the price leaves over.


def shares(atoms: jax.Array) -> jax.Array:
    """Squared length `[..., Q]` of each atom of `[..., M, Q]`; 1 for one of zeros."""
    squares = jnp.sum(jnp.square(atoms), axis=-2)
    return jnp.where(squares > 0.0, squares, 1.0)


def errors(dictionaries: ArrayTree, windows: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Squared error of each window with each dictionary at each rank.

    Args:
      dictionaries: `mean` `[J, M]` and `atoms` `[J, M, Q]`, orthogonal columns.
      windows: `[K, M]`.

    Returns:
      `(errors [K, J, Q + 1], gains [K, J, Q])`: the error with the first 0, 1, .. Q
      atoms, and the gains of all of them.
    """
    mean, atoms = dictionaries["mean"], dictionaries["atoms"]
    squares = shares(atoms)
    centred = windows[:, None] - mean[None]
    products = jnp.einsum("kjm,jmq->kjq", centred, atoms)
    explained = jnp.cumsum(jnp.square(products) / squares[None], axis=-1)
    whole = jnp.sum(jnp.square(centred), axis=-1)[..., None]
    left = jnp.maximum(whole - explained, 0.0)
    return jnp.concatenate([whole, left], axis=-1), products / squares[None]


def price(least: jax.Array, budget: int) -> jax.Array:
    """The lowest price at which all windows together take `budget` gains or fewer.

    Args:
      least: `[K, Q + 1]` error of each window at each rank.
      budget: gains of all windows.
    """
    highest = jnp.maximum(jnp.max(least), jnp.finfo(least.dtype).tiny)

    def halve(_, bounds):
        low, high = bounds
        middle = (low + high) / 2.0
        enough = jnp.sum(ranks_at(least, highest * jnp.exp(middle))) <= budget
        return jnp.where(enough, low, middle), jnp.where(enough, middle, high)

    bounds = jnp.log(_LOWEST), jnp.array(0.1)
    return highest * jnp.exp(jax.lax.fori_loop(0, _HALVINGS, halve, bounds)[1])


def ranks_at(least: jax.Array, price: jax.Array) -> jax.Array:
    """Rank `[K]` of each window at a price per gain; `least` as in `price`."""
    numbers = jnp.arange(least.shape[-1], dtype=least.dtype)
    return jnp.argmin(least + price * numbers[None], axis=-1)


def allot(dictionaries: ArrayTree, windows: jax.Array, spare: int) -> ArrayTree:
    """The choice of each window and the gains of all, `{"choice", "gains"}`.

    Args:
      dictionaries: as in `errors`.
      windows: `[K, M]`.
      spare: how many gains the picture has.
    """
    error, gains = errors(dictionaries, windows)
    least = jnp.min(error, axis=1)
    rank = ranks_at(least, price(least, spare))
    for _ in range(_LEFTOVERS):
        rank = _more(least, rank, spare)
    at_rank = jnp.take_along_axis(error, rank[:, None, None], axis=-1)[..., 0]
    which = jnp.argmin(at_rank, axis=1)
    own = jnp.take_along_axis(gains, which[:, None, None], axis=1)[:, 0]
    order = jnp.arange(own.shape[-1])[None]
    places = (jnp.cumsum(rank) - rank)[:, None] + order
    # Those that a window does not take fall on one place behind the last.
    places = jnp.where(order < rank[:, None], places, spare)
    packed = jnp.zeros(spare + 1).at[places.reshape(-1)].set(own.reshape(-1))
    choice = which * error.shape[-1] + rank
    return {"choice": choice.astype(windows.dtype), "gains": packed[:spare]}


def _more(least: jax.Array, ranks: jax.Array, spare: int) -> jax.Array:
    """Gives what is left to the window whose error falls most by it."""
    left = spare - jnp.sum(ranks)
    more = jnp.minimum(ranks + left, least.shape[-1] - 1)
    before, after = (
        jnp.take_along_axis(least, r[:, None], axis=1)[:, 0] for r in (ranks, more)
    )
    lucky = jnp.arange(len(ranks)) == jnp.argmax(before - after)
    return jnp.where(lucky, more, ranks)


def ranks_of(
    choice: jax.Array, dictionaries: int, atoms: int
) -> tuple[jax.Array, jax.Array]:
    """Dictionary and rank that each choice `[K]` stands for, the nearest possible."""
    most = dictionaries * (atoms + 1) - 1
    whole = jnp.clip(jnp.round(choice), 0, most).astype(int)
    return whole // (atoms + 1), whole % (atoms + 1)
