"""How well one fitted field reproduces its picture."""

import chex
import jax
import jax.numpy as jnp
import numpy as np

__all__ = ["BEST_PSNR", "mean_squared_error", "psnr", "ssim"]

BEST_PSNR = 150.0
"""In dB, the limit of float32: a cap by which means over instances stay finite."""

_WINDOW = 11  # Width in pixels of the Gaussian window of Wang et al. 2004.


def psnr(predicted: jax.Array, target: jax.Array) -> jax.Array:
    """Peak signal-to-noise ratio of one field: -10 log10 of the mean squared error.

    Values are mapped from [-1, 1] to [0, 1], so that the peak is 1; predictions
    outside [-1, 1] are clipped first, as a picture would be when it is saved.

    Args:
      predicted: `[P, C]` values of the field.
      target: `[P, C]` true values in [-1, 1].

    Returns:
      `[]` in dB; higher is better, infinite where the two are equal.
    """
    chex.assert_rank([predicted, target], 2)
    chex.assert_equal_shape([predicted, target])
    error = (jnp.clip(predicted, -1.0, 1.0) - target) / 2.0
    return -10.0 * jnp.log10(jnp.mean(jnp.square(error)))


def mean_squared_error(psnr_db: float) -> float:
    """Mean squared error of values in [-1, 1] that belongs to a PSNR in dB.

    The inverse of `psnr` for predictions that lie in [-1, 1]: 20 dB are an error of
    0.04.
    """
    return 4.0 * 10.0 ** (-psnr_db / 10.0)


def ssim(a: np.ndarray, b: np.ndarray) -> float:
    """Structural similarity of two pictures; Wang et al. 2004, Gaussian window.

    Args:
      a: `[H, W, C]` float pixels in [0, 1].
      b: `[H, W, C]` float pixels in [0, 1].

    Returns:
      The mean over pixels and channels; 1 for equal pictures, at least -1.

    Raises:
      ValueError: if the pictures differ in shape, are smaller than the window of
        11 pixels, or hold integers.
    """
    # Here, as half of the library needs a PSNR and nothing else of scikit-image.
    from skimage.metrics import structural_similarity

    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape or a.ndim != 3:
        raise ValueError(f"need two pictures [H, W, C], got {a.shape} and {b.shape}")
    if min(a.shape[:2]) < _WINDOW:
        raise ValueError(f"pictures need {_WINDOW} pixels a side, got {a.shape[:2]}")
    if not all(np.issubdtype(x.dtype, np.floating) for x in (a, b)):
        raise ValueError(
            f"pixels must be floats in [0, 1], got {a.dtype} and {b.dtype}; "
            "divide 8-bit pixels by 255"
        )
    return float(
        structural_similarity(
            a.astype(np.float64),
            b.astype(np.float64),
            data_range=1.0,
            channel_axis=-1,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        )
    )
