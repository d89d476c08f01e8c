"""Losses of one instance: predictions and targets `[P, C]` to a number."""

import jax
import jax.numpy as jnp


def squared_error(predicted: jax.Array, target: jax.Array) -> jax.Array:
    """Mean squared error, `[]`, in squared units of the values."""
    return jnp.mean(jnp.square(predicted - target))
