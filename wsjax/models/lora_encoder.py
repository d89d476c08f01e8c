"""The denoiser over raw factors: rank components, then layers (paper section 3.5).

One token per rank component, the pair (a_i, b_i). Inside a layer the R components
attend to each other with R heads; their outputs are joined into one layer token; layer
tokens get a position and pass DiT blocks; the way back mirrors the way in.
"""

from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from chex import ArrayTree

from wsjax.models import layers


class Layout(NamedTuple):
    """Where the entries of a vector `[K]` stand among the rank components.

    `places`: per layer, `[R, d_in + d_out]` position in the vector of each entry of
    (a_i, b_i), K where it is frozen; `size`: K.
    """

    places: dict[str, np.ndarray]
    size: int


def layout(free: ArrayTree) -> Layout:
    """Layout of the free entries of low-rank factors, in the order of the tree.

    Args:
      free: `{layer: {"a": [R, d_in], "b": [R, d_out]}}` booleans.

    Raises:
      ValueError: if a layer has no factors, as in the whole-weights representation.
    """
    size = sum(int(np.sum(leaf)) for leaf in jax.tree.leaves(free))
    places, position = {}, 0
    for name in sorted(free):
        if set(free[name]) != {"a", "b"}:
            raise ValueError(
                f"layer {name} holds {sorted(free[name])}, expected the low-rank "
                "factors a and b; a linear latent serves other representations"
            )
        pair = []
        for factor in ("a", "b"):
            mask = np.asarray(free[name][factor])
            indices = np.full(mask.shape, size)
            count = int(mask.sum())
            indices[mask] = np.arange(position, position + count)
            position += count
            pair.append(indices)
        places[name] = np.concatenate(pair, axis=1)
    return Layout(places, size)


def to_tokens(vector: jax.Array, where: Layout) -> dict[str, jax.Array]:
    """`[K] -> {layer: [R, d_in + d_out]}`; frozen entries read 0."""
    padded = jnp.append(vector, 0.0)
    return {name: padded[places] for name, places in where.places.items()}


def from_tokens(tokens: dict[str, jax.Array], where: Layout) -> jax.Array:
    """Exact inverse of `to_tokens`; what stands at frozen entries is dropped."""
    flat = jnp.concatenate([tokens[name].reshape(-1) for name in where.places])
    places = np.concatenate([p.reshape(-1) for p in where.places.values()])
    order = np.argsort(places, kind="stable")[: where.size]
    return flat[order]


class RankAttention(nn.Module):
    """Attention among the R components of one layer, R heads, pre-norm residual."""

    heads: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """`[R, width] -> [R, width]`."""
        width = x.shape[-1]
        x = x + nn.MultiHeadDotProductAttention(self.heads)(layers.norm(x))
        inner = nn.Dense(width)(nn.gelu(nn.Dense(2 * width)(layers.norm(x))))
        return x + inner


class LoraTransformer(nn.Module):
    """Hierarchical denoiser, `(noisy [K], t []) -> [K]`.

    Attributes:
      where: layout of the vector.
      width: of layer tokens and DiT blocks.
      rank_width: of the tokens inside a layer; divisible by every layer's rank.
      depth: DiT blocks.
      heads: of their attention.
      dropout: share of hidden units dropped in training.
    """

    where: Layout
    width: int
    rank_width: int
    depth: int
    heads: int
    dropout: float = 0.0

    @nn.compact
    def __call__(self, noisy: jax.Array, t: jax.Array, *, train: bool) -> jax.Array:
        """Predicts what the process asks for."""
        condition = layers.TimeEmbedding(self.width)(t)
        tokens = to_tokens(noisy, self.where)
        inside = {name: self._encode(name, x) for name, x in tokens.items()}
        joined = [
            nn.Dense(self.width, name=f"join_{name}")(x.reshape(-1))
            for name, x in inside.items()
        ]
        spread = nn.initializers.normal(0.02)
        positions = self.param("layer_positions", spread, (len(joined), self.width))
        x = jnp.stack(joined) + positions
        for _ in range(self.depth):
            block = layers.DitBlock(self.width, self.heads, self.dropout)
            x = block(x, condition, train=train)
        shift, scale = layers.Modulation(self.width, 2)(condition)
        x = jax.vmap(layers.modulate, in_axes=(0, None, None))(
            layers.norm(x), shift, scale
        )
        out = {
            name: self._decode(name, x[i], inside[name], tokens[name].shape[-1])
            for i, name in enumerate(tokens)
        }
        skip = layers.InputSkip()(noisy, condition)
        return from_tokens(out, self.where) + skip

    def _encode(self, name: str, tokens: jax.Array) -> jax.Array:
        rank = tokens.shape[0]
        x = nn.Dense(self.rank_width, name=f"embed_{name}")(tokens)
        spread = nn.initializers.normal(0.02)
        shape = (rank, self.rank_width)
        x = x + self.param(f"rank_positions_{name}", spread, shape)
        return RankAttention(rank, name=f"inside_{name}")(x)

    def _decode(self, name, token, skip, width) -> jax.Array:
        split = nn.Dense(skip.size, name=f"split_{name}")(token)
        x = split.reshape(skip.shape) + skip
        zeros = nn.initializers.zeros
        return nn.Dense(width, kernel_init=zeros, name=f"out_{name}")(layers.norm(x))
