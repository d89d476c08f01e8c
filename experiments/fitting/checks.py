"""Checks the settings of base training and fits before anything is written."""

from collections.abc import Sequence
from typing import NamedTuple

from experiments.fitting.engine import FitOptions
from experiments.fitting.rehearse import Rehearsal

__all__ = ["BaseOptions", "at_least", "check_base", "check_fit", "check_rehearsal"]


class BaseOptions(NamedTuple):
    """Keys of a recipe's `base` that `check_base` checks.

    `factors`, `batches`, `points` and `steps` have one number per stage of the
    training; `width` is the key `base.field.width`; `n`: number of training instances
    to use, None for all.
    """

    factors: Sequence[int]
    batches: Sequence[int]
    points: Sequence[int]
    steps: Sequence[int]
    chunk: int
    every: int
    width: int
    n: int | None


def check_base(options: BaseOptions) -> None:
    """Checks the options of `train_base`.

    Raises:
      ValueError: if the keys differ in their number of stages, a number is out of
        range, or `chunk` does not divide a batch; the message names the key.
    """
    stages = {key: getattr(options, key) for key in ("factors", "batches", "points")}
    stages["steps"] = options.steps
    for key, values in stages.items():
        if not isinstance(values, Sequence) or isinstance(values, str):
            raise ValueError(
                f"--config.base.{key}={values!r}: expected one number per stage, as in "
                f"({values!r},); give a tuple"
            )
        for value in values:
            at_least(f"base.{key}", value, 0 if key == "points" else 1, whole=values)
    lengths = {key: len(values) for key, values in stages.items()}
    if len(set(lengths.values())) > 1 or not options.steps:
        counts = ", ".join(f"{key} {n}" for key, n in lengths.items())
        raise ValueError(
            f"--config.base.steps={tuple(options.steps)}: expected as many numbers as "
            f"in base.factors, batches and points, at least one; found {counts}; give "
            "one number per stage to each"
        )
    for key, value in (("chunk", options.chunk), ("every", options.every)):
        at_least(f"base.{key}", value, 1)
    at_least("base.field.width", options.width, 1)
    if options.n is not None:
        at_least("base.n", options.n, 1)
    for batch in options.batches:
        _divides("base.chunk", options.chunk, "base.batches", batch)


def check_rehearsal(options: Rehearsal, n: int) -> None:
    """Checks the options of a rehearsal with `n` training instances.

    Raises:
      ValueError: if a number is out of range, `batch` is larger than `n`, or `chunk`
        does not divide `batch`; the message names the key.
    """
    at_least("base.rehearsal.episodes", options.episodes, 0)
    if not options.episodes:
        return
    for key in ("batch", "steps", "points", "chunk", "every"):
        at_least(f"base.rehearsal.{key}", getattr(options, key), 1)
    if options.batch > n:
        raise ValueError(
            f"--config.base.rehearsal.batch={options.batch}: expected at most the {n} "
            f"training instances that there are; give {n} or fewer, or take more data"
        )
    batch = options.batch
    _divides("base.rehearsal.chunk", options.chunk, "base.rehearsal.batch", batch)


def check_fit(options: FitOptions) -> None:
    """Checks the options of `fit`.

    Raises:
      ValueError: if a number is out of range; the message names the key.
    """
    for key in ("steps", "group", "consensus"):
        at_least(f"fit.{key}", getattr(options, key), 1)
    for key in ("points", "chunk", "retries", "rounds", "guess"):
        at_least(f"fit.{key}", getattr(options, key), 0)


def at_least(key: str, value: int, least: int, *, whole=None) -> None:
    """Raises a ValueError unless `value` is an int of at least `least`.

    `whole`: the tuple under the key that `value` is one item of, for the message.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        shown = value if whole is None else tuple(whole)
        raise ValueError(
            f"--config.{key}={shown!r}: expected whole numbers from {least}, found "
            f"{value!r}; give {least} or more"
        )


def _divides(key: str, part: int, of: str, total: int) -> None:
    if total % part:
        fitting = max(k for k in range(1, part + 1) if total % k == 0)
        raise ValueError(
            f"--config.{key}={part}: expected a divisor of {of}, found {total} there; "
            f"give {fitting}"
        )
