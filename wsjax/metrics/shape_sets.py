"""How near a set of generated shapes is to a set of real ones, by clouds of points.

Every measure takes matrices of distances, so that one matrix serves several measures.
None of the numbers means anything without its floor: what a set of other real shapes of
the same count gets against the same references.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeAlias

import numpy as np

from wsjax.machine import processors
from wsjax.metrics import shapes

__all__ = [
    "Clouds",
    "Distance",
    "compare",
    "coverage",
    "distances",
    "minimum_matching_distance",
    "one_nn_accuracy",
    "standardise",
]

Clouds: TypeAlias = np.ndarray | Sequence[np.ndarray]
"""Point clouds `[N, P, 3]`, or N clouds `[P_i, 3]`."""

Distance: TypeAlias = Callable[[np.ndarray, np.ndarray], float]
"""`distance(a [P, 3], b [Q, 3]) -> float`, symmetric, 0 between a cloud and itself."""

_TAKE_TREES = (shapes.chamfer_squared, shapes.chamfer_mean)


def distances(
    x: Clouds, y: Clouds, *, distance: Distance = shapes.chamfer_squared
) -> np.ndarray:
    """Distance of each cloud of one set to each of another.

    One thread per processor that this process may use takes row after row, and each
    cloud's search tree is built once; a pair of 2,048 points takes one processor some
    3 ms. If `y` is `x` itself, each pair is measured once.

    Args:
      x: `[N, P, 3]` clouds, or N clouds `[P_i, 3]`.
      y: `[M, P, 3]` clouds, likewise.
      distance: of two clouds.

    Returns:
      `[N, M]`, float64, in units of `distance`.

    Raises:
      ValueError: if a set is empty or not of three axes; else as `distance`.
    """
    within = y is x
    rows = _prepared(x, distance)
    columns = rows if within else _prepared(y, distance)

    def one_row(i: int) -> list[float]:
        others = columns[i + 1 :] if within else columns
        return [distance(rows[i], other) for other in others]

    with ThreadPoolExecutor(processors()) as pool:
        measured = list(pool.map(one_row, range(len(rows))))
    if not within:
        return np.array(measured, np.float64)
    matrix = np.zeros((len(rows), len(rows)))
    matrix[np.triu_indices(len(rows), 1)] = np.concatenate(measured)
    return matrix + matrix.T


def standardise(cloud: np.ndarray) -> np.ndarray:
    """One cloud moved to mean 0 and scaled, as HyperDiffusion does before measuring.

    (cloud - mean over its points) / standard deviation of all its coordinates, so that
    neither place nor size counts. The deviation is that of the 3 P numbers as they
    stand, before the move, with 3 P - 1 in the denominator: their code's, exactly.

    Args:
      cloud: `[P, 3]` points.

    Returns:
      `[P, 3]`, float64.

    Raises:
      ValueError: as `shapes.tree`, or if all coordinates are equal.
    """
    points = np.asarray(shapes.tree(cloud).data)
    if not np.ptp(points):
        raise ValueError("a cloud whose coordinates are all equal has no size")
    return (points - points.mean(axis=0)) / points.std(ddof=1)


def minimum_matching_distance(d: np.ndarray) -> float:
    """MMD: mean over references of the distance to the nearest sample; lower is better.

    Achlioptas et al. 2018, section 4. Samples that are near no reference cost nothing.

    Args:
      d: `[S, R]` distances of samples to references.

    Raises:
      ValueError: if the matrix is empty or not finite.
    """
    return float(_matrix(d).min(axis=0).mean())


def coverage(d: np.ndarray) -> float:
    """COV: share of the references that are nearest to some sample; higher is better.

    Achlioptas et al. 2018, section 4. At most S / R. A sample that is as near to
    several references counts for the first of them.

    Args:
      d: `[S, R]` distances of samples to references.

    Raises:
      ValueError: if the matrix is empty or not finite.
    """
    d = _matrix(d)
    return len(np.unique(d.argmin(axis=1))) / d.shape[1]


def one_nn_accuracy(
    within_x: np.ndarray, between: np.ndarray, within_y: np.ndarray
) -> float:
    """1-NNA: how often the nearest other cloud of the union is of the same set.

    Leave-one-out accuracy of a nearest-neighbour classifier that tells the two sets
    apart; Lopez-Paz and Oquab 2017, Yang et al. 2019. 1/2 is ideal: 1 says that the
    sets lie apart, less than 1/2 that one was copied from the other. A cloud that is as
    near to both sets counts one half, so the order of the sets does not matter.

    Args:
      within_x: `[N, N]` distances inside the first set; the diagonal is not read.
      between: `[N, M]` distances of the first set to the second.
      within_y: `[M, M]` distances inside the second.

    Returns:
      A share from 0 to 1 of the N + M clouds.

    Raises:
      ValueError: if the shapes do not fit, a set has fewer than 2 clouds, or a distance
        is not finite.
    """
    between = _matrix(between)
    n, m = between.shape
    if np.shape(within_x) != (n, n) or np.shape(within_y) != (m, m) or min(n, m) < 2:
        raise ValueError(
            "need [N, N], [N, M] and [M, M] with N and M at least 2, got "
            f"{np.shape(within_x)}, {between.shape} and {np.shape(within_y)}"
        )
    right = [
        _share_of_own(within_x, between.min(axis=1)),
        _share_of_own(within_y, between.min(axis=0)),
    ]
    return float(np.concatenate(right).mean())


def compare(
    samples: Clouds,
    references: Clouds,
    *,
    distance: Distance = shapes.chamfer_squared,
    name: str = "cd",
    within_references: np.ndarray | None = None,
) -> dict[str, float]:
    """MMD, COV and 1-NNA of samples against references, at equal count.

    The protocol of HyperDiffusion (Erkoç et al. 2023): make somewhat more samples than
    there are references, leave the failed ones out; the first R are measured.

    Args:
      samples: `[S, P, 3]` generated clouds, S at least R.
      references: `[R, P, 3]` real clouds, R at least 2.
      distance: as in `distances`.
      name: of the distance, ends the names of the numbers.
      within_references: `[R, R]`, `distances(references, references)`, if there are
        several sets of samples to compare.

    Returns:
      `{"mmd_cd": ..., "cov_cd": ..., "one_nna_cd": ...}`; MMD in units of the distance,
      the others as shares.

    Raises:
      ValueError: if there are fewer samples than references, or as the parts do.
    """
    count = len(references)
    if len(samples) < count:
        raise ValueError(
            f"got {len(samples)} samples for {count} references; the numbers compare "
            "at equal count only: make more samples or give fewer references"
        )
    samples = samples[:count]
    if within_references is None:
        within_references = distances(references, references, distance=distance)
    within = distances(samples, samples, distance=distance)
    between = distances(samples, references, distance=distance)
    return {
        f"mmd_{name}": minimum_matching_distance(between),
        f"cov_{name}": coverage(between),
        f"one_nna_{name}": one_nn_accuracy(within, between, within_references),
    }


def _prepared(clouds: Clouds, distance: Distance) -> list:
    if not len(clouds):
        raise ValueError("need one cloud or more, got an empty set")
    trees = [shapes.tree(cloud) for cloud in clouds]
    return trees if distance in _TAKE_TREES else [tree.data for tree in trees]


def _share_of_own(within: np.ndarray, to_others: np.ndarray) -> np.ndarray:
    """`[N]` 1 where a cloud's nearest is of its own set, 1/2 where both are as near."""
    own = _matrix(within).copy()
    np.fill_diagonal(own, np.inf)
    to_own = own.min(axis=1)
    return np.where(to_own == to_others, 0.5, to_own < to_others)


def _matrix(d: np.ndarray) -> np.ndarray:
    d = np.asarray(d, np.float64)
    if d.ndim != 2 or not d.size:
        raise ValueError(f"need a matrix of distances, got {d.shape}")
    if not np.isfinite(d).all():
        raise ValueError("distances must be finite; leave out failed shapes first")
    return d
