"""How much farther sets are from held-out things than training things are.

A distance of finite sets is never 0, and its value alone says little. Its excess over
the floor, the distance of as many training things, does; and bootstrap draws, the same
for all sets, say whether one set is nearer than another.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from wsjax.metrics.generation import frechet

__all__ = ["Interval", "draws", "interval"]

_FLOOR = "floor"


class Interval(NamedTuple):
    """A mean over bootstrap draws and the bounds of its 95 % percentile interval."""

    mean: float
    low: float
    high: float


def draws(
    heldout: np.ndarray,
    train: np.ndarray,
    sets: Mapping[str, np.ndarray],
    *,
    distance: Callable[[np.ndarray, np.ndarray], float] = frechet,
    repeats: int = 100,
    seed: int = 0,
) -> dict[str, np.ndarray]:
    """Bootstrap draws of the excess of each set's distance to held-out things.

    A draw takes the held-out things and as many things of the training part as of each
    set at random, with replacement. What more of the real things would have, the
    distance of the training things, is subtracted: 0 means as good as these.

    Args:
      heldout: `[H, F]` features of held-out things, the reference.
      train: `[T, F]` features of training things, the floor.
      sets: `[M, F]` features of things of each set, by its name.
      distance: `distance(x, y) -> float` of two sets of rows.
      repeats: number of draws.
      seed: of the draws.

    Returns:
      `[repeats]` excesses by name, in units of the distance. Draw i of all sets has the
      same held-out and training things, so that differences may be taken.

    Raises:
      ValueError: if a set has fewer than 2 rows, or as `distance`.
    """
    rows = {_FLOOR: train, **{f"set {name}": x for name, x in sets.items()}}
    rows = {name: np.asarray(x) for name, x in rows.items()}
    count = min(map(len, rows.values()))
    if min(count, len(heldout)) < 2:
        raise ValueError(
            f"every set needs 2 rows or more, found {count} and {len(heldout)} held out"
        )
    generator = np.random.default_rng(seed)
    found: dict[str, list[float]] = {name: [] for name in rows}
    for _ in range(repeats):
        reference = heldout[generator.integers(0, len(heldout), len(heldout))]
        for name, x in rows.items():
            drawn = x[generator.integers(0, len(x), count)]
            found[name].append(distance(drawn, reference))
    floor = np.array(found.pop(_FLOOR))
    return {name.removeprefix("set "): x - floor for name, x in found.items()}


def interval(values: np.ndarray) -> Interval:
    """Mean and percentile interval of bootstrap draws `[repeats]`."""
    low, high = np.quantile(values, (0.025, 0.975))
    return Interval(float(np.mean(values)), float(low), float(high))
