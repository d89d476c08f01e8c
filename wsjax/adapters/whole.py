"""The instance owns all weights of its field: the standalone representation."""

import jax
import jax.numpy as jnp
from chex import ArrayTree

from wsjax.adapters.factors import adapted
from wsjax.types import Adapter, Params

__all__ = ["whole"]


def whole() -> Adapter:
    """Kernels and biases are the instance's own; all share the base's Fourier layer.

    Every instance starts from the base itself, the one shared initialisation. The
    centre is zero, since the base's kernels are draws around zero.
    """

    def init(key: jax.Array, base: Params) -> ArrayTree:
        del key  # The start is the base.
        return {name: dict(base[name]) for name in adapted(base)}

    def merge(base: Params, adapter: ArrayTree) -> Params:
        return {**base, **adapter}

    def free(base: Params) -> ArrayTree:
        layers = {name: base[name] for name in adapted(base)}
        return jax.tree.map(lambda x: jnp.ones(x.shape, bool), layers)

    def centre(base: Params) -> ArrayTree:
        return jax.tree.map(
            jnp.zeros_like, {name: base[name] for name in adapted(base)}
        )

    return Adapter(init, merge, merge, free, centre)
