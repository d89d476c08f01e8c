"""Coordinates of grids, in [-1, 1] per axis, at cell centres."""

import jax
import jax.numpy as jnp

__all__ = ["grid"]


def grid(shape: tuple[int, ...]) -> jax.Array:
    """Cell centres of a grid.

    Args:
      shape: cells per axis, such as `(H, W)`.

    Returns:
      `[P, D]` with P the product of `shape`, in row-major order: point i of a picture
      is pixel i of `picture.reshape(-1, C)`.
    """
    axes = [(jnp.arange(n) + 0.5) * (2.0 / n) - 1.0 for n in shape]
    mesh = jnp.meshgrid(*axes, indexing="ij")
    return jnp.stack([axis.reshape(-1) for axis in mesh], axis=-1)
