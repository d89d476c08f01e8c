"""The denoiser with one flat token per layer: the control without a hierarchy.

All free entries of a layer pass one linear map into its token and one out of it; the
DiT over layers is that of `lora_transformer`. What the two differ by is what telling
the rank components apart is worth.
"""

from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from chex import ArrayTree

from wsjax.models import layers
from wsjax.models.trunk import Trunk


class Layer(NamedTuple):
    """A layer of the field: its `name` and how many of its entries are free."""

    name: str
    size: int


def sizes(free: ArrayTree) -> tuple[Layer, ...]:
    """The layers that hold free entries, in the order of the vector.

    Args:
      free: `{layer: {leaf: booleans}}` of any representation.
    """
    found = [
        Layer(name, sum(int(np.sum(leaf)) for leaf in jax.tree.leaves(free[name])))
        for name in sorted(free)
    ]
    return tuple(layer for layer in found if layer.size)


class FlatTransformer(nn.Module):
    """Denoiser with a token per layer, `(noisy [K], t [], label []) -> [K]`.

    Attributes:
      where: the layers whose free entries the vector joins, from `sizes`.
      width: of the tokens; divisible by `heads`.
      depth: DiT blocks.
      heads: of their attention.
      dropout: share of hidden units dropped in training.
      classes: of the label; 0: it is ignored.
    """

    where: tuple[Layer, ...]
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
        condition = layers.TimeEmbedding(self.width)(t)
        condition += layers.LabelEmbedding(self.width, self.classes)(label)
        ends = np.cumsum([layer.size for layer in self.where])[:-1]
        tokens = [
            nn.Dense(self.width, name=f"in_{layer.name}")(part)
            for layer, part in zip(self.where, jnp.split(noisy, ends), strict=True)
        ]
        trunk = Trunk(self.width, self.depth, self.heads, self.dropout)
        x = trunk(jnp.stack(tokens), condition, train=train)
        zeros = nn.initializers.zeros
        out = [
            nn.Dense(layer.size, kernel_init=zeros, name=f"out_{layer.name}")(token)
            for layer, token in zip(self.where, x, strict=True)
        ]
        return jnp.concatenate(out) + layers.InputSkip()(noisy, condition)
