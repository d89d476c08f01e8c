"""Losses of one instance: predictions and targets `[P, C]` to a number."""

import jax
import jax.numpy as jnp


def squared_error(predicted: jax.Array, target: jax.Array) -> jax.Array:
    """Mean squared error, `[]`, in squared units of the values."""
    return jnp.mean(jnp.square(predicted - target))


def clamped_error(predicted: jax.Array, target: jax.Array) -> jax.Array:
    """Mean absolute error of values that were cut off at -1 and 1, `[]`.

    DeepSDF's clamped L1 (Park et al. 2019, equation 9) for a signed distance in units
    of the clamp: far from the surface all predictions beyond the bound are right.
    One beyond the wrong bound keeps its slope; clipped, it could never return.
    """
    error = predicted - target
    beyond = ((target >= 1.0) & (error > 0.0)) | ((target <= -1.0) & (error < 0.0))
    return jnp.mean(jnp.where(beyond, 0.0, jnp.abs(error)))


def cross_entropy(predicted: jax.Array, target: jax.Array) -> jax.Array:
    """Mean binary cross-entropy in nats, `[]`: `predicted` is the logit of outside.

    Targets are 1 outside and -1 inside, so that a field is negative inside as a signed
    distance is. HyperDiffusion's loss with the sign of its logit turned around.
    """
    return jnp.mean(jax.nn.softplus(-predicted * target))
