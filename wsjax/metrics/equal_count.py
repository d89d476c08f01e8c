"""Distances between sets of one size, beside what real things reach.

Distances of finite sets shrink as the sets grow, so they compare at equal count only.
"""

import collections
from collections.abc import Callable

import numpy as np

__all__ = ["LEAST", "against_heldout", "at_equal_count"]

LEAST = 2
"""Rows that each set needs, and each half of the real ones."""

_Sets = dict[str, np.ndarray]


def at_equal_count(
    distance: Callable[[np.ndarray, np.ndarray], float],
    real: np.ndarray,
    samples: np.ndarray,
    *,
    rebuilt: np.ndarray | None = None,
    floors: bool = True,
    repeats: int = 8,
    seed: int = 0,
) -> dict[str, float]:
    """A distance beside its floor and its ceiling, all between sets of one size.

    Each repeat splits `real` at random into two halves. The floor is the distance
    between the halves, the value the distance of as many random samples to the first
    half, and the ceiling that of the second half's reconstructions to the first half: a
    generator that draws from the reconstructions can do no better.

    Args:
      distance: `distance(x, y) -> float` of two sets.
      real: `[N, F]` real things.
      samples: `[M, F]` generated ones; if M < N // 2, the halves have M rows each.
      rebuilt: `[N, F]` reconstructions of the rows of `real`; None: no ceiling.
      floors: False leaves floor and ceiling out; the value stays the same.
      repeats: number of random splits that are averaged.
      seed: of the splits.

    Returns:
      `{"value": ..., "floor": ..., "ceiling": ...}`; value and floor are equal on
      average if the samples are as good as more real things.

    Raises:
      ValueError: if a half or `samples` has fewer than `LEAST` rows, or if `repeats` is
        not positive.
    """
    real, samples = np.asarray(real), np.asarray(samples)
    count = _equal_count(len(real) // 2, len(samples))
    generator = np.random.default_rng(seed)

    def draw() -> _Sets:
        shuffled = generator.permutation(len(real))
        others = shuffled[count : 2 * count]
        drawn = samples[generator.permutation(len(samples))[:count]]
        sets = {"reference": real[shuffled[:count]], "value": drawn}
        if not floors:
            return sets
        sets["floor"] = real[others]
        return sets if rebuilt is None else sets | {"ceiling": rebuilt[others]}

    return _averaged(distance, draw, repeats)


def against_heldout(
    distance: Callable[[np.ndarray, np.ndarray], float],
    heldout: np.ndarray,
    samples: np.ndarray,
    train: np.ndarray,
    *,
    rebuilt: np.ndarray | None = None,
    floors: bool = True,
    repeats: int = 8,
    seed: int = 0,
) -> dict[str, float]:
    """A distance to held-out things alone, beside its floor and its ceiling.

    The floor is the distance of as many training things to the held-out ones, so that
    copies of training things cannot fall below it; the ceiling is the distance of the
    reconstructions of those training things. Every repeat draws sets of one size at
    random.

    Args:
      distance: `distance(x, y) -> float` of two sets.
      heldout: `[H, F]` things that no generator was trained on: the reference.
      samples: `[M, F]` generated things.
      train: `[N, F]` things that the generator was trained on.
      rebuilt: `[N, F]` reconstructions of the rows of `train`; None: no ceiling.
      floors: False leaves floor and ceiling out; the value stays the same.
      repeats: number of draws that are averaged.
      seed: of the draws.

    Returns:
      `{"value": ..., "floor": ..., "ceiling": ...}`.

    Raises:
      ValueError: as `at_equal_count`.
    """
    heldout, samples, train = map(np.asarray, (heldout, samples, train))
    count = _equal_count(len(heldout), len(samples), len(train))
    generator = np.random.default_rng(seed)

    def draw() -> _Sets:
        reference, drawn, others = (
            generator.permutation(len(rows))[:count]
            for rows in (heldout, samples, train)
        )
        sets = {"reference": heldout[reference], "value": samples[drawn]}
        if not floors:
            return sets
        sets["floor"] = train[others]
        return sets if rebuilt is None else sets | {"ceiling": rebuilt[others]}

    return _averaged(distance, draw, repeats)


def _averaged(
    distance: Callable[[np.ndarray, np.ndarray], float],
    draw: Callable[[], _Sets],
    repeats: int,
) -> dict[str, float]:
    """Mean distance of each set of a draw to the set "reference" of that draw."""
    if repeats < 1:
        raise ValueError(f"repeats must be at least 1, got {repeats}")
    measured = collections.defaultdict(list)
    for _ in range(repeats):
        sets = draw()
        reference = sets.pop("reference")
        for name, rows in sets.items():
            measured[name].append(distance(rows, reference))
    return {name: float(np.mean(values)) for name, values in measured.items()}


def _equal_count(*counts: int) -> int:
    if min(counts) < LEAST:
        raise ValueError(
            f"need {LEAST} rows or more in every set, and real ones in each half, got "
            f"{', '.join(map(str, counts))}"
        )
    return min(counts)
