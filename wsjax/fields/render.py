"""Evaluation of a field at many points."""

import jax

from wsjax.types import Field, Params

__all__ = ["render"]


def render(field: Field, params: Params, coords: jax.Array) -> jax.Array:
    """Evaluates a field at many points, `[P, D] -> [P, C]`."""
    return jax.vmap(field.apply, in_axes=(None, 0))(params, coords)
