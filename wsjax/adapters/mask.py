"""Asymmetric masks (paper section 3.4): all instances share some frozen entries.

The host draws a mask from a seed and the leaf's name alone, so that the mask is the
same for all instances, runs and machines and costs nothing inside a compiled fit.
"""

import math
import zlib

import jax
import jax.numpy as jnp
import numpy as np
from chex import ArrayTree

from wsjax.types import Adapter, Params

__all__ = ["frozen_per_row", "masked"]


def frozen_per_row(d_in: int, rank: int) -> int:
    """Frozen entries: floor(sqrt(d_in)), but rank - 1 at least (Corollary 2.2)."""
    return max(math.isqrt(d_in), rank - 1)


def _generator(seed: int, name: str) -> np.random.Generator:
    return np.random.default_rng([seed, zlib.crc32(name.encode())])


def _frozen_factor(seed: int, name: str, shape: tuple[int, int]) -> np.ndarray:
    """`[R, d_in]`, True where frozen: random columns, equally many in every row."""
    rank, d_in = shape
    order = _generator(seed, name).random(shape).argsort(axis=1)
    return order < frozen_per_row(d_in, rank)


def _frozen_kernel(seed: int, name: str, shape: tuple[int, int]) -> np.ndarray:
    """`[d_in, d_out]`, True where frozen: random rows, equally many in every column."""
    d_in, d_out = shape
    order = _generator(seed, name).random((d_out, d_in)).argsort(axis=1)
    return (order < frozen_per_row(d_in, 1)).T


_MASKED = {"a": _frozen_factor, "kernel": _frozen_kernel}


def masked(
    inner: Adapter, *, value: float, seed: int = 0, skip: tuple[str, ...] = ()
) -> Adapter:
    """The same adapter with frozen entries in every factor `a` (or owned kernel).

    Args:
      inner: the adapter to mask.
      value: scale of the frozen entries, `value * N(0, 1)`, drawn once for all
        instances. The paper takes 0 for mLoRA and 6 for LoRA and the MLP.
      seed: of the frozen positions; `seed + 1` draws the values at them.
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
