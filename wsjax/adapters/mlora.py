"""Multiplicative low rank: W' = W * (BA), element by element (paper section 3.2).

The factor starts in one of four exactly defined ways; with R the rank and iota
standard normal draws:

  ones    a, b = 1 + spread * iota    factor = a.T @ b / R           (about 1)
  normal  a, b = iota                 factor = a.T @ b / sqrt(R)     (zero mean)
  skip    a = iota / sqrt(d_in), b=0  factor = 1 + a.T @ b           (exactly 1)
  exp     a = iota / sqrt(d_in), b=0  factor = exp(a.T @ b)          (exactly 1)

`ones` is the default: it is the only start under which the zero mask helps, as it does
in the paper. The literal `b = 0` of additive LoRA is a dead start (zero gradient).
"""

from collections.abc import Callable, Mapping

import chex
import jax
import jax.numpy as jnp
from chex import ArrayTree

from wsjax.adapters.mask import factor_shapes, free_factors
from wsjax.types import Adapter, Params


def _ones(key, a, b, spread):
    a_key, b_key = jax.random.split(key)
    return {
        "a": 1.0 + spread * jax.random.normal(a_key, a),
        "b": 1.0 + spread * jax.random.normal(b_key, b),
    }


def _normal(key, a, b, spread):
    del spread  # The start is all spread.
    a_key, b_key = jax.random.split(key)
    return {"a": jax.random.normal(a_key, a), "b": jax.random.normal(b_key, b)}


def _zero(key, a, b, spread):
    del spread
    return {"a": jax.random.normal(key, a) * a[1] ** -0.5, "b": jnp.zeros(b)}


STARTS: dict[str, tuple[Callable, Callable]] = {
    "ones": (_ones, lambda product, rank: product / rank),
    "normal": (_normal, lambda product, rank: product / jnp.sqrt(1.0 * rank)),
    "skip": (_zero, lambda product, rank: 1.0 + product),
    "exp": (_zero, lambda product, rank: jnp.exp(product)),
}


def mlora(
    *,
    rank: int,
    start: str = "ones",
    spread: float = 0.01,
    ranks: Mapping[str, int] | None = None,
) -> Adapter:
    """Multiplicative adapter on every kernel.

    Args:
      rank: R, components per layer that `ranks` does not name.
      start: a key of `STARTS`; sets the start and the meaning of the factors.
      spread: standard deviation of the `ones` start.
      ranks: R of single layers by name; 0 leaves a layer as it is.

    Raises:
      ValueError: if `start` is unknown.
    """
    if start not in STARTS:
        raise ValueError(f"unknown start {start!r}; choose one of {sorted(STARTS)}")
    draw, factor = STARTS[start]

    def init(key: jax.Array, base: Params) -> ArrayTree:
        shapes = factor_shapes(base, rank, ranks=ranks)
        keys = jax.random.split(key, len(shapes))
        return {
            name: draw(layer_key, a, b, spread)
            for layer_key, (name, (a, b)) in zip(keys, shapes.items(), strict=True)
        }

    def merge(base: Params, adapter: ArrayTree) -> Params:
        params = dict(base)
        for name, factors in adapter.items():
            kernel = base[name]["kernel"]
            gain = factor(factors["a"].T @ factors["b"], len(factors["a"]))
            chex.assert_equal_shape([kernel, gain])
            params[name] = {**base[name], "kernel": kernel * gain}
        return params

    def free(base: Params) -> ArrayTree:
        return free_factors(factor_shapes(base, rank, ranks=ranks))

    return Adapter(init, merge, free)
