"""The denoiser over whole weights: one token per weight or bias tensor.

The transformer of HyperDiffusion (Erkoç et al. 2023), after G.pt (Peebles et al. 2022):
a linear map of its own turns each tensor into a token and another one turns the token
back, one more token tells the time, and all tokens attend to each other. Two things
differ from HyperDiffusion: the frequencies of the time features are those of our other
denoisers, and the output layers start at zero, with a gated skip of the input beside
them. Without the skip noise is hard to predict, since layer norms hide the length of
each token: of a tensor of one number the network would see the sign alone.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from chex import ArrayTree

from wsjax.models import layers
from wsjax.models.tokens import Part, from_tokens, to_tokens

__all__ = ["Block", "TensorTransformer", "tensors"]

_TIME_FEATURES = 256


def tensors(free: ArrayTree) -> tuple[Part, ...]:
    """The leaves that hold free entries, in the order of the tree.

    Args:
      free: booleans shaped like the adapter, such as `{layer: {"bias": [d_out],
        "kernel": [d_in, d_out]}}`.
    """
    leaves = jax.tree_util.tree_leaves_with_path(free)
    named = [
        Part(jax.tree_util.keystr(path, simple=True, separator="_"), int(np.sum(leaf)))
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
      tensors: those whose free entries make up the vector, from `tensors`.
      width: of the tokens; divisible by `heads`.
      depth: transformer blocks.
      heads: of their attention.
      dropout: share of hidden units dropped in training.
      classes: of the label; 0: it is ignored.
    """

    tensors: tuple[Part, ...]
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
        tokens = to_tokens(noisy, self.tensors, width=self.width, bias=False)
        label_token = layers.LabelEmbedding(self.width, self.classes)(label)
        told = nn.Dense(self.width, use_bias=False, name="time")(time) + label_token
        x = nn.LayerNorm(name="norm_in")(jnp.stack([*tokens, told]))
        spread = nn.initializers.normal(0.02)
        x = x + self.param("positions", spread, x.shape)
        for _ in range(self.depth):
            x = Block(self.width, self.heads, self.dropout)(x, train=train)
        x = nn.LayerNorm(name="norm_out")(x)
        out = from_tokens(x[:-1], self.tensors, bias=False)
        return out + layers.InputSkip()(noisy, time)
