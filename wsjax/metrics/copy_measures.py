"""Where rows lie about a training set, and whether nearer than held-out ones do.

Held-out things are of the right distribution and copied from nothing: what lies as they
do is no copy. Rows may be features, flattened pictures or weights.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from sklearn.cluster import KMeans
from sklearn.neighbors import NearestNeighbors

__all__ = ["Neighbours", "Shift", "different", "neighbours", "shift", "z_score"]


class Neighbours(NamedTuple):
    """Where n rows lie about a training set.

    `distance` `[n]`: Euclidean, to the nearest training row, exactly 0 of a copy;
    `ratio` `[n]`: that over the distance to the second nearest, in [0, 1], small next
    to one row alone, whatever the scale (Yoon et al. 2023); `place` `[n]`: index of the
    nearest; `authentic` `[n]`: whether it is farther away than from its own nearest
    training row, so that the row is no noisy copy (Alaa et al. 2022, section 3);
    `cell` `[n]`: which part of the training set the row falls into.
    """

    distance: np.ndarray
    ratio: np.ndarray
    place: np.ndarray
    authentic: np.ndarray
    cell: np.ndarray


def different(rows: np.ndarray) -> np.ndarray:
    """Where each different row of `[n, ...]` is for the first time, rising indices."""
    first = {row.tobytes(): i for i, row in reversed(list(enumerate(rows)))}
    return np.array(sorted(first.values()), int)


def neighbours(
    train: np.ndarray, *, cells: int = 10, seed: int = 0
) -> Callable[[np.ndarray], Neighbours]:
    """Prepares the search for the two nearest training rows of any rows.

    A training row that is there twice counts once: the ratio would hide its copies.

    Args:
      train: `[T, F]`, at least 2 different rows.
      cells: most parts of the training set, found by k-means; fewer of fewer rows.
      seed: of k-means.

    Returns:
      `find(rows [n, F]) -> Neighbours`, which raises a ValueError if the width differs
      or a value is not finite.

    Raises:
      ValueError: if there are too few training rows, or a value is not finite.
    """
    first = different(train)
    if len(first) < 2:
        raise ValueError(
            f"two different training rows are needed, got {len(first)} in {len(train)}"
        )
    if cells < 1:
        raise ValueError(f"cells={cells}: expected 1 or more")
    train, cells = train[first], min(cells, len(first))
    search = NearestNeighbors(n_neighbors=2).fit(train)
    apart = search.kneighbors(n_neighbors=1)[0][:, 0]
    parts = KMeans(cells, n_init=4, random_state=seed).fit(np.asarray(train, float))

    def find(rows: np.ndarray) -> Neighbours:
        places = search.kneighbors(rows, return_distance=False).T
        # The search expands |x - y|^2, which leaves rounding where the distance is 0.
        both = [np.subtract(rows, train[place], dtype=float) for place in places]
        near, second = np.sort(np.linalg.norm(both, axis=2), axis=0)
        ratio = np.divide(near, second, out=np.ones_like(near), where=second > 0)
        authentic = near > apart[places[0]]
        cell = parts.predict(np.asarray(rows, float))
        return Neighbours(near, ratio, first[places[0]], authentic, cell)

    return find


class Shift(NamedTuple):
    """`ct`: the statistic C_T of Meehan et al. 2020; `z`: C_T over its own standard
    deviation, standard normal where samples are like held-out things.
    """

    ct: float
    z: float


def shift(ours: Neighbours, real: Neighbours, *, least: int = 5) -> Shift:
    """Whether samples lie nearer to the training set, cell by cell.

    In each cell a Mann-Whitney test asks whether samples are nearer to the training set
    than held-out things are; C_T is the mean of its z-scores, weighted by the share of
    held-out things. A mean of the z-scores of many cells is far smaller than each: it
    is `z` that can be held against a normal distribution. Where no cell has rows
    enough, all rows are one cell.

    Args:
      ours: where the samples lie.
      real: where held-out things lie about the same training set.
      least: fewest held-out rows, and fewest samples, of a cell that counts.

    Returns:
      Both are about 0 for samples like held-out things, below for copies, above for
      samples that are too far away.
    """
    every = [
        [x.distance[x.cell == cell] for x in (ours, real)]
        for cell in np.unique(real.cell)
    ]
    cells = [far for far in every if min(map(len, far)) >= least]
    cells = cells or [[ours.distance, real.distance]]
    scores = [z_score(*far) for far in cells]
    weights = np.array([len(far[1]) for far in cells], float)
    weights /= weights.sum()
    mean = float(np.dot(scores, weights))
    return Shift(mean, mean / float(np.linalg.norm(weights)))


def z_score(ours: np.ndarray, real: np.ndarray) -> float:
    """The z-score of the Mann-Whitney test of two samples of a number.

    Args:
      ours: `[n]`.
      real: `[m]`.

    Returns:
      Positive if `ours` are larger; about standard normal if both are alike.
    """
    n, m, ordered = len(ours), len(real), np.sort(real)
    # Pairs in which `ours` is larger; of equal ones, half.
    larger = sum(np.searchsorted(ordered, ours, s).sum() for s in ("left", "right")) / 2
    return float((larger - n * m / 2) / np.sqrt(n * m * (n + m + 1) / 12))
