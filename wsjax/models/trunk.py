"""The DiT (Peebles and Xie 2023) that two transformers on raw weights share.

Both `lora_transformer` and `flat_transformer` make one token per layer of the field;
they differ only in how weights become these tokens and how tokens become weights.
"""

import flax.linen as nn
import jax

from wsjax.models import layers

__all__ = ["Trunk"]


class Trunk(nn.Module):
    """Adds position codes to tokens, then applies DiT blocks and a modulated norm.

    Attributes:
      width: of the tokens; divisible by `heads`.
      depth: blocks.
      heads: of their attention.
      dropout: share of hidden units dropped in training.
    """

    width: int
    depth: int
    heads: int
    dropout: float = 0.0

    @nn.compact
    def __call__(
        self, tokens: jax.Array, condition: jax.Array, *, train: bool
    ) -> jax.Array:
        """`[T, width]`, `[width]` -> `[T, width]`; linear maps out can follow."""
        spread = nn.initializers.normal(0.02)
        x = tokens + self.param("positions", spread, tokens.shape)
        for _ in range(self.depth):
            block = layers.DitBlock(self.width, self.heads, self.dropout)
            x = block(x, condition, train=train)
        shift, scale = layers.Modulation(self.width, 2)(condition)
        return layers.modulate_tokens(layers.norm(x), shift, scale)
