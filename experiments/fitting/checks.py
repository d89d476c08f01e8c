"""Checks that the settings of base training agree before anything is written."""

from collections.abc import Sequence
from typing import NamedTuple

from experiments.fitting.rehearse import Rehearsal

__all__ = ["BaseOptions", "check_base", "check_rehearsal"]


class BaseOptions(NamedTuple):
    """Keys of a recipe's `base` that `check_base` checks.

    `factors`, `batches`, `points` and `steps` have one number per stage of the
    training.
    """

    factors: Sequence[int]
    batches: Sequence[int]
    points: Sequence[int]
    steps: Sequence[int]
    chunk: int


def check_base(options: BaseOptions) -> None:
    """Checks the options of `train_base`.

    Raises:
      ValueError: if the keys differ in their number of stages, or `chunk` does not
        divide a batch; the message names the key.
    """
    stages = {key: getattr(options, key) for key in ("factors", "batches", "points")}
    stages["steps"] = options.steps
    for key, values in stages.items():
        if not isinstance(values, Sequence) or isinstance(values, str):
            raise ValueError(
                f"--config.base.{key}={values!r}: expected one number per stage, as in "
                f"({values!r},); give a tuple"
            )
    lengths = {key: len(values) for key, values in stages.items()}
    if len(set(lengths.values())) > 1 or not options.steps:
        counts = ", ".join(f"{key} {n}" for key, n in lengths.items())
        raise ValueError(
            f"--config.base.steps={tuple(options.steps)}: expected as many numbers as "
            f"in base.factors, batches and points, at least one; found {counts}; give "
            "one number per stage to each"
        )
    for batch in options.batches:
        _divides("base.chunk", options.chunk, "base.batches", batch)


def check_rehearsal(options: Rehearsal, n: int) -> None:
    """Checks the options of a rehearsal with `n` training instances.

    Raises:
      ValueError: if `batch` is larger than `n`, or `chunk` does not divide `batch`; the
        message names the key.
    """
    if not options.episodes:
        return
    if options.batch > n:
        raise ValueError(
            f"--config.base.rehearsal.batch={options.batch}: expected at most the {n} "
            f"training instances that there are; give {n} or fewer, or take more data"
        )
    batch = options.batch
    _divides("base.rehearsal.chunk", options.chunk, "base.rehearsal.batch", batch)


def _divides(key: str, part: int, of: str, total: int) -> None:
    if total % part:
        fitting = max(k for k in range(1, part + 1) if total % k == 0)
        raise ValueError(
            f"--config.{key}={part}: expected a divisor of {of}, found {total} there; "
            f"give {fitting}"
        )
