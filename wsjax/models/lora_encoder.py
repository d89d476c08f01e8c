"""The denoiser over raw factors: rank components, then layers (paper section 3.5).

Each rank component, the pair (a_i, b_i), is one token. Inside a layer the R components
attend to each other with R heads, and one linear map joins them into a layer token.
Layer tokens get position codes and pass through DiT blocks; the way back mirrors the
way in. Where an adapter moves biases too, a layer's biases belong to no rank component:
they enter and leave the layer token directly.
"""

from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from chex import ArrayTree

from wsjax.models import layers
from wsjax.models.trunk import Trunk

__all__ = [
    "Layout",
    "LoraTransformer",
    "RankAttention",
    "from_tokens",
    "layout",
    "to_tokens",
]


class Layout(NamedTuple):
    """Which entry of a vector `[K]` is which entry of the rank components.

    `places`: for each layer `[R, d_in + d_out]`, the index in the vector of each entry
    of (a_i, b_i), K where the entry is frozen; `biases`: for each layer the indices
    `[d_out]` of its biases, `[0]` where the adapter has none; `size`: K.
    """

    places: dict[str, np.ndarray]
    biases: dict[str, np.ndarray]
    size: int


def layout(free: ArrayTree) -> Layout:
    """Layout of the free entries of low-rank factors, in the order of the tree.

    Args:
      free: `{layer: {"a": [R, d_in], "b": [R, d_out]}}` booleans, perhaps with
        `"bias": [d_out]`.

    Raises:
      ValueError: if a layer has no factors, as in the whole-weights representation.
    """
    size = sum(int(np.sum(leaf)) for leaf in jax.tree.leaves(free))
    places, biases, position = {}, {}, 0
    for name in sorted(free):
        if set(free[name]) - {"bias"} != {"a", "b"}:
            raise ValueError(
                f"layer {name} holds {sorted(free[name])}, expected the low-rank "
                "factors a and b; use the flat_transformer or a linear latent for "
                "other representations"
            )
        indices = {}
        for leaf in sorted(free[name]):  # The order of the tree.
            mask = np.asarray(free[name][leaf])
            indices[leaf] = np.full(mask.shape, size)
            count = int(mask.sum())
            indices[leaf][mask] = np.arange(position, position + count)
            position += count
        places[name] = np.concatenate([indices["a"], indices["b"]], axis=1)
        biases[name] = indices.get("bias", np.zeros(0, int))
    return Layout(places, biases, size)


def to_tokens(
    vector: jax.Array, where: Layout
) -> tuple[dict[str, jax.Array], dict[str, jax.Array]]:
    """Rank tokens `{layer: [R, d_in + d_out]}` and biases `{layer: [d_out]}`.

    Frozen entries read 0; biases are `[0]` where the adapter has none.

    Args:
      vector: `[K]` free entries.
      where: their layout.
    """
    padded = jnp.append(vector, 0.0)
    tokens, biases = (
        {name: padded[places] for name, places in part.items()}
        for part in (where.places, where.biases)
    )
    return tokens, biases


def from_tokens(
    tokens: dict[str, jax.Array], biases: dict[str, jax.Array], where: Layout
) -> jax.Array:
    """Exact inverse of `to_tokens`, `[K]`; values at frozen entries are dropped."""
    flat: list[jax.Array] = []
    places: list[np.ndarray] = []
    for values, at in ((tokens, where.places), (biases, where.biases)):
        flat += [values[name].reshape(-1) for name in at]
        places += [x.reshape(-1) for x in at.values()]
    order = np.argsort(np.concatenate(places), kind="stable")[: where.size]
    return jnp.concatenate(flat)[order]


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
    """Hierarchical denoiser, `(noisy [K], t [], label []) -> [K]`.

    Attributes:
      where: layout of the vector.
      width: of layer tokens and DiT blocks.
      rank_width: of the tokens inside a layer; divisible by every layer's rank.
      depth: DiT blocks.
      heads: of their attention.
      dropout: share of hidden units dropped in training.
      classes: of the label; 0: it is ignored.
    """

    where: Layout
    width: int
    rank_width: int
    depth: int
    heads: int
    dropout: float = 0.0
    classes: int = 0

    @nn.compact
    def __call__(
        self, noisy: jax.Array, t: jax.Array, label: jax.Array, *, train: bool
    ) -> jax.Array:
        """Predicts what the process asks for."""
        condition = layers.condition(t, label, width=self.width, classes=self.classes)
        tokens, biases = to_tokens(noisy, self.where)
        inside = {name: self._encode(name, x) for name, x in tokens.items()}
        joined = [
            nn.Dense(self.width, name=f"join_{name}")(
                jnp.append(x.reshape(-1), biases[name])
            )
            for name, x in inside.items()
        ]
        trunk = Trunk(self.width, self.depth, self.heads, self.dropout)
        x = trunk(jnp.stack(joined), condition, train=train)
        tokens = {
            name: self._decode(name, x[i], inside[name], tokens[name].shape[-1])
            for i, name in enumerate(tokens)
        }
        biases = {
            name: self._decode_bias(name, x[i], bias.size)
            for i, (name, bias) in enumerate(biases.items())
        }
        skip = layers.InputSkip()(noisy, condition)
        return from_tokens(tokens, biases, self.where) + skip

    def _encode(self, name: str, tokens: jax.Array) -> jax.Array:
        rank = tokens.shape[0]
        x = nn.Dense(self.rank_width, name=f"embed_{name}")(tokens)
        spread = nn.initializers.normal(0.02)
        shape = (rank, self.rank_width)
        x = x + self.param(f"rank_positions_{name}", spread, shape)
        return RankAttention(rank, name=f"inside_{name}")(x)

    def _decode(
        self, name: str, token: jax.Array, skip: jax.Array, width: int
    ) -> jax.Array:
        split = nn.Dense(skip.size, name=f"split_{name}")(token)
        x = split.reshape(skip.shape) + skip
        zeros = nn.initializers.zeros
        return nn.Dense(width, kernel_init=zeros, name=f"out_{name}")(layers.norm(x))

    def _decode_bias(self, name: str, token: jax.Array, size: int) -> jax.Array:
        if not size:
            return jnp.zeros(0)
        zeros = nn.initializers.zeros
        return nn.Dense(size, kernel_init=zeros, name=f"bias_{name}")(token)
