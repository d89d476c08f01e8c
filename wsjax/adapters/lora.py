"""Additive low rank: W' = W + BA (paper section 3.1, Eq. 2)."""

from collections.abc import Mapping

import chex
import jax
from chex import ArrayTree

from wsjax.adapters.factors import (
    Shapes,
    factor_shapes,
    filled,
    free_factors,
    shifted,
)
from wsjax.types import Adapter, Params

__all__ = ["lora"]


def lora(
    *, rank: int, ranks: Mapping[str, int] | None = None, biases: bool = False
) -> Adapter:
    """Additive adapter on every kernel: `kernel + a.T @ b`.

    The start is `b = 0` and `a ~ U(+-1/sqrt(d_in))`, as in the code of LoRA (Hu et al.
    2022): a fresh adapter changes nothing.

    Args:
      rank: R, components per layer that `ranks` does not name.
      ranks: R of single layers by name; 0 leaves a layer as it is.
      biases: whether the instance moves the biases of its layers too.
    """

    def shapes(base: Params) -> Shapes:
        return factor_shapes(base, rank, ranks=ranks, biases=biases)

    def centre(base: Params) -> ArrayTree:
        return filled(shapes(base), {})

    def init(key: jax.Array, base: Params) -> ArrayTree:
        adapter = centre(base)
        keys = jax.random.split(key, len(adapter))
        for layer_key, factors in zip(keys, adapter.values(), strict=True):
            shape = factors["a"].shape
            bound = shape[1] ** -0.5
            factors["a"] = jax.random.uniform(
                layer_key, shape, minval=-bound, maxval=bound
            )
        return adapter

    def merge(base: Params, adapter: ArrayTree) -> Params:
        params = dict(base)
        for name, factors in adapter.items():
            kernel = base[name]["kernel"]
            update = factors["a"].T @ factors["b"]
            chex.assert_equal_shape([kernel, update])
            params[name] = shifted(base[name], factors, kernel + update)
        return params

    def attach(base: Params, adapter: ArrayTree) -> Params:
        params = dict(base)
        for name, factors in adapter.items():
            layer = shifted(base[name], factors, base[name]["kernel"])
            params[name] = {**layer, "update": {k: factors[k] for k in ("a", "b")}}
        return params

    def free(base: Params) -> ArrayTree:
        return free_factors(shapes(base))

    return Adapter(init, merge, attach, free, centre)
