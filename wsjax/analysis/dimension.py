"""How many dimensions a population of rows has, linear and curved.

Rows `x` `[N, F]` are flattened weights or any other features.
"""

import numpy as np
from sklearn.neighbors import NearestNeighbors

LEAST_RATIOS = 10
"""Fewer points than this do not pin down the line of `two_nn`."""


def population(x: np.ndarray, *, least: int) -> np.ndarray:
    """The rows in double precision.

    Args:
      x: `[N, F]` rows.
      least: number of rows that are needed.

    Returns:
      `[N, F]` float64.

    Raises:
      ValueError: if `x` is not a matrix of `least` rows or more.
    """
    x = np.asarray(x, np.float64)
    if x.ndim != 2 or len(x) < least:
        raise ValueError(f"need a matrix of {least} rows or more, got shape {x.shape}")
    return x


def spectrum(x: np.ndarray) -> np.ndarray:
    """Shares of the variance of the rows per principal component.

    Args:
      x: `[N, F]` rows.

    Returns:
      `[min(N - 1, F)]` shares, falling, that sum to 1.

    Raises:
      ValueError: if `x` is not a matrix of 2 rows or more, or all rows are equal.
    """
    x = population(x, least=2)
    if not np.ptp(x, axis=0).any():
        raise ValueError(f"all {len(x)} rows are equal: there is no variance to share")
    singular = np.linalg.svd(x - x.mean(axis=0), compute_uv=False)
    variances = np.square(singular[: len(x) - 1])  # Centring takes one direction.
    return variances / variances.sum()


def participation_ratio(x: np.ndarray) -> float:
    """Effective number of principal components, (sum l)^2 / sum l^2.

    With l the eigenvalues of the covariance of the rows: k if k of them are equal and
    the others 0.

    Args:
      x: `[N, F]` rows.

    Returns:
      The number, from 1 to min(N - 1, F).

    Raises:
      ValueError: as `spectrum`.
    """
    return float(1 / np.square(spectrum(x)).sum())


def two_nn(x: np.ndarray, *, discard: float = 0.1) -> float:
    """Intrinsic dimension from two nearest neighbours; Facco et al. 2017.

    On a manifold of dimension d the distances to the second and the first neighbour
    have a ratio m with P(ratio > m) = m^-d, where the density hardly changes between
    them. The least-squares line through the origin of -log(1 - i / n) against log m,
    with i the rank of m among n rows, has slope d. Of rows that are equal only one is
    used: the others are at distance 0 and have no ratio.

    Args:
      x: `[N, F]` rows.
      discard: share of the rows, those of the largest ratios, that is left out of the
        line, in [0, 1); the very largest always is, as 1 - i / n is 0 there.

    Returns:
      The dimension; low for finite samples of many dimensions, where most rows are near
      the border of the sample.

    Raises:
      ValueError: if `x` is not a matrix, `discard` is outside [0, 1), fewer than 10
        different rows are left for the line, or all their ratios are 1.
    """
    if not 0 <= discard < 1:
        raise ValueError(f"discard must lie in [0, 1), got {discard}")
    rows = np.unique(population(x, least=1), axis=0)
    n = len(rows)
    kept = min(int((1 - discard) * n), n - 1)
    if kept < LEAST_RATIOS:
        raise ValueError(
            f"need {LEAST_RATIOS} different rows or more after discarding, got {kept}"
        )
    logs = np.sort(_log_ratios(rows))[:kept]
    if not logs.any():
        raise ValueError("every row is as far from its second neighbour as its first")
    heights = -np.log1p(-np.arange(1, kept + 1) / n)
    return float(logs @ heights / (logs @ logs))


def _log_ratios(rows: np.ndarray) -> np.ndarray:
    # Brute force ranks by products of rows, fast but blurred far from the origin: the
    # rows are centred for it, and what it finds is measured by differences.
    search = NearestNeighbors(n_neighbors=2, algorithm="brute")
    search.fit(rows - rows.mean(axis=0))
    found = search.kneighbors(return_distance=False)
    distances = [np.linalg.norm(rows - rows[found[:, j]], axis=1) for j in (0, 1)]
    near, far = np.sort(distances, axis=0)
    return np.log(far / near)


def components_for(x: np.ndarray, *, share: float = 0.9) -> int:
    """Number of principal components that hold `share` of the variance of the rows.

    Args:
      x: `[N, F]` rows.
      share: in (0, 1].

    Returns:
      The smallest such number, from the `spectrum`; 0 if all rows are equal.

    Raises:
      ValueError: if `x` is not a matrix with a row, or `share` is outside (0, 1].
    """
    x = population(x, least=1)
    if not 0 < share <= 1:
        raise ValueError(f"share must lie in (0, 1], got {share}")
    if np.ptp(x, axis=0).max() == 0:
        return 0
    shares = np.cumsum(spectrum(x))
    # The slack keeps components of pure rounding out when all variance is asked for.
    return int(np.searchsorted(shares, share - 1e-12)) + 1
