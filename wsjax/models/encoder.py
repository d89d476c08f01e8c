"""A network from the values of an instance to a vector, such as its adapter."""

import itertools
import math

import flax.linen as nn
import jax
import jax.numpy as jnp

from wsjax.models import layers

__all__ = ["Encoder", "patches"]

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
        while max(x.shape[:-1]) > _SIDE:
            x = nn.silu(layers.norm(nn.Dense(width)(patches(x))))
            width = 2 * width
        x = nn.silu(nn.Dense(self.hidden)(x.reshape(-1)))
        near_zero = nn.initializers.variance_scaling(1e-4, "fan_in", "normal")
        return nn.Dense(self.outputs, use_bias=False, kernel_init=near_zero)(x)


def patches(x: jax.Array) -> jax.Array:
    """What a convolution of side 3 and stride 2 sees, `[*size, C] -> [*half, 3^D * C]`.

    A dense layer over it is that convolution. XLA's own, and its gradient most of all,
    is ten times slower on CPUs inside the loop of a training.
    """
    half = [-(-side // 2) for side in x.shape[:-1]]
    # One cell of zeros in front, and behind it up to the reach of the last patch.
    behind = [2 * n - side for n, side in zip(half, x.shape[:-1], strict=True)]
    x = jnp.pad(x, [*((1, n) for n in behind), (0, 0)])
    corners = itertools.product(range(3), repeat=len(half))
    seen = [
        x[tuple(slice(a, a + 2 * n - 1, 2) for a, n in zip(corner, half, strict=True))]
        for corner in corners
    ]
    return jnp.concatenate(seen, axis=-1)
