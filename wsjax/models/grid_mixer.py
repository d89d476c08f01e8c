"""A denoiser in function space: a mixer of patches whose weights belong to places.

The noisy vector comes as values on a grid, to which `wsjax.latent.canvas` maps it. The
grid is cut into patches, one token each. In every block tokens exchange what they know
by one matrix per channel (MLP-Mixer, Tolstikhin et al. 2021), then each goes through a
small MLP whose weights belong to its place, as in locally connected layers. Where parts
of instances have their places, such as the sleeves of centred clothes, that costs as
much as shared weights, and learns more of them.
"""

import math
from collections.abc import Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp

from wsjax.models import layers

__all__ = ["GridMixer", "from_patches", "to_patches"]

# Of kernels `[T, in, out]`: as of any other, for each of the T apart.
_SPREAD = nn.initializers.variance_scaling(
    1.0, "fan_in", "truncated_normal", batch_axis=(0,)
)


class GridMixer(nn.Module):
    """Denoiser of values on a grid, `(noisy [P], t [], label []) -> [P]`.

    Attributes:
      size: cells along each axis of the grid, then channels; P is their product.
      patch: cells per side of a patch; where it does not divide the grid, cells of
        zeros are added.
      width: of the tokens.
      depth: blocks.
      expansion: hidden units of a token's MLP, in widths.
      dropout: share of these that training drops.
      classes: of the label; 0: it is ignored.
    """

    size: tuple[int, ...]
    patch: int
    width: int
    depth: int
    expansion: int = 2
    dropout: float = 0.0
    classes: int = 0

    @nn.compact
    def __call__(
        self, noisy: jax.Array, t: jax.Array, label: jax.Array, *, train: bool
    ) -> jax.Array:
        """Predicts what the process asks for, on the grid."""
        condition = layers.condition(t, label, width=self.width, classes=self.classes)
        patches = to_patches(noisy, self.size, self.patch)
        modulate = layers.modulate_tokens
        x = _Own(self.width)(patches)
        for _ in range(self.depth):
            parts = layers.Modulation(self.width, 6)(condition)
            shift, scale, gate, shift_mlp, scale_mlp, gate_mlp = parts
            x = x + gate[None] * _Mixed()(modulate(layers.norm(x), shift, scale))
            inner = modulate(layers.norm(x), shift_mlp, scale_mlp)
            hidden = nn.gelu(_Own(self.expansion * self.width)(inner))
            hidden = nn.Dropout(self.dropout, deterministic=not train)(hidden)
            x = x + gate_mlp[None] * _Own(self.width)(hidden)
        shift, scale = layers.Modulation(self.width, 2)(condition)
        x = modulate(layers.norm(x), shift, scale)
        out = _Own(patches.shape[-1], kernel_init=nn.initializers.zeros)(x)
        values = from_patches(out, self.size, self.patch)
        return values + layers.InputSkip()(noisy, condition)


class _Own(nn.Module):
    """A dense layer of its own for each token, `[T, in] -> [T, features]`."""

    features: int
    kernel_init: nn.initializers.Initializer = _SPREAD

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        shape = (*x.shape, self.features)
        kernel = self.param("kernel", self.kernel_init, shape)
        zeros = nn.initializers.zeros
        bias = self.param("bias", zeros, (x.shape[0], self.features))
        return jnp.einsum("ti,tio->to", x, kernel) + bias


class _Mixed(nn.Module):
    """Every channel of a token becomes a sum over all tokens, `[T, C] -> [T, C]`."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        tokens, channels = x.shape
        kernel = self.param("kernel", _SPREAD, (channels, tokens, tokens))
        return jnp.einsum("tc,cts->sc", x, kernel)


def to_patches(values: jax.Array, size: Sequence[int], patch: int) -> jax.Array:
    """Cuts a grid into patches, `[P] -> [T, patch^D * C]`, from first to last axis.

    Args:
      values: of all cells and channels.
      size: cells along each of D axes, then C channels.
      patch: cells per side of a patch.
    """
    *cells, channels = size
    counts = [-(-n // patch) for n in cells]
    beyond = [(0, k * patch - n) for k, n in zip(counts, cells, strict=True)]
    grid = jnp.pad(values.reshape(*size), [*beyond, (0, 0)])
    split = [side for k in counts for side in (k, patch)]
    return (
        grid.reshape(*split, channels)
        .transpose(_order(len(cells)))
        .reshape(math.prod(counts), -1)
    )


def from_patches(patches: jax.Array, size: Sequence[int], patch: int) -> jax.Array:
    """Joins patches, `[T, patch^D * C] -> [P]`; undoes `to_patches`."""
    *cells, channels = size
    counts = [-(-n // patch) for n in cells]
    order = _order(len(cells))
    back = sorted(range(len(order)), key=order.__getitem__)
    grid = (
        patches.reshape(*counts, *[patch] * len(cells), channels)
        .transpose(back)
        .reshape(*[k * patch for k in counts], channels)
    )
    return grid[tuple(slice(n) for n in cells)].reshape(-1)


def _order(axes: int) -> list[int]:
    """Of axes (patch, cell, patch, cell, ..., channel): all patches come first."""
    return [*range(0, 2 * axes, 2), *range(1, 2 * axes, 2), 2 * axes]
