"""How near a set of generated things is to a set of real ones, in a feature space.

Sets are matrices with one row per thing; the order of rows never matters. Lower is
nearer. No distance means anything without its floor: see `at_equal_count`.
"""

from collections.abc import Callable

import numpy as np
from sklearn.metrics.pairwise import polynomial_kernel, rbf_kernel
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import normalize


def frechet(x: np.ndarray, y: np.ndarray) -> float:
    """Squared Fréchet distance of the Gaussians fitted to two sets; Heusel et al. 2017.

    |mean_x - mean_y|^2 + tr(C_x + C_y - 2 (C_x^1/2 C_y C_x^1/2)^1/2). The matrix under
    the root is symmetric, so its eigenvalues are real; those that rounding made
    negative count as 0, and fewer rows than features do no harm.

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
    cov_x, cov_y = (np.atleast_2d(np.cov(z, rowvar=False)) for z in (x, y))
    values, vectors = np.linalg.eigh(cov_x)
    root = (vectors * np.sqrt(values.clip(0))) @ vectors.T
    inner = root @ cov_y @ root
    overlap = np.sqrt(np.linalg.eigvalsh((inner + inner.T) / 2).clip(0)).sum()
    shift = np.square(x.mean(axis=0) - y.mean(axis=0)).sum()
    return float(max(shift + np.trace(cov_x) + np.trace(cov_y) - 2 * overlap, 0.0))


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


def at_equal_count(
    distance: Callable[[np.ndarray, np.ndarray], float],
    real: np.ndarray,
    samples: np.ndarray,
    *,
    rebuilt: np.ndarray | None = None,
    repeats: int = 8,
    seed: int = 0,
) -> dict[str, float]:
    """A distance beside its floor and its ceiling, all between sets of one size.

    Distances of finite sets shrink as the sets grow, so they compare at equal count
    only. Each repeat splits `real` at random into two halves: the floor is the distance
    between the halves, the value that of as many random samples to the first half, the
    ceiling that of the second half's reconstructions to the first half: a generator
    that draws from the reconstructions can do no better.

    Args:
      distance: `distance(x, y) -> float` of two sets.
      real: `[N, F]` real things.
      samples: `[M, F]` generated ones; M < N // 2 makes the halves M things each.
      rebuilt: `[N, F]` reconstructions of the rows of `real`; None: no ceiling.
      repeats: number of random splits that are averaged.
      seed: of the splits.

    Returns:
      `{"value": ..., "floor": ..., "ceiling": ...}`; value and floor are equal on
      average if the samples are as good as more real things.

    Raises:
      ValueError: if a half or `samples` has fewer than 2 rows, or `repeats` is not
        positive.
    """
    real, samples = np.asarray(real), np.asarray(samples)
    count = _equal_count(real, samples)
    if repeats < 1:
        raise ValueError(f"repeats must be at least 1, got {repeats}")
    generator = np.random.default_rng(seed)
    found = {"value": [], "floor": [], "ceiling": []}
    for _ in range(repeats):
        shuffled = generator.permutation(len(real))
        first, others = real[shuffled[:count]], shuffled[count : 2 * count]
        drawn = samples[generator.permutation(len(samples))[:count]]
        found["value"].append(distance(drawn, first))
        found["floor"].append(distance(real[others], first))
        if rebuilt is not None:
            found["ceiling"].append(distance(rebuilt[others], first))
    return {name: float(np.mean(values)) for name, values in found.items() if values}


def _equal_count(real: np.ndarray, samples: np.ndarray) -> int:
    count = min(len(real) // 2, len(samples))
    if count < 2:
        raise ValueError(
            "need at least 4 real rows (2 in each half) and 2 samples, "
            f"got {len(real)} and {len(samples)}"
        )
    return count


def _unbiased_mmd(x: np.ndarray, y: np.ndarray, kernel: Callable) -> float:
    x, y = (normalize(z) for z in _two_sets(x, y, least=2))
    across = kernel(x, y).mean()
    return float(
        _mean_of_pairs(kernel(x, x)) + _mean_of_pairs(kernel(y, y)) - 2 * across
    )


def _mean_of_pairs(gram: np.ndarray) -> float:
    """Mean over the pairs of different rows: the diagonal would be the bias."""
    n = len(gram)
    return (gram.sum() - np.trace(gram)) / (n * (n - 1))


def _two_sets(x: np.ndarray, y: np.ndarray, *, least: int):
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
