"""Drawn colour pictures: a gradient, two Gabor patches, a disc and a box each.

The speed of fitting is measured on them: they need no download, have edges and texture,
and no two are alike.
"""

import numpy as np

from wsjax.data.images import Images
from wsjax.data.source import check_positive

__all__ = ["load"]

_SOFT = 1.0  # Width of an edge, in pixels.


def load(*, n: int = 512, size: int = 32, seed: int = 0) -> Images:
    """Draws `n` pictures `[n, size, size, 3]` without labels.

    Picture i depends on `seed`, `size` and i alone, so that a larger set begins with
    the smaller one.

    Raises:
      ValueError: if `n` or `size` is not a whole number of at least 1.
    """
    for name, value in (("n", n), ("size", size)):
        if value is None:
            raise ValueError(f"{name}= needs a whole number of at least 1, got None")
        check_positive(name, value)
    pixels = np.stack([_draw(np.random.default_rng((seed, i)), size) for i in range(n)])
    return Images(pixels, None, [str(i) for i in range(n)], {})


def _draw(generator: np.random.Generator, size: int) -> np.ndarray:
    axis = (np.arange(size) + 0.5) / size * 2 - 1
    x, y = np.meshgrid(axis, axis)
    slope = generator.normal(size=(2, 3)) * 0.25
    picture = generator.uniform(0.3, 0.7, 3) + np.stack([x, y], -1) @ slope
    for _ in range(2):
        picture = picture + _gabor(generator, x, y)[..., None] * _colour(generator, 0.4)
    edge = _SOFT * 2 / size
    for shape in (_disc, _box):
        inside = np.clip(0.5 - shape(generator, x, y) / edge, 0.0, 1.0)[..., None]
        picture = (1 - inside) * picture + inside * generator.uniform(0.0, 1.0, 3)
    return np.clip(picture, 0.0, 1.0).astype(np.float32)


def _colour(generator: np.random.Generator, spread: float) -> np.ndarray:
    return generator.normal(size=3) * spread


def _gabor(generator: np.random.Generator, x, y) -> np.ndarray:
    """A plane wave of two to five periods per picture under a Gaussian window."""
    (cx, cy), width = generator.uniform(-0.6, 0.6, 2), generator.uniform(0.2, 0.45)
    angle, phase = generator.uniform(0, np.pi), generator.uniform(0, 2 * np.pi)
    frequency = np.pi * generator.uniform(2.0, 5.0)
    wave = np.cos(frequency * (x * np.cos(angle) + y * np.sin(angle)) + phase)
    return wave * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * width**2))


def _disc(generator: np.random.Generator, x, y) -> np.ndarray:
    """Signed distance to a circle, negative inside."""
    (cx, cy), radius = generator.uniform(-0.6, 0.6, 2), generator.uniform(0.15, 0.4)
    return np.hypot(x - cx, y - cy) - radius


def _box(generator: np.random.Generator, x, y) -> np.ndarray:
    """Signed distance to an upright box (Chebyshev), negative inside."""
    (cx, cy), half = generator.uniform(-0.6, 0.6, 2), generator.uniform(0.12, 0.4, 2)
    return np.maximum(np.abs(x - cx) - half[0], np.abs(y - cy) - half[1])
