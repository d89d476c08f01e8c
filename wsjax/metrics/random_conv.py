"""Features of a convolutional network with random weights.

It needs no labels, no download and no data, so it favours no generator; it tells
textures and parts apart that a linear map of the pixels cannot.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

__all__ = ["random_conv"]

_WIDTHS = (16, 32, 64, 64)
_LEAST = 8  # Cells per side.
_SMALL = 4  # Sides of feature maps that are not shrunk any more.
_BATCH = 64  # Instances per call, the last call filled up: one compilation.


def random_conv(
    shape: tuple[int, ...], *, seed: int = 0
) -> Callable[[np.ndarray], np.ndarray]:
    """Mean and standard deviation over space of four random convolutional layers.

    Kernels of 3 cells per side with He's normal weights (He et al. 2015, equation 10)
    and no biases, ReLU, steps of 2 cells until a side is 4 or less.

    Args:
      shape: of one instance: `(H, W, C)` of pictures, `(D, H, W, C)` of grids.
      seed: of the weights; they depend on it and the number of channels alone.

    Returns:
      `features(instances [N, *shape]) -> [N, 128]`, non-negative, in units of the
      values; row i depends on instance i alone, up to rounding.

    Raises:
      ValueError: if `shape` is no picture or grid of 8 cells or more per side; from
        `features`, if the instances have another shape.
    """
    *sides, channels = shape
    if len(sides) not in (2, 3) or min(sides) < _LEAST:
        raise ValueError(
            f"random_conv needs (H, W, C) or (D, H, W, C) of {_LEAST} cells or more "
            f"per side, got {tuple(shape)}; leave it out of the features"
        )
    kernels = _kernels(len(sides), channels, seed)
    compute = jax.jit(lambda batch: _features(batch, kernels))

    def features(instances: np.ndarray) -> np.ndarray:
        instances = np.asarray(instances, np.float32)
        if instances.shape[1:] != tuple(shape):
            raise ValueError(
                f"instances must be [N, *{tuple(shape)}], got {instances.shape}"
            )
        batches = [
            np.asarray(compute(_filled(instances[begin : begin + _BATCH])))
            for begin in range(0, len(instances), _BATCH)
        ]
        return np.concatenate([*batches, np.zeros((0, 128))])[: len(instances)]

    return features


def _kernels(dimensions: int, channels: int, seed: int) -> list[np.ndarray]:
    # NumPy draws the same numbers whatever device JAX runs on.
    generator = np.random.default_rng(seed)
    kernels = []
    for before, after in zip((channels, *_WIDTHS), _WIDTHS, strict=False):
        shape = (after, before, *[3] * dimensions)
        deviation = np.sqrt(2 / np.prod(shape[1:]))
        kernels.append(deviation * generator.standard_normal(shape))
    return [kernel.astype(np.float32) for kernel in kernels]


def _features(batch: jax.Array, kernels: list[np.ndarray]) -> jax.Array:
    maps = jnp.moveaxis(batch, -1, 1)
    for kernel in kernels:
        step = [2 if side > _SMALL else 1 for side in maps.shape[2:]]
        # By default, accelerators multiply at less than single precision.
        maps = jax.lax.conv(
            maps, jnp.asarray(kernel), step, "SAME", precision="highest"
        )
        maps = jax.nn.relu(maps)
    space = tuple(range(2, maps.ndim))
    return jnp.concatenate([maps.mean(space), maps.std(space)], axis=1)


def _filled(instances: np.ndarray) -> np.ndarray:
    """A batch, filled up with zeros: programs are compiled for one size."""
    empty = np.zeros((_BATCH - len(instances), *instances.shape[1:]), np.float32)
    return np.concatenate([instances, empty])
