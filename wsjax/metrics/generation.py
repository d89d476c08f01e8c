"""How near a set of generated things is to a set of real ones, in a feature space.

Sets are matrices with one row per thing; the order of rows never matters. Lower is
nearer, but for precision and recall. No figure means anything without its floor: see
`wsjax.metrics.equal_count`. Measures of all pairs go through them in blocks, so that
memory grows with the sets and not with their product.
"""

from collections.abc import Callable, Iterator

import numpy as np
from sklearn.metrics.pairwise import euclidean_distances
from sklearn.neighbors import NearestNeighbors
from sklearn.utils import gen_batches

__all__ = [
    "frechet",
    "frechet_to",
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

    |mean_x - mean_y|^2 + tr(C_x + C_y - 2 (C_x^1/2 C_y C_x^1/2)^1/2).

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
    return frechet_to(y)(x)


def frechet_to(y: np.ndarray) -> Callable[[np.ndarray], float]:
    """Prepares `frechet` to one set that several are compared with.

    With C_y = B' B the trace of the root is the sum of the roots of the eigenvalues of
    B C_x B', so that B serves every x. Eigenvalues that rounding made negative count as
    0. With fewer rows than features B and x are the centred sets themselves, and the
    matrix of their products is the smaller one.

    Args:
      y: `[M, F]` finite features, M at least 2.

    Returns:
      `distance(x [N, F]) -> float`, with errors as `frechet`.
    """
    centre, rows = _centred(y := np.asarray(y, np.float64))
    spread, factor = np.vdot(rows, rows), _factor(rows)

    def distance(x: np.ndarray) -> float:
        x, _ = _two_sets(x, y, least=2)
        mean, rows = _centred(x)
        apart = np.square(mean - centre).sum() + np.vdot(rows, rows) + spread
        roots = np.sqrt(np.linalg.eigvalsh(_overlap(rows, factor)).clip(0))
        return float(max(apart - 2 * roots.sum(), 0.0))

    return distance


def _centred(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mean of the rows, and rows X about it with X' X their covariance."""
    mean = x.mean(axis=0)
    rows = x - mean
    rows /= np.sqrt(len(x) - 1)  # In place: new memory costs more than the division.
    return mean, rows


def _factor(rows: np.ndarray) -> np.ndarray:
    """The smaller of `rows` and a square matrix B with B' B = rows' rows."""
    if len(rows) <= rows.shape[1]:
        return rows
    values, vectors = np.linalg.eigh(rows.T @ rows)
    return (vectors * np.sqrt(values.clip(0))).T


def _overlap(rows: np.ndarray, factor: np.ndarray) -> np.ndarray:
    """A symmetric matrix with the eigenvalues of B rows' rows B', B the factor."""
    if len(rows) >= rows.shape[1]:
        return factor @ (rows.T @ rows) @ factor.T
    products = rows @ factor.T
    small = len(products) <= products.shape[1]
    return products @ products.T if small else products.T @ products


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
    return _unbiased_mmd(x, y, _gaussian)


def mmd_polynomial(x: np.ndarray, y: np.ndarray) -> float:
    """Squared MMD of unit-length features under the kernel (x . y + 1)^3.

    Unbiased, with arguments, result and errors as `mmd_gaussian`.
    """
    return _unbiased_mmd(x, y, _cubic)


def _gaussian(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """exp(-|x - y|^2 / 2) of all pairs of rows."""
    powers = x @ y.T  # In place from here on: new memory is slow.
    powers -= np.square(x).sum(axis=1)[:, None] / 2
    powers -= np.square(y).sum(axis=1)[None] / 2
    return np.exp(powers, out=powers)


def _cubic(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(x . y + 1)^3 of all pairs of rows; `**` would take three times as long."""
    sums = x @ y.T
    sums += 1
    return np.multiply(np.square(sums), sums, out=sums)


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
    # The search expands |x - y|^2 and leaves rounding where the distance is 0.
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
        for distances in _distances(y, y)
    ]
    reach = np.concatenate(radii)
    inside = [(near <= reach).any(axis=1) for near in _distances(x, y)]
    return float(np.mean(np.concatenate(inside)))


def recall(x: np.ndarray, y: np.ndarray, *, k: int = 3) -> float:
    """Share of the rows of `y`, real, on the manifold of `x`: `precision(y, x)`."""
    return precision(y, x, k=k)


def _unbiased_mmd(x: np.ndarray, y: np.ndarray, kernel: _Pairwise) -> float:
    x, y = (_scaled(z) for z in _two_sets(x, y, least=2))
    n, m = len(x), len(y)
    across = sum(kernel(x[some], y).sum() for some in _parts(n, m)) / (n * m)
    return float(_mean_of_pairs(kernel, x) + _mean_of_pairs(kernel, y) - 2 * across)


def _scaled(x: np.ndarray) -> np.ndarray:
    """The rows scaled to length 1; rows of zeros stay."""
    length = np.linalg.norm(x, axis=1, keepdims=True)
    return x / np.where(length > 0, length, 1.0)


def _mean_of_pairs(kernel: _Pairwise, x: np.ndarray) -> float:
    """Mean over the pairs of different rows: the diagonal would be the bias."""
    total, n = 0.0, len(x)
    for some in _parts(n, n):
        own, later = kernel(x[some], x[some]), kernel(x[some], x[some.stop :])
        total += own.sum() - np.trace(own) + 2 * later.sum()  # Each pair once.
    return total / (n * (n - 1))


def _parts(n: int, m: int) -> Iterator[slice]:
    """Slices of n rows, of few enough that their pairs with m others are in cache."""
    return gen_batches(n, max(1, min(64, _BLOCK // m)))


def _distances(x: np.ndarray, y: np.ndarray) -> Iterator[np.ndarray]:
    """Distances `[N, M]` of all pairs in blocks of whole rows, one after the other."""
    rows = max(1, _BLOCK // len(y))
    if rows >= len(x):  # The arrays themselves: scikit-learn knows a set from a copy.
        yield euclidean_distances(x, y)
        return
    for some in gen_batches(len(x), rows):
        yield euclidean_distances(x[some], y)


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
