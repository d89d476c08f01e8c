"""Asymmetric masks (paper section 3.4): some entries are frozen, alike for everyone.

A mask is drawn on the host from a seed and the leaf's name alone, so that it is the
same for all instances, runs and machines and costs nothing inside a compiled fit.
"""

import math
import zlib
from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
from chex import ArrayTree

from wsjax.types import Adapter, Params


def adapted(base: Params) -> list[str]:
    """Sorted names of the layers that own a kernel."""
    return sorted(name for name, layer in base.items() if "kernel" in layer)


def factor_shapes(
    base: Params,
    rank: int,
    *,
    ranks: Mapping[str, int] | None = None,
    biases: bool = False,
) -> dict:
    """`{layer: {"a": (R, d_in), "b": (R, d_out)}}` of low-rank factors.

    Args:
      base: params of the base field.
      rank: R of every layer that `ranks` does not name.
      ranks: R of single layers; 0 leaves a layer as it is.
      biases: adds `"bias": (d_out,)`, an instance's own change of the layer's bias.

    Raises:
      ValueError: if `ranks` names a layer that the base does not have.
    """
    names, ranks = adapted(base), dict(ranks or {})
    unknown = sorted(set(ranks) - set(names))
    if unknown:
        raise ValueError(f"ranks names unknown layers {unknown}; there are {names}")
    shapes = {}
    for name in names:
        d_in, d_out = base[name]["kernel"].shape
        if r := ranks.get(name, rank):
            shapes[name] = {"a": (r, d_in), "b": (r, d_out)}
            if biases:
                shapes[name]["bias"] = (d_out,)
    return shapes


def filled(shapes: dict, values: dict[str, float]) -> ArrayTree:
    """An adapter of these shapes: its leaves hold one value by name, or 0."""
    return {
        name: {
            leaf: jnp.full(shape, values.get(leaf, 0.0))
            for leaf, shape in layer.items()
        }
        for name, layer in shapes.items()
    }


def free_factors(shapes: dict) -> ArrayTree:
    """All entries of all factors are free: the unmasked case."""
    return jax.tree.map(lambda x: jnp.ones(x.shape, bool), filled(shapes, {}))


def shifted(layer: Params, factors: ArrayTree, kernel: jax.Array) -> Params:
    """A layer with another kernel, and its bias moved where the adapter moves it."""
    shift = {"bias": layer["bias"] + factors["bias"]} if "bias" in factors else {}
    return {**layer, "kernel": kernel, **shift}


def frozen_per_row(d_in: int, rank: int) -> int:
    """floor(sqrt(d_in)) entries, never fewer than rank - 1 (Corollary 2.2)."""
    return max(math.isqrt(d_in), rank - 1)


def _generator(seed: int, name: str) -> np.random.Generator:
    return np.random.default_rng([seed, zlib.crc32(name.encode())])


def _frozen_factor(seed: int, name: str, shape: tuple[int, int]) -> np.ndarray:
    """`[R, d_in]`, True where frozen: a random set of equal size in every row."""
    rank, d_in = shape
    order = _generator(seed, name).random(shape).argsort(axis=1)
    return order < frozen_per_row(d_in, rank)


def _frozen_kernel(seed: int, name: str, shape: tuple[int, int]) -> np.ndarray:
    """`[d_in, d_out]`, True where frozen: the same for each output channel."""
    d_in, d_out = shape
    order = _generator(seed, name).random((d_out, d_in)).argsort(axis=1)
    return (order < frozen_per_row(d_in, 1)).T


_MASKED = {"a": _frozen_factor, "kernel": _frozen_kernel}


def masked(
    inner: Adapter, *, value: float, seed: int = 0, skip: tuple[str, ...] = ()
) -> Adapter:
    """Freezes entries of every factor `a` (or of every kernel an instance owns).

    Args:
      inner: the adapter to mask.
      value: scale of the frozen entries: they are `value * N(0, 1)`, one draw for all
        instances. The paper takes 0 for mLoRA and 6 for LoRA and the MLP.
      seed: of the positions and the frozen draws.
      skip: layers without a mask.
    """

    def impose(path, leaf):
        layer, name = path[-2].key, path[-1].key
        if name not in _MASKED or layer in skip:
            return leaf
        label = f"{layer}/{name}"
        frozen = _MASKED[name](seed, label, leaf.shape)
        draws = _generator(seed + 1, label).standard_normal(leaf.shape)
        return jnp.where(frozen, jnp.asarray(value * draws, leaf.dtype), leaf)

    def imposed(tree: ArrayTree) -> ArrayTree:
        return jax.tree_util.tree_map_with_path(impose, tree)

    def init(key: jax.Array, base: Params) -> ArrayTree:
        return imposed(inner.init(key, base))

    def merge(base: Params, adapter: ArrayTree) -> Params:
        return inner.merge(base, imposed(adapter))

    def attach(base: Params, adapter: ArrayTree) -> Params:
        return inner.attach(base, imposed(adapter))

    def free(base: Params) -> ArrayTree:
        def entry(path, leaf):
            layer, name = path[-2].key, path[-1].key
            if name not in _MASKED or layer in skip:
                return leaf
            frozen = _MASKED[name](seed, f"{layer}/{name}", leaf.shape)
            return leaf & jnp.asarray(~frozen)

        return jax.tree_util.tree_map_with_path(entry, inner.free(base))

    def centre(base: Params) -> ArrayTree:
        return imposed(inner.centre(base))

    return Adapter(init, merge, attach, free, centre)
