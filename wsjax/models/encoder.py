"""A network from the values of an instance to a vector, such as its adapter."""

import math

import flax.linen as nn
import jax

from wsjax.models import layers

__all__ = ["Encoder"]

_SIDE = 4  # Convolutions shrink the longest side to this or less.


class Encoder(nn.Module):
    """Convolutions of stride 2, then two dense layers, `(values [P, C]) -> [K]`.

    Each convolution halves the sides and doubles the channels. The output starts near
    zero, so that an instance starts near what all have in common.

    Attributes:
      size: sides of the common grid, two of a picture or three of a shape; their
        product is P.
      width: channels of the first convolution.
      hidden: numbers between the dense layers.
      outputs: K.
    """

    size: tuple[int, ...]
    width: int
    hidden: int
    outputs: int

    @nn.compact
    def __call__(self, values: jax.Array) -> jax.Array:
        """Predicts the vector of one instance."""
        if values.shape[0] != math.prod(self.size):
            raise ValueError(
                f"an encoder of size={self.size} takes {math.prod(self.size)} values, "
                f"found {values.shape[0]}; give it the size of the grid"
            )
        x, width = values.reshape(*self.size, -1), self.width
        axes = len(self.size)
        while max(x.shape[:-1]) > _SIDE:
            x = nn.Conv(width, (3,) * axes, strides=(2,) * axes)(x)
            x, width = nn.silu(layers.norm(x)), 2 * width
        x = nn.silu(nn.Dense(self.hidden)(x.reshape(-1)))
        near_zero = nn.initializers.variance_scaling(1e-4, "fan_in", "normal")
        return nn.Dense(self.outputs, use_bias=False, kernel_init=near_zero)(x)
