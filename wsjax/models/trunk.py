"""The DiT over tokens that the transformers on raw weights share (Peebles et al. 2023).

Both `lora_transformer` and `flat_transformer` make one token per layer of the field;
they differ in the way into and out of these tokens alone.
"""

import flax.linen as nn
import jax

from wsjax.models import layers


class Trunk(nn.Module):
    """Position codes, adaLN-Zero blocks and a last modulated norm, over tokens.

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
        """`[T, width]`, `[width]` -> `[T, width]`, ready for linear maps out."""
        spread = nn.initializers.normal(0.02)
        x = tokens + self.param("positions", spread, tokens.shape)
        for _ in range(self.depth):
            block = layers.DitBlock(self.width, self.heads, self.dropout)
            x = block(x, condition, train=train)
        shift, scale = layers.Modulation(self.width, 2)(condition)
        modulate = jax.vmap(layers.modulate, in_axes=(0, None, None))
        return modulate(layers.norm(x), shift, scale)
