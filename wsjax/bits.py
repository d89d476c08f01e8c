"""Bits as numbers: what a float32 holds exactly, so that no bit of a fit is free."""

import jax
import jax.numpy as jnp

__all__ = ["WORD", "from_numbers", "to_numbers"]

WORD = 24
"""Bits that one float32 holds exactly, as a whole number."""


def to_numbers(bits: jax.Array) -> jax.Array:
    """Whole numbers `[ceil(B / 24)]` that hold the bits `[B]`, each 0 or 1."""
    filled = jnp.pad(bits.astype(int), (0, -len(bits) % WORD)).reshape(-1, WORD)
    return (filled * 2 ** jnp.arange(WORD)[None]).sum(axis=1).astype(float)


def from_numbers(numbers: jax.Array) -> jax.Array:
    """The bits `[24 * W]` of the numbers `[W]`; undoes `to_numbers`.

    Numbers that hold no bits, such as generated ones, are rounded and cut.
    """
    whole = jnp.clip(jnp.round(numbers), 0, 2**WORD - 1).astype(int)
    return (whole[:, None] >> jnp.arange(WORD)[None] & 1).reshape(-1)
