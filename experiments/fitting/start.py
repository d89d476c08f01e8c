"""The start that all fits share, from fits of training instances."""

from collections.abc import Callable

import jax
import numpy as np
from chex import ArrayTree

from experiments.domain.data import Data
from experiments.domain.representation import Representation, entries
from experiments.fitting.engine import FitOptions, fit_rows
from experiments.running.keys import keys
from wsjax import tree
from wsjax.fit import guess
from wsjax.fit.consensus import consensus
from wsjax.types import Params

_COMPONENTS = 256  # Of an instance's values, that a guess reads.


def common_start(
    options: FitOptions,
    form: Representation,
    data: Data,
    many: Callable | None,
    rows: np.ndarray,
) -> tuple[Params, ArrayTree, ArrayTree]:
    """`(base, start, guess)`, from fits of training instances.

    Args:
      options: whose `consensus`, `rounds` and `guess` are read.
      form: the representation.
      data: the data set.
      many: what `lifted` returns.
      rows: training instances to take the first of.
    """
    few = data.domain.read(rows[: options.consensus])
    size = few["values"][0].size
    start = form.adapter.init(keys(options.seed)["start"], form.base)
    encode = jax.jit(entries(form, start).encode)

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


def _wide(options: FitOptions) -> int:
    """Components of a guess: none if there is none to learn."""
    return min(options.guess, _COMPONENTS)
