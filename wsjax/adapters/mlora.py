"""Multiplicative low rank: W' = W * (BA), element by element (paper section 3.2).

The start defines both the first values of `a` and `b` and what they mean. R is the
rank, iota are standard normal draws:

  ones    a, b = 1 + spread * iota    factor = a.T @ b / R           (about 1)
  normal  a, b = iota                 factor = a.T @ b / sqrt(R)     (zero mean)
  skip    a = iota / sqrt(d_in), b=0  factor = 1 + a.T @ b           (exactly 1)
  exp     a = iota / sqrt(d_in), b=0  factor = exp(a.T @ b)          (exactly 1)

`ones` is the default; `skip` and `exp` reconstruct better. Fits from several draws of
`ones` with a small spread end in one linear mode, as these draws hardly differ; moved
apart by as much as the other starts, they do not. Additive LoRA's literal start, `b =
0` without the 1, is dead here: the kernel and the gradient are zero.
"""

from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple

import chex
import jax
import jax.numpy as jnp
from chex import ArrayTree

from wsjax.adapters.factors import (
    Shapes,
    factor_shapes,
    filled,
    free_factors,
    shifted,
)
from wsjax.types import Adapter, Params

__all__ = ["STARTS", "Start", "Width", "mlora"]


Width = float | Literal["spread", "fan_in"]


class Start(NamedTuple):
    """How factors start and what they do to the kernel.

    `draws`: for each factor its mean and its standard deviation, where "spread" stands
    for the adapter's option of that name and "fan_in" for 1 / sqrt(d_in).
    `gain(a.T @ b, R) -> [d_in, d_out]`: what the kernel is multiplied by.
    `gates(a, b) -> (inputs [K, d_in], outputs [K, d_out])`: the same gain as a sum of K
    outer products, `inputs.T @ outputs`; None where the gain is no such sum.
    """

    draws: Mapping[str, tuple[float, Width]]
    gain: Callable[[jax.Array, int], jax.Array]
    gates: Callable[[jax.Array, jax.Array], tuple[jax.Array, jax.Array]] | None


_NEAR_ONE: dict[str, tuple[float, Width]] = {
    "a": (1.0, "spread"),
    "b": (1.0, "spread"),
}
_UNIT: dict[str, tuple[float, Width]] = {"a": (0.0, 1.0), "b": (0.0, 1.0)}
_HALF: dict[str, tuple[float, Width]] = {"a": (0.0, "fan_in"), "b": (0.0, 0.0)}


def _with_ones(a: jax.Array, b: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Gates of 1 + a.T @ b: a component of ones, which is the 1, and then the rest."""
    inputs, outputs = (jnp.concatenate([jnp.ones_like(x[:1]), x]) for x in (a, b))
    return inputs, outputs


STARTS = {
    "ones": Start(
        _NEAR_ONE, lambda product, rank: product / rank, lambda a, b: (a, b / len(a))
    ),
    "normal": Start(
        _UNIT,
        lambda product, rank: product / jnp.sqrt(1.0 * rank),
        lambda a, b: (a, b / jnp.sqrt(1.0 * len(a))),
    ),
    "skip": Start(_HALF, lambda product, rank: 1.0 + product, _with_ones),
    "exp": Start(_HALF, lambda product, rank: jnp.exp(product), None),
}


def mlora(
    *,
    rank: int,
    start: str = "ones",
    spread: float = 0.01,
    ranks: Mapping[str, int] | None = None,
    biases: bool = False,
) -> Adapter:
    """Multiplicative adapter on every kernel.

    Args:
      rank: R, components per layer that `ranks` does not name.
      start: a key of `STARTS`; sets the start and the meaning of the factors.
      spread: standard deviation of the `ones` start.
      ranks: R of single layers by name; 0 leaves a layer as it is.
      biases: whether the instance moves the biases of its layers too; additive.

    Raises:
      ValueError: if `start` is unknown.
    """
    if start not in STARTS:
        raise ValueError(f"unknown start {start!r}; choose one of {sorted(STARTS)}")
    draws, gain, gates = STARTS[start]

    def shapes(base: Params) -> Shapes:
        return factor_shapes(base, rank, ranks=ranks, biases=biases)

    def centre(base: Params) -> ArrayTree:
        return filled(shapes(base), {name: mean for name, (mean, _) in draws.items()})

    def init(key: jax.Array, base: Params) -> ArrayTree:
        adapter = centre(base)
        keys = jax.random.split(key, len(adapter))
        for layer_key, factors in zip(keys, adapter.values(), strict=True):
            named = {"spread": spread, "fan_in": factors["a"].shape[1] ** -0.5}
            leaf_keys = jax.random.split(layer_key)
            for leaf_key, (name, (_, width)) in zip(
                leaf_keys, draws.items(), strict=True
            ):
                noise = jax.random.normal(leaf_key, factors[name].shape)
                size = named[width] if isinstance(width, str) else width
                factors[name] += size * noise
        return adapter

    def merge(base: Params, adapter: ArrayTree) -> Params:
        params = dict(base)
        for name, factors in adapter.items():
            kernel = base[name]["kernel"]
            factor = gain(factors["a"].T @ factors["b"], len(factors["a"]))
            chex.assert_equal_shape([kernel, factor])
            params[name] = shifted(base[name], factors, kernel * factor)
        return params

    def attach(base: Params, adapter: ArrayTree) -> Params:
        if gates is None:
            return merge(base, adapter)
        params = dict(base)
        for name, factors in adapter.items():
            inputs, outputs = gates(factors["a"], factors["b"])
            layer = shifted(base[name], factors, base[name]["kernel"])
            gate = {"inputs": inputs, "outputs": outputs}
            params[name] = {**layer, "gates": gate}
        return params

    def free(base: Params) -> ArrayTree:
        return free_factors(shapes(base))

    return Adapter(init, merge, attach, free, centre)
