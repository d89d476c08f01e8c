"""Additive low rank: W' = W + BA (paper section 3.1, Eq. 2)."""

from collections.abc import Mapping

import chex
import jax
import jax.numpy as jnp
from chex import ArrayTree

from wsjax.adapters.mask import factor_shapes, free_factors
from wsjax.types import Adapter, Params


def lora(*, rank: int, ranks: Mapping[str, int] | None = None) -> Adapter:
    """Additive adapter on every kernel: `kernel + a.T @ b`.

    Starts at `b = 0` and `a ~ U(+-1/sqrt(d_in))`, so that a fresh adapter changes
    nothing.

    Args:
      rank: R, components per layer that `ranks` does not name.
      ranks: R of single layers by name; 0 leaves a layer as it is.
    """

    def init(key: jax.Array, base: Params) -> ArrayTree:
        shapes = factor_shapes(base, rank, ranks=ranks)
        keys = jax.random.split(key, len(shapes))
        adapter = {}
        for layer_key, (name, (a, b)) in zip(keys, shapes.items(), strict=True):
            bound = a[1] ** -0.5
            start = jax.random.uniform(layer_key, a, minval=-bound, maxval=bound)
            adapter[name] = {"a": start, "b": jnp.zeros(b)}
        return adapter

    def merge(base: Params, adapter: ArrayTree) -> Params:
        params = dict(base)
        for name, factors in adapter.items():
            kernel = base[name]["kernel"]
            update = factors["a"].T @ factors["b"]
            chex.assert_equal_shape([kernel, update])
            params[name] = {**base[name], "kernel": kernel + update}
        return params

    def free(base: Params) -> ArrayTree:
        return free_factors(factor_shapes(base, rank, ranks=ranks))

    return Adapter(init, merge, free)
