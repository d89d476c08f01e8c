"""What a linear code of as many numbers reaches: principal components of the values.

The simplest rival of a fitted field. Both hold some numbers per instance, beside what
all instances share: a base there, the mean and the components here.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from wsjax.metrics.reconstruction import BEST_PSNR, psnr

__all__ = ["Components", "components", "projected_psnr"]

_EXACT = 4096  # Most values per instance of which the covariance is decomposed.


class Components(NamedTuple):
    """Principal components of values that instances have at the same P points.

    `mean` `[P * C]`: of the training instances; `axes` `[Q, P * C]`: orthonormal, of
    falling variance.
    """

    mean: np.ndarray
    axes: np.ndarray


def components(values: np.ndarray, count: int, *, seed: int = 0) -> Components:
    """The first principal components of training instances.

    Args:
      values: `[n, P, C]` of two training instances or more.
      count: number of components that is asked for.
      seed: where an instance has more than 4,096 values, the components come from a
        randomised decomposition (Halko et al. 2011), a little below the best.

    Returns:
      As many components as are asked for, but no more than there are: n - 1 at most,
      fewer if the values vary along fewer directions.

    Raises:
      ValueError: if there are fewer than two instances, or `count` is below 1.
    """
    if len(values) < 2 or count < 1:
        raise ValueError(
            f"principal components need two instances or more and a count of 1 or "
            f"more, got {len(values)} instances and a count of {count}"
        )
    # Here, as it takes a second to import.
    from sklearn.decomposition import PCA

    # In double precision, and centred first: the covariance squares what rounding does.
    x = np.asarray(values, np.float64).reshape(len(values), -1)
    mean = x.mean(axis=0)
    solver = "covariance_eigh" if x.shape[1] <= _EXACT else "randomized"
    count = min(count, len(x) - 1, x.shape[1])
    with np.errstate(invalid="ignore"):  # Shares of no variance, which nobody reads.
        found = PCA(count, svd_solver=solver, random_state=seed).fit(x - mean)
    # Rounding of the covariance leaves variances in directions of which there are none.
    variance = found.singular_values_**2
    kept = variance > variance[0] * max(x.shape) * np.finfo(np.float64).eps
    return Components(mean, found.components_[kept])


def projected_psnr(fitted: Components, values: np.ndarray) -> np.ndarray:
    """PSNR of instances that are rebuilt from their components alone.

    Args:
      fitted: the components.
      values: `[n, P, C]` in [-1, 1].

    Returns:
      `[n]` in dB, at most `BEST_PSNR`; rebuilt values are clipped, see `psnr`.
    """
    x = np.asarray(values, np.float64).reshape(len(values), -1) - fitted.mean
    rebuilt = fitted.mean + x @ fitted.axes.T @ fitted.axes
    reached = jax.vmap(psnr)(
        jnp.asarray(rebuilt.reshape(values.shape), jnp.float32),
        jnp.asarray(values, jnp.float32),
    )
    return np.minimum(np.asarray(reached), BEST_PSNR)
