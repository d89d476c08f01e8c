"""The base field while it is trained: a latent modulates every layer.

StyleGAN2/CIPS modulation (paper section 3.3; `W_hat = demod(W * s)`): a mapping
network turns a latent z into a style, each layer turns the style into one scale per
input channel, and then gives every output channel's weights unit norm. `fold` does this
for one style and returns plain kernels; the residual field computes with these.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from chex import ArrayTree

from wsjax.fields import residual
from wsjax.types import Field, Params

__all__ = ["Modulated", "fold", "modulated", "style"]

_MAPPING_RATE = 0.01  # Mapping layers learn this much slower, as in StyleGAN2.


class Modulated(NamedTuple):
    """The network is `field.apply(fold(params, style(params, latent)), coord)`.

    `init(key) -> params`; `style(params, latent [Z]) -> [T]`;
    `fold(params, style [T]) -> params` of `field`, a residual field.
    """

    init: Callable[[jax.Array], Params]
    style: Callable[[Params, jax.Array], jax.Array]
    fold: Callable[[Params, jax.Array], Params]
    field: Field


def _init_mapping(
    key: jax.Array, latent_dim: int, style_dim: int, depth: int
) -> Params:
    widths = [latent_dim] + [style_dim] * depth
    keys = jax.random.split(key, depth)
    layers = {}
    for i, (d_in, d_out) in enumerate(zip(widths[:-1], widths[1:], strict=True)):
        kernel = jax.random.normal(keys[i], (d_in, d_out)) / _MAPPING_RATE
        layers[f"mapping_{i}"] = {"kernel": kernel, "bias": jnp.zeros(d_out)}
    return layers


def style(params: Params, latent: jax.Array) -> jax.Array:
    """Mapping network, `[Z] -> [T]`: leaky ReLU layers of equalised learning rate."""
    x = latent
    for i in range(len(params["mapping"])):
        layer = params["mapping"][f"mapping_{i}"]
        kernel = layer["kernel"] * (_MAPPING_RATE / jnp.sqrt(x.shape[-1]))
        x = residual.activation(x @ kernel + layer["bias"] * _MAPPING_RATE)
    return x


def fold(params: Params, code: jax.Array) -> Params:
    """Modulates the kernels by one style, once and for all.

    Args:
      params: of the modulated field.
      code: `[T]` style; the mean style of the training set gives the frozen base.

    Returns:
      Params of the residual field that computes the same function.
    """
    folded = {"fourier": params["fourier"]}
    for name, layer in params["layers"].items():
        d_in = layer["kernel"].shape[0]
        affine = layer["affine"]
        scale = code @ affine["kernel"] / jnp.sqrt(code.shape[0]) + affine["bias"]
        kernel = layer["kernel"] * scale[:, None] / jnp.sqrt(d_in)
        if name != "output":
            norms = jnp.sum(jnp.square(kernel), axis=0) + 1e-8
            kernel = kernel * jax.lax.rsqrt(norms)[None, :]
        folded[name] = {"kernel": kernel, "bias": layer["bias"]}
    return folded


def modulated(
    *,
    width: int,
    blocks: int,
    channels: int,
    dim: int = 2,
    omega: float = 8.0,
    latent_dim: int = 64,
    style_dim: int = 64,
    mapping_depth: int = 2,
) -> Modulated:
    """The residual field of these sizes, modulated by a latent.

    Args:
      width: channels of every hidden layer.
      blocks: residual blocks of two layers.
      channels: C, values per point.
      dim: D, coordinates per point.
      omega: largest angular frequency of the Fourier layer.
      latent_dim: Z, numbers in the latent of one instance.
      style_dim: T, numbers in a style.
      mapping_depth: layers of the mapping network.
    """

    def init(key: jax.Array) -> ArrayTree:
        fourier_key, mapping_key, *keys = jax.random.split(key, 2 * blocks + 4)
        names = [f"layer_{i}" for i in range(2 * blocks + 1)] + ["output"]
        layers = {}
        for name, layer_key in zip(names, keys, strict=True):
            kernel_key, affine_key = jax.random.split(layer_key)
            d_out = channels if name == "output" else width
            affine = jax.random.normal(affine_key, (style_dim, width))
            layers[name] = {
                "kernel": jax.random.normal(kernel_key, (width, d_out)),
                "bias": jnp.zeros(d_out),
                "affine": {"kernel": affine, "bias": jnp.ones(width)},
            }
        return {
            "fourier": residual.init_fourier(fourier_key, dim, width, omega),
            "mapping": _init_mapping(mapping_key, latent_dim, style_dim, mapping_depth),
            "layers": layers,
        }

    field = residual.residual(
        width=width, blocks=blocks, channels=channels, dim=dim, omega=omega
    )
    return Modulated(init, style, fold, field)
