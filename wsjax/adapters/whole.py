"""The instance owns all weights of its field: the standalone representation."""

import jax
import jax.numpy as jnp
from chex import ArrayTree

from wsjax.adapters.factors import adapted
from wsjax.types import Adapter, Params

__all__ = ["offset", "whole"]


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


def offset(adapter: Adapter) -> Adapter:
    """The same instances, each stored as what it adds to the start on the base.

    Every instance then moves with the base, so that rehearsal of fits
    (`wsjax.fit.rehearsal`) trains the start that all of them share: first-order MAML of
    whole fields (Finn et al. 2017).

    Args:
      adapter: whole fields, masked or not; its start depends on the base alone.
    """

    def start(base: Params) -> ArrayTree:
        return adapter.init(jax.random.key(0), base)

    def init(key: jax.Array, base: Params) -> ArrayTree:
        del key  # The start is no offset at all.
        return jax.tree.map(jnp.zeros_like, start(base))

    def added(base: Params, offsets: ArrayTree) -> ArrayTree:
        return jax.tree.map(jnp.add, start(base), offsets)

    def merge(base: Params, offsets: ArrayTree) -> Params:
        return adapter.merge(base, added(base, offsets))

    def attach(base: Params, offsets: ArrayTree) -> Params:
        return adapter.attach(base, added(base, offsets))

    def centre(base: Params) -> ArrayTree:
        return init(jax.random.key(0), base)

    return Adapter(init, merge, attach, adapter.free, centre)
