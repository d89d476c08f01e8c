"""Samples of a generator as the judge looks at them, once for all figures."""

from typing import NamedTuple

import numpy as np
from chex import ArrayTree

from experiments.judging.judge import Judge
from wsjax import tree
from wsjax.metrics import excess

__all__ = ["Made", "made", "of_values"]


class Made(NamedTuple):
    """`n` samples of a generator, of which m have finite weights and values.

    Of these m: `adapters`, stacked; `values` `[m, *size, C]` on the grid; `vectors`
    `[m, M]`, encoded weights; `labels` `[m]`, the class that each was asked for, -1 for
    none; `seen`: features `[m, F]` by space.
    """

    n: int
    adapters: ArrayTree
    values: np.ndarray
    vectors: np.ndarray
    labels: np.ndarray
    seen: dict[str, np.ndarray]


def made(
    judge: Judge,
    n: int,
    adapters: ArrayTree,
    values: np.ndarray,
    vectors: np.ndarray,
    labels: np.ndarray,
) -> Made:
    """Looks at samples, of which `values` and the fields after it may be not finite.

    Raises:
      ValueError: if fewer than 4 samples have finite values.
    """
    fine = np.flatnonzero(np.isfinite(values).all(axis=tuple(range(1, values.ndim))))
    if len(fine) < excess.LEAST:
        raise ValueError(
            f"{len(fine)} of {n} samples are finite, but "
            f"{excess.LEAST} or more are needed; draw more by sample.n, "
            "or train the generator anew, in a new --workdir"
        )
    adapters, values = tree.row(adapters, fine), values[fine]
    seen = {name: space(values) for name, space in judge.features.items()}
    return Made(n, adapters, values, vectors[fine], labels[fine], seen)


def of_values(judge: Judge, values: np.ndarray) -> Made:
    """Looks at values `[n, *size, C]` alone, which is all that the audit does.

    Raises:
      ValueError: as `made`.
    """
    none = np.full(len(values), -1)
    return made(judge, len(values), none, values, none, none)
