"""How much farther sets are from held-out things than training things are.

A distance of finite sets is never 0, and its value alone says little. Its excess over
the floor, the distance of as many training things, does; and bootstrap draws, the same
for all sets, say whether one set is nearer than another.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from wsjax.metrics.generation import frechet_to

__all__ = ["Draws", "Interval", "draws", "interval"]


class Interval(NamedTuple):
    """A mean over bootstrap draws and the bounds of its 95 % percentile interval."""

    mean: float
    low: float
    high: float


class Draws(NamedTuple):
    """Bootstrap draws of distances to held-out things, in units of the distance.

    `floor` `[repeats]`: of training things; `distance` `[repeats]` by name: of each
    set. Draw i of all is to the same held-out things, so that differences may be taken.
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

    A draw takes the held-out things at random, with replacement. Of training things and
    of each set it takes as many, the number that the smallest has: first so many
    different ones, then these with replacement. A distance grows with what repeats, so
    that a larger set must not repeat less.

    Args:
      heldout: `[H, F]` features of held-out things, the reference.
      train: `[T, F]` features of training things, the floor.
      sets: `[M, F]` features of things of each set, by its name.
      distance_to: `distance_to(reference)(rows) -> float`, of two sets of rows.
      repeats: number of draws.
      seed: of the draws.

    Raises:
      ValueError: if a set has fewer than 2 rows, or as the distance.
    """
    rows = [np.asarray(x, np.float64) for x in (train, *sets.values())]
    count = min(map(len, rows))
    if min(count, len(heldout)) < 2:
        raise ValueError(
            f"every set needs 2 rows or more, found {count} and {len(heldout)} held out"
        )
    generator = np.random.default_rng(seed)
    found = np.empty((len(rows), repeats))
    for i in range(repeats):
        some = generator.integers(0, len(heldout), len(heldout))
        distance = distance_to(heldout[some])
        for place, x in enumerate(rows):
            different = generator.permutation(len(x))[:count]
            again = generator.integers(0, count, count)
            found[place, i] = distance(x[different[again]])
    return Draws(found[0], dict(zip(sets, found[1:], strict=True)))


def interval(values: np.ndarray) -> Interval:
    """Mean and percentile interval of bootstrap draws `[repeats]`."""
    low, high = np.quantile(values, (0.025, 0.975))
    return Interval(float(np.mean(values)), float(low), float(high))
