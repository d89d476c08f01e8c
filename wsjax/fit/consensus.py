"""The consensus start: the mean of a few fits, where all fits then begin."""

from collections.abc import Callable

import jax
import numpy as np
from chex import ArrayTree

from wsjax import tree
from wsjax.fit.instance import finite
from wsjax.types import Params

__all__ = ["Diverged", "consensus"]


class Diverged(ValueError):
    """No fit of a round, or not one training, stayed finite."""


def consensus(
    fit_many: Callable[..., tuple[ArrayTree, jax.Array]],
    base: Params,
    start: ArrayTree,
    *stacked: ArrayTree,
    rounds: int,
) -> ArrayTree:
    """Fits a few instances, takes the mean of their weights, and repeats from there.

    Fits that start at the consensus have a shorter way to go and end in the same region
    of weight space: they are faster, and their weights are easier to model.

    Args:
      fit_many: a lifted `make_fit`, called as `fit_many((base, start), *stacked)`; its
        first result are the weights `[n, ...]`.
      base: params of the frozen field.
      start: the adapter where the first round starts.
      *stacked: keys and signals of the n instances.
      rounds: how often to fit and average; 0 returns `start`.

    Raises:
      Diverged: if every fit of a round diverged.
    """
    for number in range(rounds):
        weights = fit_many((base, start), *stacked)[0]
        good = jax.vmap(finite)(weights)
        if not good.any():
            raise Diverged(
                f"all {len(good)} fits of consensus round {number} diverged; lower the "
                "learning rate"
            )
        start = jax.tree.map(lambda x: np.mean(x, axis=0), tree.row(weights, good))
    return start
