"""The vocabulary: the types and the records of functions that modules exchange."""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple, TypeAlias

import jax
import numpy as np
from chex import ArrayTree

__all__ = [
    "Adapter",
    "Batches",
    "Codec",
    "Denoise",
    "Field",
    "Params",
    "Process",
    "Sampler",
    "Signal",
]

Params: TypeAlias = ArrayTree
"""Weights of one field: `{layer: {"kernel": [d_in, d_out], "bias": [d_out], ...}}`."""

Signal = tuple[jax.Array, jax.Array]
"""What a field is fitted to: coordinates `[P, D]` and values `[P, C]`."""

Batches = Callable[[], Iterator[Mapping[str, np.ndarray]]]
"""Gives the training instances anew at each call: a few at once, stacked by name."""


class Field(NamedTuple):
    """A coordinate network for one point, in two parts.

    `init(key) -> params`; `features(params, coord [D]) -> [F]`: the Fourier layer,
    which no adapter touches; `head(params, features [F]) -> value [C]`: the rest.
    """

    init: Callable[[jax.Array], Params]
    features: Callable[[Params, jax.Array], jax.Array]
    head: Callable[[Params, jax.Array], jax.Array]

    def apply(self, params: Params, coord: jax.Array) -> jax.Array:
        """The whole network at one point, `[D] -> [C]`."""
        return self.head(params, self.features(params, coord))


class Codec(NamedTuple):
    """A map from one adapter to the vector that is diffused, and back.

    `encode(adapter) -> [K]`; `decode([K]) -> adapter`.
    """

    encode: Callable[[ArrayTree], jax.Array]
    decode: Callable[[jax.Array], ArrayTree]


class Adapter(NamedTuple):
    """How one instance differs from the base field.

    `init(key, base) -> adapter`.
    `merge(base, adapter) -> params`, of the structure of `base`.
    `attach(base, adapter) -> params` computes the same function, but keeps the base's
    kernels and stores the factors beside them (`wsjax.fields.linear`); adapters that
    cannot be written so return what `merge` does.
    `free(base) -> tree` of booleans shaped like the adapter, False where an entry is
    frozen at a value that all instances share.
    `centre(base) -> adapter`, the mean of `init` over its keys.
    `solve(base, *read) -> adapter`, the fit of one instance without a step of an
    optimiser, in closed form or by a network; None where there is none. `reads` names
    what of the instance it is given, such as its "values" `[P, C]` on the grid.
    `extend(key, base) -> base` adds the entries that the adapter reads beside those of
    the field, at their start, and returns a base that has them as it is; None where
    there are none.
    `opened(base) -> codec` between an adapter and a vector whose entries mean the same
    in every instance, for models of weights; its `decode` gives the adapter that is
    nearest to any vector. None where the free entries are such a vector.
    """

    init: Callable[[jax.Array, Params], ArrayTree]
    merge: Callable[[Params, ArrayTree], Params]
    attach: Callable[[Params, ArrayTree], Params]
    free: Callable[[Params], ArrayTree]
    centre: Callable[[Params], ArrayTree]
    solve: Callable[..., ArrayTree] | None = None
    reads: tuple[str, ...] = ("values",)
    extend: Callable[[jax.Array, Params], Params] | None = None
    opened: Callable[[Params], Codec] | None = None


class Process(NamedTuple):
    """How noise is added and what the denoiser is asked for; times lie in [0, 1].

    `draw_time(key) -> t []`; `levels(t) -> (signal [], noise [])`, so that
    `noisy = signal * clean + noise * draw`; `loss(prediction, clean, draw, t) -> []`;
    `clean(noisy, prediction, t)` and `noise(noisy, prediction, t)` turn a prediction
    into an estimate of the clean vector and of the draw.
    """

    draw_time: Callable[[jax.Array], jax.Array]
    levels: Callable[[jax.Array], tuple[jax.Array, jax.Array]]
    loss: Callable[[jax.Array, jax.Array, jax.Array, jax.Array], jax.Array]
    clean: Callable[[jax.Array, jax.Array, jax.Array], jax.Array]
    noise: Callable[[jax.Array, jax.Array, jax.Array], jax.Array]
    linear: Callable[[jax.Array, jax.Array], tuple[jax.Array, jax.Array]]


Denoise = Callable[[jax.Array, jax.Array], jax.Array]
"""`denoise(noisy [K], t []) -> prediction [K]`, with parameters and label bound."""

Sampler = Callable[[Denoise, jax.Array], jax.Array]
"""`sampler(denoise, start [K]) -> sample [K]`, `start` drawn from N(0, I).

If sampling begins at t < 1, `start` is an instance noised to t instead.
"""
