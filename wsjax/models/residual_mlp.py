"""A denoiser without tokens: a residual MLP on the whole vector, for linear latents."""

import flax.linen as nn
import jax

from wsjax.models import layers

__all__ = ["ResidualMlp"]


class ResidualMlp(nn.Module):
    """adaLN-Zero residual MLP, `(noisy [K], t [], label []) -> [K]`.

    Attributes:
      width: of every hidden layer.
      depth: residual blocks.
      dropout: share of hidden units dropped in training.
      classes: of the label; 0: it is ignored.
    """

    width: int
    depth: int
    dropout: float = 0.0
    classes: int = 0

    @nn.compact
    def __call__(
        self, noisy: jax.Array, t: jax.Array, label: jax.Array, *, train: bool
    ) -> jax.Array:
        """Predicts what the process asks for."""
        condition = layers.condition(t, label, width=self.width, classes=self.classes)
        x = nn.Dense(self.width)(noisy)
        for _ in range(self.depth):
            shift, scale, gate = layers.Modulation(self.width, 3)(condition)
            inner = layers.modulate(layers.norm(x), shift, scale)
            mlp = layers.TokenMlp(self.width, expansion=2, dropout=self.dropout)
            x = x + gate * mlp(inner, train=train)
        shift, scale = layers.Modulation(self.width, 2)(condition)
        x = layers.modulate(layers.norm(x), shift, scale)
        out = nn.Dense(noisy.shape[-1], kernel_init=nn.initializers.zeros)(x)
        return out + layers.InputSkip()(noisy, condition)
