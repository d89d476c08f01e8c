"""Power per octave of the spectrum: how much detail things have at every scale."""

import numpy as np
from scipy.fft import dctn

__all__ = ["octaves", "power_ratios"]


def octaves(size: tuple[int, ...]) -> np.ndarray:
    """The octave of each coefficient of a cosine transform over `size` cells.

    Octave 0 is the mean; octave k >= 1 has the waves of 2^(k-2) up to 2^(k-1) whole
    periods along the longest side. What is shorter than two cells, in the corners of
    the spectrum, belongs to the last octave.

    Args:
      size: cells along each axis, such as `(H, W)`.

    Returns:
      `[*size]` integers.
    """
    longest = max(size)
    axes = [np.arange(n) * (longest / n) for n in size]
    radius = np.sqrt(sum(x**2 for x in np.meshgrid(*axes, indexing="ij")))
    last = int(np.floor(np.log2(max(longest - 1, 1))))
    found = np.floor(np.log2(np.maximum(radius, 0.5))).astype(int)
    return np.minimum(found, last) + 1


def power_ratios(ours: np.ndarray, real: np.ndarray) -> np.ndarray:
    """Mean power of things in each octave, over that of real ones.

    The transform is the orthonormal DCT-II, which sees no jump between opposite edges.

    Args:
      ours: `[N, *size, C]` values on a grid.
      real: `[M, *size, C]` likewise.

    Returns:
      `[K]`, of the octaves above the mean, from coarse to fine; 1 is as much power as
      real things have, and NaN stands where these have none.

    Raises:
      ValueError: if the shapes differ, a set is empty, or a value is not finite.
    """
    ours, real = np.asarray(ours), np.asarray(real)
    if ours.shape[1:] != real.shape[1:] or ours.ndim < 3:
        raise ValueError(
            f"need two sets [N, *size, C] of one size, got {ours.shape}, {real.shape}"
        )
    mine, theirs = _powers(ours), _powers(real)
    some = theirs > 0
    return np.divide(mine, theirs, out=np.full(len(mine), np.nan), where=some)


def _powers(things: np.ndarray) -> np.ndarray:
    """`[K]` mean power of a thing in each octave above the mean."""
    if not len(things) or not np.isfinite(things).all():
        raise ValueError("need one thing or more, of finite values")
    axes = tuple(range(1, things.ndim - 1))
    squared = np.square(dctn(things.astype(np.float64), axes=axes, norm="ortho"))
    where = octaves(things.shape[1:-1])
    return np.bincount(where.ravel(), squared.mean(axis=(0, -1)).ravel())[1:]
