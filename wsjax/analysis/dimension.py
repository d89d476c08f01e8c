"""How many dimensions a population of rows has, linear and curved.

Rows `x` `[N, F]` are flattened weights or any other features.
"""

import numpy as np

__all__ = [
    "LEAST_RATIOS",
    "components_for",
    "has_two_nn",
    "participation_ratio",
    "population",
    "spectrum",
    "two_nn",
    "varies",
]

LEAST_RATIOS = 10
"""Ratios of distances that the line of `two_nn` needs."""


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


def varies(x: np.ndarray) -> bool:
    """Whether there are two different rows: without them no variance has shares.

    Args:
      x: `[N, F]` rows, N at least 1.

    Raises:
      ValueError: if `x` is not a matrix with a row.
    """
    return bool(np.ptp(population(x, least=1), axis=0).any())


def spectrum(x: np.ndarray) -> np.ndarray:
    """Share of the variance of the rows that each principal component holds.

    Args:
      x: `[N, F]` rows.

    Returns:
      `[min(N - 1, F)]` shares, falling, that sum to 1.

    Raises:
      ValueError: if `x` is not a matrix of 2 rows or more, or unless `varies(x)`.
    """
    x = population(x, least=2)
    if not varies(x):
        raise ValueError(f"all {len(x)} rows are equal: there is no variance to share")
    singular = np.linalg.svd(x - x.mean(axis=0), compute_uv=False)
    variances = np.square(singular[: len(x) - 1])  # Centring removes one direction.
    return variances / variances.sum()


def participation_ratio(x: np.ndarray) -> float:
    """Effective number of principal components, (sum l)^2 / sum l^2.

    With l the eigenvalues of the covariance of the rows; it is k if k of them are equal
    and the others 0.

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

    On a manifold of dimension d, let m be the ratio of a row's distances to its second
    and its first neighbour. Where the density hardly changes between the two,
    P(ratio > m) = m^-d, so that the least-squares line through the origin of
    -log(1 - i / n) against log m, with i the rank of m among n rows, has slope d. Equal
    rows count once, as a row at distance 0 of another has no ratio.

    Args:
      x: `[N, F]` rows.
      discard: share of the rows, those of the largest ratios, that is left out of the
        line, in [0, 1). The row of the largest ratio is always left out, as 1 - i / n
        is 0 there.

    Returns:
      The dimension. It is too low for samples of many dimensions, where most rows are
      near the border of the sample.

    Raises:
      ValueError: if `x` is not a matrix with a row, if `discard` is outside [0, 1), or
        unless `has_two_nn(x)`: if fewer than `LEAST_RATIOS` different rows are left for
        the line, or all their ratios are 1.
    """
    logs, n = _log_ratios(x, discard)
    if len(logs) < LEAST_RATIOS:
        raise ValueError(
            f"need {LEAST_RATIOS} different rows or more after discarding, got "
            f"{len(logs)}"
        )
    if not logs.any():
        raise ValueError("every row is as far from its second neighbour as its first")
    heights = -np.log1p(-np.arange(1, len(logs) + 1) / n)
    return float(logs @ heights / (logs @ logs))


def has_two_nn(x: np.ndarray, *, discard: float = 0.1) -> bool:
    """Whether `two_nn` can measure these rows; arguments as there.

    Raises:
      ValueError: if `x` is not a matrix with a row, or `discard` is outside [0, 1).
    """
    logs, _ = _log_ratios(x, discard)
    return len(logs) >= LEAST_RATIOS and bool(logs.any())


def _log_ratios(x: np.ndarray, discard: float) -> tuple[np.ndarray, int]:
    """Logarithms of the ratios of `two_nn`, rising, and the number of different rows.

    The ratios that are discarded are left out.
    """
    if not 0 <= discard < 1:
        raise ValueError(f"discard must lie in [0, 1), got {discard}")
    rows = np.unique(population(x, least=1), axis=0)
    n = len(rows)
    kept = min(int((1 - discard) * n), n - 1)
    if n < 3:  # No second neighbour.
        return np.zeros(0), n
    # Here, as most callers of this module count components and need no neighbours.
    from sklearn.neighbors import NearestNeighbors

    # Brute force ranks by products of rows, fast but inexact far from the origin: it
    # gets centred rows, and the neighbours that it names are measured by differences.
    search = NearestNeighbors(n_neighbors=2, algorithm="brute")
    search.fit(rows - rows.mean(axis=0))
    nearest = search.kneighbors(return_distance=False)
    distances = [np.linalg.norm(rows - rows[nearest[:, j]], axis=1) for j in (0, 1)]
    near, far = np.sort(distances, axis=0)
    return np.sort(np.log(far / near))[:kept], n


def components_for(x: np.ndarray, *, share: float = 0.9) -> int:
    """Number of principal components that hold `share` of the variance of the rows.

    Args:
      x: `[N, F]` rows.
      share: in (0, 1].

    Returns:
      The smallest such number; 0 if all rows are equal.

    Raises:
      ValueError: if `x` is not a matrix with a row, or `share` is outside (0, 1].
    """
    x = population(x, least=1)
    if not 0 < share <= 1:
        raise ValueError(f"share must lie in (0, 1], got {share}")
    if not varies(x):
        return 0
    shares = np.cumsum(spectrum(x))
    # Without the slack, share=1 would count components that are nothing but rounding.
    return int(np.searchsorted(shares, share - 1e-12)) + 1
