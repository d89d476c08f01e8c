"""Rows about one centre and in one unit, so that no number is lost in arithmetic."""

from collections.abc import Callable, Mapping

import numpy as np

from experiments.judging.rows import Rows

__all__ = ["common"]

_MOST = 1e12  # Times as far out as any training row; beyond that, sums overflow.


def common(
    sets: Mapping[str, Rows], paths: Mapping[str, str]
) -> tuple[dict[str, Rows], Callable[[np.ndarray], np.ndarray]]:
    """Moves rows to the mean of the training rows and divides them by their reach.

    Neither changes which row is nearest, nor a ratio of distances. Pictures and shapes
    have units of their own and stay as they are.

    Args:
      sets: "train", "real", "samples" and perhaps "validation", of one shape.
      paths: where each was read.

    Returns:
      The sets in float32, and a function that gives rows `[n, F]` back in the units and
      the type of the training rows.

    Raises:
      ValueError: if a row lies too far out to compute with.
    """
    train = sets["train"].things
    if train.ndim != 2:
        return dict(sets), lambda things: things
    wide = train.astype(np.float64)
    mean = np.mean(wide / 2, axis=0) * 2  # Halves: a sum of large numbers overflows.
    reach = float(np.abs(wide - mean).max()) or 1.0
    moved = {}
    for name, own in sets.items():
        things = (own.things.astype(np.float64) - mean) / reach
        far = ~(np.abs(things) < _MOST).all(axis=1)
        if far.any():
            raise ValueError(
                f"--{name}={paths[name]}: row {own.names[int(far.argmax())]} lies more "
                f"than {_MOST:g} times as far out as any in --train; mend or remove it"
            )
        moved[name] = own._replace(things=things.astype(np.float32))

    def restored(things: np.ndarray) -> np.ndarray:
        return (things.astype(np.float64) * reach + mean).astype(train.dtype)

    return moved, restored
