"""What the start of a fit has in it, and fits that all begin at one start."""

from collections.abc import Iterator
from typing import NamedTuple

import jax
import numpy as np

from experiments.domain.data import Data
from experiments.domain.representation import Representation, entries
from experiments.fitting import engine, own_start
from experiments.fitting.engine import FitOptions, Layout
from wsjax import tree
from wsjax.data import split
from wsjax.fit import guess, over_instances


class Refits(NamedTuple):
    """Fits of n instances that began at the common start.

    `vectors` `[n, K]`: free entries; `quality` `[n]`: PSNR in dB; `good` `[n]`: False
    for a diverged fit.
    """

    vectors: np.ndarray
    quality: np.ndarray
    good: np.ndarray


def some(labels: np.ndarray, heldout: np.ndarray, n: int) -> np.ndarray:
    """Chooses n rows, or all if there are fewer: half held out, half not.

    Where one half has too few rows, the other gives more. In either half the classes
    keep their shares, as `split.subset` says.

    Args:
      labels: `[N]` classes.
      heldout: `[N]` booleans.
      n: number of rows, 1 or more.

    Returns:
      Their indices, rising.
    """
    judged, learnt = np.flatnonzero(heldout), np.flatnonzero(~heldout)
    count = min(len(judged), max(n // 2, n - len(learnt)))
    parts = [
        rows[split.subset(labels[rows], wanted)]
        for rows, wanted in ((judged, count), (learnt, n - count))
        if wanted
    ]
    return np.sort(np.concatenate(parts))


def starts(
    options: FitOptions, form: Representation, data: Data, shared: tuple, rows
) -> np.ndarray:
    """Free entries `[n, K]` of where the fits of some instances began.

    Args:
      options: `group` and `seed` are used.
      form: the representation.
      data: the data set.
      shared: `(base, start, guess)` of the fits.
      rows: `[n]` indices of the instances in the data set.
    """
    choose = own_start.chooser(form, data, seed=options.seed)
    encode = entries(form, shared[1]).encode
    many = over_instances(
        lambda shared, instance: encode(choose(shared, instance)), group=options.group
    )
    return np.concatenate([many(shared, x) for x in _read(options, form, data, rows)])


def from_common(
    options: FitOptions,
    form: Representation,
    data: Data,
    shared: tuple,
    layout: Layout,
    rows: np.ndarray,
) -> Refits:
    """Fits some instances again, each from the common start: without the guess.

    Args:
      options: how to fit.
      form: the representation.
      data: the data set.
      shared: `(base, start, guess)` of the first fits.
      layout: of the first fits.
      rows: `[n]` indices of the instances in the data set.
    """
    base, start, learnt = shared
    encode = jax.jit(entries(form, start).encode)
    size, components = learnt["project"].shape
    none = guess.constant(encode(start), size=size, components=components)
    many = engine.lifted(options, form, data, layout)
    parts = []
    for stacked in _read(options, form, data, rows):
        fits = engine.fit_rows(many, (base, start, none), stacked, options)
        vectors = np.asarray(jax.vmap(encode)(fits.weights))
        parts.append(Refits(vectors, fits.quality, fits.good))
    return tree.concatenate(parts)


def _read(
    options: FitOptions, form: Representation, data: Data, rows: np.ndarray
) -> Iterator[dict]:
    """Reads instances group by group, as points of shapes are many."""
    for begin in range(0, len(rows), options.group):
        part = rows[begin : begin + options.group]
        yield data.domain.read(part, form.adapter.reads)
