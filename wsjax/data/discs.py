"""Soft shapes drawn on the spot, labelled by kind: data for tests and notebooks."""

import numpy as np

from wsjax.data.images import Images
from wsjax.data.source import check_positive

__all__ = ["KINDS", "load"]

# Each kind is the brightness in [0, 1] at x, y in [-1, 1] of a shape at the origin with
# this radius and width of the edge; `load` moves it.


def _disc(x, y, radius, edge):
    return _inside(np.hypot(x, y) - radius, edge)


def _ring(x, y, radius, edge):
    return _inside(np.abs(np.hypot(x, y) - radius) - 0.3 * radius, edge)


def _bar(x, y, radius, edge):
    return _inside(
        np.maximum(np.abs(x) - 0.35 * radius, np.abs(y) - 1.5 * radius), edge
    )


def _gradient(x, y, radius, edge):
    del y, edge
    return _inside(-x, radius)


def _inside(distance, edge):
    """1 inside (negative distance), 0 outside, smooth over about `edge`."""
    return 0.5 - 0.5 * np.tanh(distance / edge)


KINDS = (_disc, _ring, _bar, _gradient)


def load(
    *, size: int = 16, n: int = 64, classes: int = 4, channels: int = 1, seed: int = 0
) -> Images:
    """Draws discs, rings, bars and gradients at random places and radii.

    Labels cycle through the classes. The same seed gives the same pictures, and
    fewer of them are the first of more.

    Args:
      size: side of the pictures in pixels.
      n: number of pictures.
      classes: how many kinds to use, 1 to 4, in the order above.
      channels: C; each shape has a random brightness in every channel but the first.
      seed: of the random places, radii and colours.

    Returns:
      Pixels `[N, size, size, C]` float32 in [0, 1]; labels 0 to `classes` - 1.

    Raises:
      ValueError: if a number is out of range.
    """
    options = {"size": size, "n": n, "classes": classes, "channels": channels}
    for name, value in options.items():
        if value is None:
            raise ValueError(f"{name}= needs a whole number of at least 1, got None")
        check_positive(name, value)
    if classes > len(KINDS):
        raise ValueError(f"classes= needs 1 to {len(KINDS)}, got {classes}")
    draws = np.random.default_rng(seed).uniform(-1.0, 1.0, (n, 3))
    # A generator of their own: places do not depend on the number of channels.
    colours = np.random.default_rng([seed, 1]).uniform(0.0, 1.0, (n, channels))
    colours[:, 0] = 1.0
    centres = (np.arange(size) + 0.5) * 2 / size - 1
    y, x = np.meshgrid(centres, centres, indexing="ij")
    edge = 2 / size  # One pixel.
    labels = np.arange(n, dtype=np.int32) % classes
    grey = [
        KINDS[label](x - 0.4 * right, y - 0.4 * down, 0.4 + 0.15 * growth, edge)
        for label, (right, down, growth) in zip(labels, draws, strict=True)
    ]
    pixels = np.stack(grey)[..., None] * colours[:, None, None]
    return Images(pixels.astype(np.float32), labels, [str(i) for i in range(n)], {})
