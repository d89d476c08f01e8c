"""Adapters that a network predicts from the values of an instance, without steps."""

import math

import jax
import jax.numpy as jnp
import numpy as np
from chex import ArrayTree

from wsjax.models.encoder import Encoder
from wsjax.types import Adapter, Params

__all__ = ["encoded"]

_ENTRY = "encoder"


def encoded(
    inner: Adapter, *, size: tuple[int, ...], width: int = 32, hidden: int = 256
) -> Adapter:
    """The same adapter, but `solve` predicts it by the encoder that the base holds.

    The prediction is one start, learnt with the network, plus what the network
    (`wsjax.models.encoder`) sees in the values `[P, C]` on the common grid. The base
    holds both as `{"encoder": {"start": adapter, "network": params}}`; `extend` draws
    them. Entries that `inner` freezes keep their values.

    Args:
      inner: the adapter to predict.
      size: sides of the common grid.
      width: channels of the first convolution.
      hidden: numbers before the last layer.
    """

    def network(adapter: ArrayTree) -> Encoder:
        outputs = sum(leaf.size for leaf in jax.tree.leaves(adapter))
        return Encoder(tuple(size), width=width, hidden=hidden, outputs=outputs)

    def solve(base: Params, values: jax.Array) -> ArrayTree:
        if _ENTRY not in base:
            raise ValueError(
                f"the base should hold {_ENTRY!r}, the network that predicts adapters; "
                f"found {sorted(base)}; make it with the `extend` of this adapter"
            )
        start = base[_ENTRY]["start"]
        leaves, structure = jax.tree.flatten(start)
        seen = network(start).apply({"params": base[_ENTRY]["network"]}, values)
        parts = jnp.split(jnp.asarray(seen), np.cumsum([x.size for x in leaves])[:-1])
        moved = jax.tree.unflatten(
            structure,
            [x + y.reshape(x.shape) for x, y in zip(leaves, parts, strict=True)],
        )
        # Frozen entries come from the adapter itself: training may not move them.
        return jax.tree.map(jnp.where, inner.free(base), moved, inner.centre(base))

    def extend(key: jax.Array, base: Params) -> Params:
        if _ENTRY in base:
            return base
        inner_key, start_key, network_key = jax.random.split(key, 3)
        if inner.extend is not None:
            base = inner.extend(inner_key, base)
        start = inner.init(start_key, base)
        points, channels = math.prod(size), base["output"]["bias"].shape[0]
        params = network(start).init(network_key, jnp.zeros((points, channels)))
        return {**base, _ENTRY: {"start": start, "network": params["params"]}}

    return inner._replace(solve=solve, reads=("values",), extend=extend)
