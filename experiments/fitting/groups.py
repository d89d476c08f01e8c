"""Fits instances group by group; each group becomes one shard of weights."""

import pathlib
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from absl import logging

from experiments.domain.data import Data
from experiments.domain.representation import Representation
from experiments.fitting import engine
from experiments.fitting.engine import FitOptions
from experiments.running import weight_set
from experiments.running.progress import Progress
from wsjax import costs, store, tree


class Work(NamedTuple):
    """Everything needed to fit any group of instances with one representation.

    `options`: how to fit; `folder`: where the shards go; `many`: result of
    `engine.lifted`; `shared`: its argument `(base, start, guess)`.
    """

    options: FitOptions
    folder: pathlib.Path
    form: Representation
    data: Data
    many: Callable
    shared: tuple


def fit_all(work: Work, begins: list[int], n: int) -> None:
    """Fits groups of instances and writes their shards; keeps shards that are whole.

    Args:
      work: what to fit and how.
      begins: first row of each group.
      n: number of instances to fit in all; the last group ends there.
    """
    options, folder, form, data, many, shared = work
    groups = rows_of(options, begins, n)
    measure = data.domain.fidelity(form)
    with Progress(folder / "events", form.name, sum(map(len, groups))) as progress:
        for rows in groups:
            before = weight_set.kept(folder, rows, shared[1])
            if before is not None:
                progress.kept(before)
                continue
            if (path := store.path_of(folder, int(rows[0]))).exists():
                logging.warning("%s is not whole: fitting its instances again", path)
            clock = costs.now()
            stacked = data.domain.read(rows, form.adapter.reads)
            fits = engine.fit_rows(many, shared, stacked, options)
            finite, floor = engine.readable(stacked), options.floor
            instances = [
                engine.instance(data, row, fits, i, finite=finite[i], floor=floor)
                for i, row in enumerate(rows)
            ]
            cost = costs.since(clock)
            good = np.flatnonzero(fits.good)
            measured = measure(rows[good], tree.row(fits.weights, good))
            for i, measures in zip(good, measured, strict=True):
                instances[i] |= measures
            shard = store.Shard(int(rows[0]), fits.weights, instances, cost)
            store.write_shard(folder, shard)
            progress.fitted(instances)


def rows_of(options: FitOptions, begins, n: int) -> list[np.ndarray]:
    """Rows below `n` of the groups that begin at `begins`, in rising order."""
    return [np.arange(b, min(b + options.group, n)) for b in sorted(begins)]
