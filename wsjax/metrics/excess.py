"""How much farther sets are from held-out things than training things are.

A distance of finite sets is never 0, and its value alone says little: it grows as sets
shrink, and it grows more for sets that vary more, which favours samples of too little
diversity. Here it is extrapolated to sets of infinite size (Chong & Forsyth 2020). Its
excess over the floor, the distance of training things, is 0 for more of the same; and
draws, the same for all sets, say whether one set is nearer than another.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from wsjax.metrics.generation import frechet_to

__all__ = ["Draws", "Interval", "LEAST", "draws", "interval"]

LEAST = 4
"""Fewest rows of a set; a draw takes half of them."""


class Interval(NamedTuple):
    """A mean over draws and the bounds of its 95 % percentile interval."""

    mean: float
    low: float
    high: float


class Draws(NamedTuple):
    """Draws of distances to held-out things, in units of the distance.

    `floor` `[repeats]`: of training things; `distance` `[repeats]` by name: of each
    set. Draw i of all is to the same held-out things, so that differences may be taken.
    Distances are extrapolated, so that those near 0 may be negative.
    """

    floor: np.ndarray
    distance: dict[str, np.ndarray]

    def excess(self, name: str) -> np.ndarray:
        """What a set lies farther than training things do: 0 means as good as these."""
        return self.distance[name] - self.floor

    def lead(self, name: str, rival: str) -> np.ndarray:
        """How much farther than a set its rival lies."""
        return self.distance[rival] - self.distance[name]


def draws(
    heldout: np.ndarray,
    train: np.ndarray,
    sets: Mapping[str, np.ndarray],
    *,
    distance_to: Callable[[np.ndarray], Callable[[np.ndarray], float]] = frechet_to,
    repeats: int = 100,
    seed: int = 0,
) -> Draws:
    """Draws the distance of each set to held-out things, and of training things.

    A draw takes a random half of the held-out things, of training things and of each
    set. Distances of halves vary as those of whole sets do under the bootstrap (Politis
    & Romano 1994), but nothing is there twice, which distances take for a lack of
    variety. A bias that is proportional to 1 / count is twice as large for halves as
    for whole sets; with a mean over draws of h and a distance of the whole sets of w,
    2 (w - h) is added to every draw, so that their mean is 2 w - h, which is free of
    it. The rest is small where rows are four times as many as features. An odd count is
    halved to the row below, for which the factor is slightly above 2. Near 0 a distance
    is quadratic in differences of means and covariances, so that halves vary twice as
    much: there intervals are too wide.

    Args:
      heldout: `[H, F]` features of held-out things, the reference.
      train: `[T, F]` features of training things, the floor.
      sets: `[M, F]` features of things of each set, by its name.
      distance_to: `distance_to(reference)(rows) -> float`, of two sets of rows.
      repeats: number of draws.
      seed: of the draws.

    Raises:
      ValueError: if a set has fewer than `LEAST` rows, or as the distance.
    """
    rows = [np.asarray(x, np.float64) for x in (train, *sets.values())]
    heldout = np.asarray(heldout, np.float64)
    least = min(map(len, rows))
    if min(least, len(heldout)) < LEAST:
        raise ValueError(
            f"every set needs {LEAST} rows or more, found {least} and {len(heldout)} "
            "held out"
        )
    generator = np.random.default_rng(seed)

    def half(x: np.ndarray) -> np.ndarray:
        return x[generator.permutation(len(x))[: len(x) // 2]]

    halves = np.empty((repeats, len(rows)))
    for draw in halves:
        distance = distance_to(half(heldout))
        draw[:] = [distance(half(x)) for x in rows]
    whole = distance_to(heldout)
    shift = 2 * (np.array([whole(x) for x in rows]) - halves.mean(axis=0))
    floor, *found = (halves + shift).T
    return Draws(floor, dict(zip(sets, found, strict=True)))


def interval(values: np.ndarray) -> Interval:
    """Mean and percentile interval of draws `[repeats]`."""
    low, high = np.quantile(values, (0.025, 0.975))
    return Interval(float(np.mean(values)), float(low), float(high))
