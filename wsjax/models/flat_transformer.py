"""The denoiser with one flat token per layer: the control without a hierarchy.

One linear map turns all free entries of a layer into its token, another one turns the
token back; between them stands the DiT over layers of `lora_transformer`. The two
denoisers differ in nothing but the rank tokens, so that comparing them shows what these
are worth.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from chex import ArrayTree

from wsjax.models import layers
from wsjax.models.tokens import Part, from_tokens, to_tokens
from wsjax.models.trunk import Trunk

__all__ = ["FlatTransformer", "sizes"]


def sizes(free: ArrayTree) -> tuple[Part, ...]:
    """The layers that hold free entries, in the order of the vector.

    Args:
      free: `{layer: {leaf: booleans}}` of any representation.
    """
    counted = [
        Part(name, sum(int(np.sum(leaf)) for leaf in jax.tree.leaves(free[name])))
        for name in sorted(free)
    ]
    return tuple(layer for layer in counted if layer.size)


class FlatTransformer(nn.Module):
    """Denoiser with a token per layer, `(noisy [K], t [], label []) -> [K]`.

    Attributes:
      where: the layers whose free entries make up the vector, from `sizes`.
      width: of the tokens; divisible by `heads`.
      depth: DiT blocks.
      heads: of their attention.
      dropout: share of hidden units dropped in training.
      classes: of the label; 0: it is ignored.
    """

    where: tuple[Part, ...]
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
        condition = layers.condition(t, label, width=self.width, classes=self.classes)
        tokens = to_tokens(noisy, self.where, width=self.width)
        trunk = Trunk(self.width, self.depth, self.heads, self.dropout)
        x = trunk(jnp.stack(tokens), condition, train=train)
        out = from_tokens(x, self.where)
        return out + layers.InputSkip()(noisy, condition)
