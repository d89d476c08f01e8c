"""The denoiser over whole weights: one token per weight or bias tensor.

The transformer of HyperDiffusion (Erkoç et al. 2023), after G.pt (Peebles et al. 2022):
each tensor has a linear map of its own into a token and out of it, one more token tells
the time, and all tokens attend to each other. Two things differ: the time is coded with
the rates of the other denoisers, and outputs start at zero beside a gated skip of the
input. Layer norms hide the length of each token, so that without the skip noise is hard
to predict and of a tensor of one number nothing but the sign is seen.
"""

from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from chex import ArrayTree

from wsjax.models import layers

_TIME_FEATURES = 256


class Tensor(NamedTuple):
    """A leaf of an adapter: its `name` and how many of its entries are free."""

    name: str
    size: int


def tensors(free: ArrayTree) -> tuple[Tensor, ...]:
    """The leaves that hold free entries, in the order of the tree.

    Args:
      free: booleans shaped like the adapter, such as `{layer: {"bias": [d_out],
        "kernel": [d_in, d_out]}}`.
    """
    leaves = jax.tree_util.tree_leaves_with_path(free)
    named = [
        Tensor(
            jax.tree_util.keystr(path, simple=True, separator="_"), int(np.sum(leaf))
        )
        for path, leaf in leaves
    ]
    return tuple(tensor for tensor in named if tensor.size)


class Block(nn.Module):
    """Pre-norm transformer block over tokens `[T, width]`."""

    width: int
    heads: int
    dropout: float = 0.0

    @nn.compact
    def __call__(self, tokens: jax.Array, *, train: bool) -> jax.Array:
        """`[T, width] -> [T, width]`."""
        x = nn.LayerNorm()(tokens)
        tokens = tokens + nn.MultiHeadDotProductAttention(self.heads)(x)
        mlp = layers.TokenMlp(self.width, dropout=self.dropout)
        return tokens + mlp(nn.LayerNorm()(tokens), train=train)


class TensorTransformer(nn.Module):
    """Denoiser with a token per tensor, `(noisy [K], t [], label []) -> [K]`.

    Attributes:
      tensors: whose free entries the vector joins, from `tensors`.
      width: of the tokens; divisible by `heads`.
      depth: transformer blocks.
      heads: of their attention.
      dropout: share of hidden units dropped in training.
      classes: of the label; 0: it is ignored.
    """

    tensors: tuple[Tensor, ...]
    width: int
    depth: int
    heads: int
    dropout: float = 0.0
    classes: int = 0

    @nn.compact
    def __call__(
        self, noisy: jax.Array, t: jax.Array, label: jax.Array, *, train: bool
    ) -> jax.Array:
        """Predicts what the process asks for."""
        time = layers.time_features(t, _TIME_FEATURES)
        x = nn.LayerNorm(name="norm_in")(self._encode(noisy, time, label))
        spread = nn.initializers.normal(0.02)
        x = x + self.param("positions", spread, x.shape)
        for _ in range(self.depth):
            x = Block(self.width, self.heads, self.dropout)(x, train=train)
        x = nn.LayerNorm(name="norm_out")(x)
        return self._decode(x[:-1]) + layers.InputSkip()(noisy, time)

    def _encode(self, noisy, time, label) -> jax.Array:
        """`[K]`, `[256]`, `[]` to `[T + 1, width]`, time and label last."""
        ends = np.cumsum([tensor.size for tensor in self.tensors])[:-1]
        parts = [*jnp.split(noisy, ends), time]
        names = [*self._names("in"), "time"]
        tokens = [
            nn.Dense(self.width, use_bias=False, name=name)(part)
            for name, part in zip(names, parts, strict=True)
        ]
        tokens[-1] += layers.LabelEmbedding(self.width, self.classes)(label)
        return jnp.stack(tokens)

    def _decode(self, tokens: jax.Array) -> jax.Array:
        """`[T, width] -> [K]`."""
        zeros = nn.initializers.zeros
        parts = [
            nn.Dense(tensor.size, use_bias=False, kernel_init=zeros, name=name)(token)
            for tensor, name, token in zip(
                self.tensors, self._names("out"), tokens, strict=True
            )
        ]
        return jnp.concatenate(parts)

    def _names(self, side: str) -> list[str]:
        return [f"{side}_{tensor.name}" for tensor in self.tensors]
