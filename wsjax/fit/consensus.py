"""The consensus start: the mean of some fits, from which all others begin."""

from collections.abc import Callable

import jax
import numpy as np
from chex import ArrayTree

from wsjax import tree
from wsjax.fit.instance import finite
from wsjax.types import Params


class Diverged(ValueError):
    """Not one fit of a round stayed finite."""


def consensus(
    fit_many: Callable[..., tuple[ArrayTree, jax.Array]],
    base: Params,
    start: ArrayTree,
    *stacked: ArrayTree,
    rounds: int,
) -> ArrayTree:
    """Fits a few instances, takes their mean, and repeats from there.

    Everyone who starts at the consensus has a shorter way to go and arrives in the same
    region of weight space: fits get faster and the weights easier to model.

    Args:
      fit_many: a lifted `make_fit`, called as `fit_many((base, start), *stacked)`; the
        first part of its result are the weights `[n, ...]`.
      base: params of the frozen field.
      start: the adapter of the first round.
      *stacked: keys and signals of the instances that take part.
      rounds: repetitions; 0 returns `start`.

    Raises:
      Diverged: if every fit of a round diverged.
    """
    for number in range(rounds):
        weights = fit_many((base, start), *stacked)[0]
        good = np.asarray(jax.vmap(finite)(weights))
        if not good.any():
            raise Diverged(
                f"all {len(good)} fits of consensus round {number} diverged; lower the "
                "learning rate"
            )
        start = jax.tree.map(lambda x: np.mean(x, axis=0), tree.row(weights, good))
    return start
