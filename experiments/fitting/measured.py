"""Quality, cost and smoothness of fits of a few instances: one trial of a setting."""

from collections.abc import Callable

import numpy as np

from experiments.domain.data import Data
from experiments.domain.representation import Representation
from experiments.fitting import engine
from experiments.fitting.engine import FitOptions, Layout
from experiments.fitting.smoothness import smoothness
from experiments.fitting.start import common_start
from experiments.running.keys import keys
from wsjax import costs, store, tree
from wsjax.analysis.interval import interval

__all__ = ["measure"]

_SECONDS = 0.5  # CPU-seconds for which fits are timed at least.


def measure(
    options: FitOptions,
    form: Representation,
    data: Data,
    spread: Layout,
    rows: np.ndarray,
    *,
    components: int,
) -> dict[str, float]:
    """Fits instances from the common start and measures the fits.

    Args:
      options: how to fit; diverged fits are not tried again.
      form: the representation.
      data: the data set.
      spread: the layout.
      rows: `[n]` indices of the instances.
      components: see `smoothness`.

    Returns:
      `start_cpu_seconds`: of the common start; `cpu_seconds_per_field` of the fits,
      without compilation, and `fields_per_cpu_second`. If no fit diverged, also
      `psnr_db_mean` in dB, `psnr_db_ci95`, for shapes `iou_mean` and `iou_ci95`,
      `steps_mean`, `bytes_per_field` on disk, and what `smoothness` returns.

    Raises:
      Diverged: if all fits of a round of the common start diverge.
    """
    many = engine.lifted(options, form, data, spread)
    clock = costs.now()
    shared = common_start(options, form, data, many, data.rows("train"))
    metrics = {"start_cpu_seconds": costs.since(clock)["cpu_seconds"]}
    stacked = data.domain.read(rows, form.adapter.reads)
    rate = np.ones(len(rows), np.float32)
    # Compiles what fits any number of instances up to a group.
    many(shared, *tree.row((stacked, rate), slice(0, 1)))
    found, spent = _timed(lambda: many(shared, stacked, rate))
    fits = engine.Fits(*found, rate)
    if np.all(np.isfinite(fits.quality)):
        mean, half = interval(fits.quality)
        metrics |= {"psnr_db_mean": mean, "psnr_db_ci95": half}
        metrics |= _overlap(form, data, rows, fits)
        metrics["steps_mean"] = float(np.mean(fits.steps))
        metrics["bytes_per_field"] = _bytes(options, data, rows, fits)
        key = keys(options.seed)["trivial"]
        metrics |= smoothness(
            key, form, data, shared[1], fits.weights, rows, components=components
        )
    if spent < _SECONDS:  # Other programs may have slowed all of so short a time.
        spent = min(spent, _timed(lambda: many(shared, stacked, rate))[1])
    cost = spent / len(rows)
    return {**metrics, "cpu_seconds_per_field": cost, "fields_per_cpu_second": 1 / cost}


def _timed(call: Callable[[], tuple]) -> tuple[tuple, float]:
    """The result of a call, and the median CPU-seconds of as many as it takes.

    The fewest of many short calls vary more than their median does.
    """
    spent: list[float] = []
    while sum(spent) < _SECONDS:
        begin = costs.now().cpu_seconds
        found = call()
        spent.append(costs.now().cpu_seconds - begin)
    return found, float(np.median(spent))


def _overlap(form, data: Data, rows: np.ndarray, fits: engine.Fits) -> dict:
    """Mean IoU of the shapes that have one; `{}` for pictures."""
    if data.domain.overlap is None:
        return {}
    values = data.domain.overlap(form)(rows, fits.weights)
    mean, half = interval(values[np.isfinite(values)])
    return {"iou_mean": mean, "iou_ci95": half}


def _bytes(options: FitOptions, data: Data, rows, fits: engine.Fits) -> int:
    """Bytes per field of the shards that `fit` would write."""
    size = 0
    for begin in range(0, len(rows), options.group):
        part = slice(begin, begin + options.group)
        some = tree.row(fits, part)
        instances = [
            engine.instance(data, row, some, i, finite=True, floor=options.floor)
            for i, row in enumerate(rows[part])
        ]
        size += len(store.packed(store.Shard(begin, some.weights, instances, {})))
    return round(size / len(rows))
