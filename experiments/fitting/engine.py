"""The fit of many instances: what is compiled, who is tried again, what is recorded."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from chex import ArrayTree

from experiments.domain.data import Data, signal
from experiments.domain.representation import Representation, entries, quality
from experiments.running.keys import keys
from wsjax import fit, store, tree
from wsjax.adapters.form import cheapest, rounded
from wsjax.fit.guess import guessed
from wsjax.fit.instance import finite
from wsjax.metrics.reconstruction import mean_squared_error

_BEST = 150.0  # dB that float32 can tell from equal; an infinite PSNR has no mean.
_EVERY = 7  # One point in so many chooses between two starts.
_SLACK = 1.0  # dB that the noise of the last steps may cost a good start.


class FitOptions(NamedTuple):
    """How instances are fitted; every field but `seed` is a key of a recipe's `fit`.

    `learning_rate`, `b1`, `b2`, `power`: of Adam, see `wsjax.fit.adam`; `pull`,
    `steps`, `points`: see `wsjax.fit.make_fit`; `target`: PSNR in dB at which a fit
    ends early; `floor`: PSNR in dB below which a fit is marked; `retries`: new tries of
    a fit that diverges, each at `slower` times the learning rate before; `consensus`,
    `rounds`, `guess`: of the common start; `chunk`, `precision`: of the `Layout`, 0 and
    "auto" measure it; `group`: instances per shard; `seed`: of the run.
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
    """How the work lies on this machine; results depend on it in the last bits only.

    `chunk`: instances that one device computes at once; `precision`: type in which
    kernels multiply.
    """

    chunk: int
    precision: str = "float32"


class Fits(NamedTuple):
    """Fits of n instances, stacked.

    `quality` `[n]` is their PSNR in dB, `good` `[n]` whether they are finite and not
    more than 1 dB worse than their start, `steps` `[n]` how many were taken, `rate`
    `[n]` the share of the recipe's learning rate that the last try took.
    """

    weights: ArrayTree
    quality: np.ndarray
    good: np.ndarray
    steps: np.ndarray
    rate: np.ndarray


def make_fit_one(
    options: FitOptions, form: Representation, data: Data, *, precision: str
) -> Callable[..., tuple[ArrayTree, jax.Array]]:
    """The recipe's fit of one instance: `fit(shared, key, signal, rate=1.0)`.

    Args:
      options: how it is fitted.
      form: the representation, applied merged or attached, whichever costs less.
      data: the data set, for the number of its points.
      precision: type in which kernels multiply, such as "float32".
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
    """The fit of many instances: `many(shared, stacked, rate [n]) -> fields`.

    `shared` is `(base, start, guess)`: an instance starts at its own guess if that is
    the better start. `stacked` is what `Domain.read` gives of n instances. The fields
    of the result are the first four of `Fits`. All instances see the points in one
    order, so that a fit depends on the instance's values and on nothing else.
    """
    fit_and_score = make_fit_and_score(options, form, data, precision=layout.precision)
    return fit.over_instances(fit_and_score, chunk=layout.chunk, group=options.group)


def make_fit_and_score(
    options: FitOptions, form: Representation, data: Data, *, precision: str
) -> Callable[..., tuple]:
    """What `lifted` does to each instance: `(shared, instance, rate []) -> fields`."""
    fit_one = make_fit_one(options, form, data, precision=precision)
    run_keys, grid = keys(options.seed), jnp.asarray(data.grid)
    # Frozen entries are the same in every adapter.
    codec = entries(form, form.adapter.init(run_keys["start"], form.base))

    def fit_and_score(shared, instance, rate):
        base, start, own = shared
        whole = signal(grid, instance)
        score = quality(form, base)
        few = tree.row(whole, spread_places(whole[1].shape[0]))
        own = codec.decode(guessed(own, instance["values"]))
        better = score(own, few) > score(start, few)
        start = jax.tree.map(lambda x, y: jnp.where(better, x, y), own, start)
        key = jax.random.clone(run_keys["fit"])  # Used again for each, on purpose.
        weights, trace = fit_one((base, start), key, whole, rate)
        before, reached = score(start, whole), score(weights, whole)
        good = finite(weights) & (reached >= before - _SLACK)
        return weights, reached, good, jnp.sum(~jnp.isnan(trace))

    return fit_and_score


def spread_places(points: int) -> np.ndarray:
    """A seventh of P points at random, `[ceil(P / 7)]` rising; the same in every run.

    Every seventh would be a few columns of a picture whose width 7 divides.
    """
    n = -(-points // _EVERY)
    return np.sort(np.random.default_rng(0).choice(points, n, replace=False))


def fit_rows(many: Callable, shared, stacked: dict, options: FitOptions) -> Fits:
    """Fits instances; those that diverge start again at a lower learning rate.

    Args:
      many: what `lifted` returns.
      shared: what is common to all instances, as `lifted` says.
      stacked: what `Domain.read` gives of n instances.
      options: whose `retries` and `slower` are read.
    """
    rate = np.ones(len(stacked["values"]), np.float32)
    fits = Fits(*many(shared, stacked, rate), rate)
    for _ in range(options.retries):
        # A value that is not finite cannot be fitted at any rate.
        bad = ~fits.good & readable(stacked)
        if not bad.any():
            break
        rate = np.where(bad, options.slower * fits.rate, fits.rate)
        again = Fits(*many(shared, tree.row(stacked, bad), rate[bad]), rate[bad])
        fits = _replaced(fits, bad, again)
    return fits


def readable(stacked: dict) -> np.ndarray:
    """Whether all numbers of an instance are finite, `[n]`."""
    leaves = jax.tree.leaves(stacked)
    return np.all([np.isfinite(x).reshape(len(x), -1).all(axis=1) for x in leaves], 0)


def _replaced(fits: Fits, rows: np.ndarray, again: Fits) -> Fits:
    def put(old, new):
        old = np.array(old)
        old[rows] = new
        return old

    return jax.tree.map(put, fits, again)


def instance(
    data: Data, row: int, fits: Fits, i: int, *, finite: bool, floor: float | None
) -> dict:
    """What the manifest says of instance `row`, the i-th of `fits`.

    `finite` says whether all numbers that it was fitted to are; a fit below `floor` dB
    is marked.
    """
    labels = data.labels
    good, quality = bool(fits.good[i]), float(fits.quality[i])
    return {
        "name": data.names[row],
        "label": None if labels is None else int(labels[row]),
        "heldout": bool(data.heldout[row]),
        "status": _status(fits, i, finite, floor),
        "psnr_db": round(min(quality, _BEST), 4) if good else None,
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
