"""Fits many instances: the compiled program, retries, and manifest entries."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from chex import ArrayTree

from experiments.domain.data import Data, signal
from experiments.domain.representation import Representation, quality
from experiments.fitting import own_start
from experiments.running.keys import keys
from wsjax import fit, store, tree
from wsjax.adapters.form import cheapest, rounded
from wsjax.fit.instance import finite
from wsjax.metrics.reconstruction import BEST_PSNR, mean_squared_error

_SLACK = 1.0  # dB that a good fit may lose against its start, by noise of last steps.


class FitOptions(NamedTuple):
    """How instances are fitted; every field but `seed` is a key of a recipe's `fit`.

    `learning_rate`, `b1`, `b2`, `power`: of Adam, see `wsjax.fit.adam` (`power` 0: a
    cosine); `pull`, `steps`, `points`: see `wsjax.fit.make_fit` (`points` 0: all);
    `target`: PSNR in dB at which a fit stops early, None: never; `floor`: PSNR in dB
    below which the manifest marks a fit, None: never; `retries`: how often a diverged
    fit is restarted, each time at `slower` times the previous learning rate;
    `consensus`, `rounds`: instances and rounds of the consensus start; `guess`: fits
    that per-instance starts are learnt from, 0: none; `chunk`, `precision`: see
    `Layout` (0 and "auto": chosen by measurement); `group`: instances per shard;
    `seed`: of the run.
    """

    learning_rate: float
    pull: float
    steps: int
    points: int
    b1: float
    b2: float
    power: float
    target: float | None
    floor: float | None
    retries: int
    slower: float
    consensus: int
    rounds: int
    guess: int
    chunk: int
    precision: str
    group: int
    seed: int


class Layout(NamedTuple):
    """Settings for speed on the machine at hand.

    `chunk`: instances that one device computes at once, which changes results only by
    rounding; `precision`: dtype of the merged kernels in matrix products, such as
    "bfloat16".
    """

    chunk: int
    precision: str = "float32"


class Fits(NamedTuple):
    """Fits of n instances, stacked.

    `weights`: adapters `[n, ...]`; `quality` `[n]`: PSNR in dB; `good` `[n]`: False for
    a diverged fit, one that is not finite or more than 1 dB worse than its start;
    `steps` `[n]`: optimiser steps taken; `rate` `[n]`: learning rate of the last try,
    as a fraction of the recipe's.
    """

    weights: ArrayTree
    quality: np.ndarray
    good: np.ndarray
    steps: np.ndarray
    rate: np.ndarray


def make_fit_one(
    options: FitOptions, form: Representation, data: Data, *, precision: str
) -> Callable[..., tuple[ArrayTree, jax.Array]]:
    """Returns `fit(shared, key, signal, rate=1.0) -> (adapter, trace)` of one instance.

    It is `wsjax.fit.make_fit` with the options of the recipe.

    Args:
      options: how to fit.
      form: the representation; each layer is merged or attached, whichever is cheaper.
      data: the data set; gives the loss and the number of points of the grid.
      precision: dtype of the merged kernels in matrix products, such as "float32".
    """
    tx = fit.adam(
        learning_rate=options.learning_rate,
        steps=options.steps,
        b1=options.b1,
        b2=options.b2,
        power=options.power or None,
    )
    adapter = cheapest(form.adapter, points=options.points or len(data.grid))
    target = options.target
    return fit.make_fit(
        form.field,
        rounded(adapter, precision),
        tx,
        steps=options.steps,
        points=options.points or None,
        pull=options.pull,
        target=None if target is None else mean_squared_error(target),
        loss=data.domain.loss,
    )


def lifted(
    options: FitOptions, form: Representation, data: Data, layout: Layout
) -> Callable[..., tuple]:
    """Returns `many(shared, stacked, rate [n])`, the compiled fit of n instances.

    It returns `(weights, quality, good, steps)`, the first four fields of `Fits`.
    `shared` is `(base, start, guess)`; each instance starts from its own guess (see
    `wsjax.fit.guess`) where the guess has the higher PSNR, else from `start`. `stacked`
    is the result of `Domain.read` for n instances. All instances use the same random
    key, so they visit their points in the same order, and a fit depends on nothing but
    `shared`, the values of the instance and its rate. Where the adapter can solve an
    instance, its fit starts from what it solves. With 0 steps a fit ends at its start.
    """
    fit_and_score = make_fit_and_score(options, form, data, precision=layout.precision)
    return fit.over_instances(fit_and_score, chunk=layout.chunk, group=options.group)


def make_fit_and_score(
    options: FitOptions, form: Representation, data: Data, *, precision: str
) -> Callable[..., tuple]:
    """Returns `(shared, instance, rate []) -> fields`, which `lifted` vectorises."""
    fit_one = make_fit_one(options, form, data, precision=precision)
    choose = own_start.chooser(form, data, seed=options.seed)
    run_keys, grid = keys(options.seed), jnp.asarray(data.grid)

    def fit_and_score(shared, instance, rate):
        base = shared[0]
        whole = signal(grid, instance)
        score = quality(form, base)
        start = choose(shared, instance)
        key = jax.random.clone(run_keys["fit"])  # One for all, on purpose.
        before = score(start, whole)
        if not options.steps:
            return start, before, finite(start), jnp.zeros((), int)
        weights, trace = fit_one((base, start), key, whole, rate)
        reached = score(weights, whole)
        good = finite(weights) & (reached >= before - _SLACK)
        return weights, reached, good, jnp.sum(~jnp.isnan(trace))

    return fit_and_score


def fit_rows(many: Callable, shared, stacked: dict, options: FitOptions) -> Fits:
    """Fits n instances; restarts diverged fits at a lower learning rate.

    Args:
      many: result of `lifted`.
      shared: `(base, start, guess)`, see `lifted`.
      stacked: result of `Domain.read` for n instances.
      options: `retries` and `slower` are used.

    Returns:
      The last try of every instance.
    """
    rate = np.ones(len(stacked["values"]), np.float32)
    fits = Fits(*many(shared, stacked, rate), rate)
    for _ in range(options.retries):
        # An instance with a NaN or infinite value diverges at any learning rate.
        bad = ~fits.good & readable(stacked)
        if not bad.any():
            break
        rate = np.where(bad, options.slower * fits.rate, fits.rate)
        again = Fits(*many(shared, tree.row(stacked, bad), rate[bad]), rate[bad])
        fits = _replaced(fits, bad, again)
    return fits


def readable(stacked: dict) -> np.ndarray:
    """`[n]` booleans: whether all numbers of an instance are finite."""
    leaves = jax.tree.leaves(stacked)
    return np.all([np.isfinite(x).reshape(len(x), -1).all(axis=1) for x in leaves], 0)


def _replaced(fits: Fits, rows: np.ndarray, again: Fits) -> Fits:
    """Fits with those at `rows` (a boolean mask) replaced by `again`."""

    def put(old, new):
        old = np.array(old)
        old[rows] = new
        return old

    return jax.tree.map(put, fits, again)


def instance(
    data: Data, row: int, fits: Fits, i: int, *, finite: bool, floor: float | None
) -> dict:
    """Manifest entry of one instance.

    Args:
      data: the data set.
      row: the instance's number in the data set.
      fits: fits of a group of instances.
      i: position of the instance in `fits`.
      finite: whether all numbers that the instance was fitted to are finite.
      floor: PSNR in dB below which the status says so; None for no limit.
    """
    labels = data.labels
    good, quality = bool(fits.good[i]), float(fits.quality[i])
    return {
        "name": data.names[row],
        "label": None if labels is None else int(labels[row]),
        "part": data.part_of(row),
        "status": _status(fits, i, finite, floor),
        "psnr_db": round(min(quality, BEST_PSNR), 4) if good else None,
        "steps": int(fits.steps[i]),
        "rate": round(float(fits.rate[i]), 6),
        **data.domain.notes(row),
    }


def _status(fits: Fits, i: int, readable: bool, floor: float | None) -> str:
    if not readable:
        return "failed: values that are NaN or infinite"
    if not fits.good[i]:
        return f"failed: diverged, last at {fits.rate[i]:.3g} of the learning rate"
    if floor is not None and fits.quality[i] < floor:
        return f"below floor: {fits.quality[i]:.2f} dB, the recipe asks for {floor:g}"
    return store.DONE
