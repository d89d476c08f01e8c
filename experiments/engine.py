"""The fit of many instances: what is compiled, who is tried again, what is recorded."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from chex import ArrayTree
from ml_collections import ConfigDict

from experiments import dataset, parts
from wsjax import fit, store, tree
from wsjax.fit import guess
from wsjax.fit.consensus import consensus
from wsjax.fit.guess import guessed
from wsjax.fit.instance import finite

_BEST = 150.0  # dB that float32 can tell from equal; an infinite PSNR has no mean.


_COMPONENTS = 256  # Of an instance's values, that a guess reads.
_EVERY = 7  # One point in so many judges a start.
_SLACK = 1.0  # dB by which these points may misjudge it.


class Layout(NamedTuple):
    """How the work lies on this machine; results depend on it in the last bits only.

    `chunk`: instances that one device computes at once; `precision`: type in which
    kernels multiply.
    """

    chunk: int
    precision: str = "float32"


class Fits(NamedTuple):
    """Fits of n instances, stacked.

    `quality` `[n]` is their PSNR in dB, `good` `[n]` whether they are finite and
    better than their start, `steps` `[n]` how many were taken, `rate` `[n]` the share
    of the recipe's learning rate that the last try took.
    """

    weights: ArrayTree
    quality: np.ndarray
    good: np.ndarray
    steps: np.ndarray
    rate: np.ndarray


def lifted(
    config: ConfigDict, form: parts.Representation, data: dataset.Data, layout: Layout
) -> Callable[..., tuple]:
    """The recipe's fit: `many(shared, stacked, rate [n]) -> fields`.

    `shared` is `(base, start, guess)`: an instance starts at its own guess if that is
    the better start. `stacked` is what `Data.read` gives of n instances. The fields of
    the result are the first four of `Fits`. All
    instances see the points in one order, so that a fit depends on the instance's
    values and on nothing else.
    """
    fit_one = parts.fit_one(config, form, data, precision=layout.precision)
    keys, grid = parts.keys(config), jnp.asarray(data.grid)
    # Frozen entries are the same in every adapter.
    entries = parts.entries(form, form.adapter.init(keys["start"], form.base))

    def fit_and_score(shared, instance, rate):
        base, start, own = shared
        signal = dataset.signal(grid, instance)
        score = parts.quality(form, base)
        few = tree.row(signal, slice(None, None, _EVERY))
        own = entries.decode(guessed(own, instance["values"]))
        before, expected = score(start, few), score(own, few)
        better = expected > before
        start = jax.tree.map(lambda x, y: jnp.where(better, x, y), own, start)
        key = jax.random.clone(keys["fit"])  # Used again for each one, on purpose.
        weights, trace = fit_one((base, start), key, signal, rate)
        quality = score(weights, signal)
        rose = quality >= jnp.maximum(before, expected) - _SLACK
        return weights, quality, finite(weights) & rose, jnp.sum(~jnp.isnan(trace))

    return fit.over_instances(fit_and_score, chunk=layout.chunk, group=config.fit.group)


def common_start(
    config: ConfigDict, form: parts.Representation, data: dataset.Data, many, rows
) -> tuple:
    """`(base, start, guess)`, from fits of training instances.

    Args:
      config: the recipe; of its `fit`, `consensus`, `rounds` and `guess` are read.
      form: the representation.
      data: the data set.
      many: what `lifted` returns.
      rows: training instances to take the first of.
    """
    options = config.fit
    few = data.read(rows[: options.consensus])
    size = few["values"][0].size
    start = form.adapter.init(parts.keys(config)["start"], form.base)
    encode = jax.jit(parts.entries(form, start).encode)

    def from_start(pair, *stacked):
        base, start = pair
        own = guess.constant(encode(start), size=size, components=_wide(options))
        return many((base, start, own), *stacked)

    ones = np.ones(len(few["values"]), np.float32)
    start = consensus(from_start, form.base, start, few, ones, rounds=options.rounds)
    own = guess.constant(encode(start), size=size, components=_wide(options))
    rows = rows[: options.guess]
    if len(rows) >= guess.FEWEST:
        stacked = data.read(rows)
        fits = fit_rows(many, (form.base, start, own), stacked, options)
        if fits.good.sum() >= guess.FEWEST:
            values = stacked["values"][fits.good]
            vectors = np.asarray(jax.vmap(encode)(tree.row(fits.weights, fits.good)))
            own = guess.learn(values, vectors, components=_wide(options))
    return form.base, start, own


def _wide(options: ConfigDict) -> int:
    """Components of a guess: none if there is none to learn."""
    return min(options.guess, _COMPONENTS)


def fit_rows(many: Callable, shared, stacked: dict, options: ConfigDict) -> Fits:
    """Fits instances; those that diverge start again at a lower learning rate.

    Args:
      many: what `lifted` returns.
      shared: what is common to all instances, as `lifted` says.
      stacked: what `Data.read` gives of n instances.
      options: the recipe's `fit`, of which `retries` and `slower` are read.
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
    config: ConfigDict, data: dataset.Data, row: int, fits: Fits, i: int, finite: bool
) -> dict:
    """What the manifest says of instance `row`, the i-th of `fits`.

    `finite` says whether all numbers that it was fitted to are.
    """
    labels = data.labels
    good, quality = bool(fits.good[i]), float(fits.quality[i])
    options = config.fit
    return {
        "name": data.names[row],
        "label": None if labels is None else int(labels[row]),
        "heldout": bool(data.heldout[row]),
        "status": _status(fits, i, finite, options.floor),
        "psnr_db": round(min(quality, _BEST), 4) if good else None,
        "steps": int(fits.steps[i]),
        "rate": round(float(fits.rate[i]), 6),
        **data.notes(row),
    }


def _status(fits: Fits, i: int, readable: bool, floor: float | None) -> str:
    if not readable:
        return "failed: values that are NaN or infinite"
    if not fits.good[i]:
        return f"failed: diverged, last at {fits.rate[i]:.3g} of the learning rate"
    if floor is not None and fits.quality[i] < floor:
        return f"below floor: {fits.quality[i]:.2f} dB, the recipe asks for {floor:g}"
    return store.DONE
