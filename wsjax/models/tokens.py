"""One token per part of a vector: the way in and out that two transformers share."""

from collections.abc import Sequence
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

__all__ = ["Part", "from_tokens", "to_tokens"]


class Part(NamedTuple):
    """A stretch of the vector, such as a layer's: its `name` and how many numbers."""

    name: str
    size: int


def to_tokens(
    vector: jax.Array, parts: Sequence[Part], *, width: int, bias: bool = True
) -> list[jax.Array]:
    """A linear map of its own for each part, `[K]` to one `[width]` per part.

    To be called inside a module, which owns the maps as `in_<name of the part>`.
    """
    ends = np.cumsum([part.size for part in parts])[:-1]
    return [
        nn.Dense(width, use_bias=bias, name=f"in_{part.name}")(piece)
        for part, piece in zip(parts, jnp.split(vector, ends), strict=True)
    ]


def from_tokens(
    tokens: jax.Array, parts: Sequence[Part], *, bias: bool = True
) -> jax.Array:
    """The way back, `[T, width] -> [K]`, by maps `out_<name>` that start at zero."""
    zeros = nn.initializers.zeros
    pieces = [
        nn.Dense(part.size, use_bias=bias, kernel_init=zeros, name=f"out_{part.name}")(
            token
        )
        for part, token in zip(parts, tokens, strict=True)
    ]
    return jnp.concatenate(pieces)
