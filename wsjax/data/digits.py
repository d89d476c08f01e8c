"""Handwritten digits that come with scikit-learn: nothing to download."""

import numpy as np
from PIL import Image

from wsjax.data.images import Images
from wsjax.data.resample import resize
from wsjax.data.source import check_positive

__all__ = ["load"]


def load(*, size: int = 28, n: int | None = None) -> Images:
    """Loads scikit-learn's 1,797 digits of 8 x 8 pixels, resampled bicubically.

    Args:
      size: side of the pictures in pixels; 8 gives the originals.
      n: takes only the first n, all if there are fewer. The set is mixed, so
        that the classes keep about their shares.

    Returns:
      Pixels `[N, size, size, 1]` float32 in [0, 1]; labels 0 to 9.

    Raises:
      ValueError: if `size` or `n` is not a whole number of at least 1.
    """
    check_positive("size", size)
    check_positive("n", n)
    from sklearn.datasets import load_digits  # It takes a second to load.

    digits = load_digits()
    small = (digits.images[:n, ..., None] / 16).astype(np.float32)
    method = Image.Resampling.BICUBIC
    pixels = np.stack([resize(digit, size, method=method) for digit in small])
    labels = digits.target[:n].astype(np.int32)
    return Images(pixels, labels, [str(i) for i in range(len(pixels))], {})
