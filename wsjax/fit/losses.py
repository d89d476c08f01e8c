"""Losses of one instance: predictions and targets `[P, C]` to a number."""

import jax
import jax.numpy as jnp

__all__ = ["clamped_error", "cross_entropy", "squared_error"]


def squared_error(predicted: jax.Array, target: jax.Array) -> jax.Array:
    """Mean squared error, `[]`, in squared units of the values."""
    return jnp.mean(jnp.square(predicted - target))


def clamped_error(predicted: jax.Array, target: jax.Array) -> jax.Array:
    """Mean absolute error against targets that are clamped to [-1, 1], `[]`.

    DeepSDF's clamped L1 (Park et al. 2019, equation 9), for signed distances in units
    of the clamp: where the target is at a bound, any prediction beyond that bound has
    no error. Unlike in DeepSDF, a prediction beyond the opposite bound keeps its
    gradient; clipped, it could never return.
    """
    error = predicted - target
    beyond = ((target >= 1.0) & (error > 0.0)) | ((target <= -1.0) & (error < 0.0))
    return jnp.mean(jnp.where(beyond, 0.0, jnp.abs(error)))


def cross_entropy(predicted: jax.Array, target: jax.Array) -> jax.Array:
    """Mean binary cross-entropy in nats, `[]`: `predicted` is the logit of outside.

    Targets are 1 outside and -1 inside, so that a field is negative inside like a
    signed distance. HyperDiffusion's loss, but for the sign of the logit.
    """
    return jnp.mean(jax.nn.softplus(-predicted * target))
