"""What a training of the base reads: all of its instances, or those of its steps."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments.domain.data import Data
from experiments.fitting import budget
from wsjax.fit import autodecoder

__all__ = ["Lesson", "advanced", "lesson", "seconds_per_step"]

Values = tuple[jax.Array, jax.Array]  # Coordinates and values, see `Domain.train_on`.


class Lesson(NamedTuple):
    """Training instances at one resolution.

    `n`: how many; `whole`: coordinates and values of all, None where these are more
    than `Data.most_bytes`; `read`: `(chosen [b]) -> (coords, values)` of those with
    these numbers, below n; `most`: instances that are to be read at once.
    """

    n: int
    whole: Values | None
    read: Callable[[jax.Array], Values]
    most: int


def lesson(data: Data, rows: np.ndarray, factor: int) -> Lesson:
    """Reads training instances, or prepares to read a few at a time.

    Args:
      data: the data set.
      rows: `[n]` training instances.
      factor: pictures are downsampled by it.
    """
    first = data.domain.train_on(rows[:1], factor)
    one = sum(x.nbytes for x in first if x.ndim == 3)
    most = max(1, data.most_bytes // one)
    if most < len(rows):
        return Lesson(
            len(rows),
            None,
            lambda chosen: data.domain.train_on(rows[np.asarray(chosen)], factor),
            most,
        )
    places, values = whole = data.domain.train_on(rows, factor)

    def read(chosen: jax.Array) -> Values:
        return places if places.ndim == 2 else places[chosen], values[chosen]

    return Lesson(len(rows), whole, read, most)


def advanced(
    advance: Callable,
    key: jax.Array,
    state: autodecoder.State,
    lesson: Lesson,
    *,
    batch: int,
    points: int,
    steps: int,
) -> tuple[autodecoder.State, jax.Array]:
    """Takes `steps` steps of the autodecoder; returns the state and losses `[steps]`.

    Where the lesson does not fit memory, the steps are taken a few at a time, after the
    instances that they draw were read; the result is the same.

    Args:
      advance: of `wsjax.fit.autodecoder.make_advance`.
      key: of `advance`.
      state: before the steps; it is donated.
      lesson: what is learnt from.
      batch: instances per step.
      points: random points per instance and step, 0 for all.
      steps: how many.
    """
    settings = {"batch": batch, "points": points or None}
    if lesson.whole is not None:
        return advance(key, state, *lesson.whole, steps=steps, **settings)
    losses = []
    for count in _parts(steps, max(1, lesson.most // batch)):
        sizes = {"batch": batch, "steps": count}
        chosen = autodecoder.drawn(key, state.step, n=lesson.n, **sizes)
        read = lesson.read(chosen.reshape(-1))
        ahead = [
            x if x.ndim == 2 else x.reshape(count, batch, *x.shape[1:]) for x in read
        ]
        state, part = advance(key, state, *ahead, steps=count, **settings)
        losses.append(part)
    return state, jnp.concatenate(losses)


def seconds_per_step(
    advance: Callable,
    key: jax.Array,
    state: autodecoder.State,
    lesson: Lesson,
    *,
    batch: int,
    points: int,
    total: float,
) -> tuple[autodecoder.State, tuple[float, float]]:
    """Measures what a step of `advanced` costs by taking some.

    The other arguments are those of `advanced`; `total` is the budget in seconds.

    Returns:
      A state, after these steps; seconds per step, and of all steps that were taken.
    """

    def taken() -> jax.Array:
        nonlocal state
        sizes = {"batch": batch, "points": points, "steps": budget.TRIED}
        state, losses = advanced(advance, key, state, lesson, **sizes)
        return losses

    each, spent = budget.seconds_of(taken, total)
    return state, (each / budget.TRIED, spent)


def _parts(steps: int, most: int) -> list[int]:
    """Cuts steps into parts of at most `most`, of two sizes: each is compiled anew."""
    return [len(part) for part in np.array_split(np.arange(steps), -(-steps // most))]
