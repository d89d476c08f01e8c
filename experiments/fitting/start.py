"""Computes the common start of all fits from a few fits of training instances."""

import pathlib
from collections.abc import Callable

import jax
import numpy as np
from chex import ArrayTree

from experiments.domain.data import Data
from experiments.domain.representation import Representation, entries
from experiments.domain.representation import start as read_start
from experiments.fitting.engine import FitOptions, fit_rows
from experiments.running.keys import keys
from wsjax import store, tree
from wsjax.fit import guess
from wsjax.fit.consensus import consensus
from wsjax.types import Params

_COMPONENTS = 256  # Most principal components of the values in a guess.


def common_start(
    options: FitOptions,
    form: Representation,
    data: Data,
    many: Callable | None,
    rows: np.ndarray,
) -> tuple[Params, ArrayTree, ArrayTree]:
    """Computes the consensus start, and the guess that predicts a start per instance.

    Args:
      options: `consensus`, `rounds`, `guess` and the options of `fit_rows` are used.
      form: the representation.
      data: the data set.
      many: result of `lifted`; may be None if nothing is to be fitted (`rounds` and
        `guess` 0).
      rows: training instances. The first `consensus` give the start, the first `guess`
        the guess.

    Returns:
      `(base, start, guess)`: the base of `form`, an adapter, and the guess for
      `wsjax.fit.guess.guessed`. With too few good fits, the guess is the start. Both
      are the initial adapter where the adapter solves each instance by itself.

    Raises:
      Diverged: if all fits of a round of the consensus diverge.
    """
    few = data.domain.read(rows[: options.consensus])
    size = few["values"][0].size
    start = form.adapter.init(keys(options.seed)["start"], form.base)
    encode = jax.jit(entries(form, start).encode)
    if form.adapter.solve is not None:
        own = guess.constant(encode(start), size=size, components=0)
        return form.base, start, own

    def from_start(pair, *stacked):
        base, start = pair
        own = guess.constant(encode(start), size=size, components=_wide(options))
        return many((base, start, own), *stacked)

    ones = np.ones(len(few["values"]), np.float32)
    start = consensus(from_start, form.base, start, few, ones, rounds=options.rounds)
    own = guess.constant(encode(start), size=size, components=_wide(options))
    rows = rows[: options.guess]
    if len(rows) >= guess.FEWEST:
        stacked = data.domain.read(rows)
        fits = fit_rows(many, (form.base, start, own), stacked, options)
        if fits.good.sum() >= guess.FEWEST:
            values = stacked["values"][fits.good]
            vectors = np.asarray(jax.vmap(encode)(tree.row(fits.weights, fits.good)))
            own = guess.learn(values, vectors, components=_wide(options))
    return form.base, start, own


def read(folder: pathlib.Path, form: Representation) -> tuple:
    """Reads `(base, start, guess)`, what the fits in `folder` share."""
    learnt = store.read_shard(store.path_of(folder / "guess", 0)).weights
    return form.base, read_start(folder, form), tree.row(learnt, 0)


def _wide(options: FitOptions) -> int:
    """Number of components of the guess; 0 if no guess is learnt."""
    return min(options.guess, _COMPONENTS)
