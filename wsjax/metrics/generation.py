"""How near a set of generated things is to a set of real ones, in a feature space.

Sets are matrices with one row per thing; the order of rows never matters. Lower is
nearer, but for precision and recall. No figure means anything without its floor: see
`wsjax.metrics.equal_count`. Measures of all pairs go through them in blocks, so that
memory grows with the sets and not with their product.
"""

from collections.abc import Callable, Iterator

import numpy as np
from sklearn.metrics.pairwise import (
    euclidean_distances,
    polynomial_kernel,
    rbf_kernel,
)
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import normalize
from sklearn.utils import gen_batches

__all__ = [
    "frechet",
    "mmd_gaussian",
    "mmd_polynomial",
    "nearest",
    "precision",
    "recall",
]

_BLOCK = 2**22  # Pairs that are held at once: 32 MiB of float64.

_Pairwise = Callable[[np.ndarray, np.ndarray], np.ndarray]


def frechet(x: np.ndarray, y: np.ndarray) -> float:
    """Squared Fréchet distance of the Gaussians fitted to two sets; Heusel et al. 2017.

    |mean_x - mean_y|^2 + tr(C_x + C_y - 2 (C_x^1/2 C_y C_x^1/2)^1/2). The matrix under
    the root is symmetric, so its eigenvalues are real; those that rounding made
    negative count as 0. With fewer rows than features the same trace is the sum of the
    singular values of the product of the centred sets, a smaller matrix.

    Args:
      x: `[N, F]` features.
      y: `[M, F]` features.

    Returns:
      The distance in squared units of the features, at least 0.

    Raises:
      ValueError: if the widths differ, a set has fewer than 2 rows, or a value is not
        finite.
    """
    x, y = _two_sets(x, y, least=2)
    shift = np.square(x.mean(axis=0) - y.mean(axis=0)).sum()
    # Rows whose products are covariances.
    x, y = ((z - z.mean(axis=0)) / np.sqrt(len(z) - 1) for z in (x, y))
    spread = np.square(x).sum() + np.square(y).sum()
    return float(max(shift + spread - 2 * _overlap(x, y), 0.0))


def _overlap(x: np.ndarray, y: np.ndarray) -> float:
    """tr((C_x^1/2 C_y C_x^1/2)^1/2) with C_x = x' x and C_y = y' y."""
    if max(len(x), len(y)) < x.shape[1]:
        return np.linalg.svd(x @ y.T, compute_uv=False).sum()
    values, vectors = np.linalg.eigh(x.T @ x)
    root = (vectors * np.sqrt(values.clip(0))) @ vectors.T
    inner = root @ (y.T @ y) @ root
    return np.sqrt(np.linalg.eigvalsh((inner + inner.T) / 2).clip(0)).sum()


def mmd_gaussian(x: np.ndarray, y: np.ndarray) -> float:
    """Squared MMD of unit-length features under the kernel exp(-|x - y|^2 / 2).

    The unbiased estimate of Gretton et al. 2012, equation 3: its mean is 0 for two
    draws of one distribution, so single values may be slightly negative.

    Args:
      x: `[N, F]` features; rows are scaled to length 1 here, rows of zeros stay.
      y: `[M, F]` features, likewise.

    Returns:
      The estimate, without unit.

    Raises:
      ValueError: as `frechet`.
    """
    return _unbiased_mmd(x, y, lambda a, b: rbf_kernel(a, b, gamma=0.5))


def mmd_polynomial(x: np.ndarray, y: np.ndarray) -> float:
    """Squared MMD of unit-length features under the kernel (x . y + 1)^3.

    Unbiased, with arguments, result and errors as `mmd_gaussian`.
    """
    return _unbiased_mmd(
        x, y, lambda a, b: polynomial_kernel(a, b, degree=3, gamma=1.0, coef0=1.0)
    )


def nearest(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Euclidean nearest neighbour in `y` of each row of `x`.

    Args:
      x: `[N, F]` queries.
      y: `[M, F]` candidates.

    Returns:
      `(distances [N], indices [N])`; the distance to an exact copy is exactly 0.

    Raises:
      ValueError: if the widths differ, a set is empty, or a value is not finite.
    """
    x, y = _two_sets(x, y, least=1)
    search = NearestNeighbors(n_neighbors=1).fit(y)
    indices = search.kneighbors(x, return_distance=False)[:, 0]
    # The search expands |x - y|^2, which leaves rounding where the distance is 0.
    return np.linalg.norm(x - y[indices], axis=1), indices


def precision(x: np.ndarray, y: np.ndarray, *, k: int = 3) -> float:
    """Share of the rows of `x` on the manifold of `y`; Kynkäänniemi et al. 2019.

    The manifold is the union of balls about the rows of `y`, each as large as the
    distance to its k-th nearest other row (equations 1 and 2). Higher is nearer.

    Args:
      x: `[N, F]` features of generated things; of real ones for `recall`.
      y: `[M, F]` features of real things; of generated ones for `recall`.
      k: neighbours; with k rows or fewer, all others are taken.

    Returns:
      The share, in [0, 1].

    Raises:
      ValueError: as `frechet`, or if `k` is not positive.
    """
    x, y = _two_sets(x, y, least=2)
    if k < 1:
        raise ValueError(f"k must be at least 1, got {k}")
    k = min(k, len(y) - 1)  # The nearest of all, at distance 0, is the row itself.
    radii = [
        # A copy of the column, as a view would keep its block.
        np.partition(distances, k, axis=1)[:, k].copy()
        for distances in _blocks(euclidean_distances, y, y)
    ]
    reach = np.concatenate(radii)
    inside = [
        (distances <= reach).any(axis=1)
        for distances in _blocks(euclidean_distances, x, y)
    ]
    return float(np.mean(np.concatenate(inside)))


def recall(x: np.ndarray, y: np.ndarray, *, k: int = 3) -> float:
    """Share of the rows of `y`, real, on the manifold of `x`: `precision(y, x)`."""
    return precision(y, x, k=k)


def _unbiased_mmd(x: np.ndarray, y: np.ndarray, kernel: _Pairwise) -> float:
    x, y = (normalize(z) for z in _two_sets(x, y, least=2))
    across = sum(block.sum() for block in _blocks(kernel, x, y)) / (len(x) * len(y))
    return float(_mean_of_pairs(kernel, x) + _mean_of_pairs(kernel, y) - 2 * across)


def _mean_of_pairs(kernel: _Pairwise, x: np.ndarray) -> float:
    """Mean over the pairs of different rows: the diagonal would be the bias."""
    total, begin, n = 0.0, 0, len(x)
    for block in _blocks(kernel, x, x):
        total += block.sum() - np.trace(block, offset=begin)
        begin += len(block)
    return total / (n * (n - 1))


def _blocks(measure: _Pairwise, x: np.ndarray, y: np.ndarray) -> Iterator[np.ndarray]:
    """`measure(x, y)` `[N, M]` in blocks of whole rows, one after the other."""
    rows = max(1, _BLOCK // len(y))
    if rows >= len(x):  # The arrays themselves: scikit-learn knows a set from a copy.
        yield measure(x, y)
        return
    for some in gen_batches(len(x), rows):
        yield measure(x[some], y)


def _two_sets(
    x: np.ndarray, y: np.ndarray, *, least: int
) -> tuple[np.ndarray, np.ndarray]:
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1]:
        raise ValueError(
            f"need matrices [N, F] and [M, F] of one width, got {x.shape} and {y.shape}"
        )
    if min(len(x), len(y)) < least:
        raise ValueError(f"need {least} rows or more, got {len(x)} and {len(y)}")
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise ValueError("features must be finite; leave out failed instances first")
    return x, y
