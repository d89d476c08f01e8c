"""The recipe with as many steps and episodes as its budget allows."""

import pathlib
from collections.abc import Callable, Sequence

import numpy as np
from ml_collections import ConfigDict

from experiments.domain.data import Data
from experiments.fitting import budget, reading, rehearse
from experiments.fitting.budget import Seconds
from experiments.recipe.fits import autodecoder_of, rehearsal_of
from experiments.running.keys import keys
from wsjax.fields import Modulated
from wsjax.fit import autodecoder
from wsjax.types import Field, Params

__all__ = ["of_base", "of_start"]


def of_base(
    config: ConfigDict,
    folder: pathlib.Path,
    modulated: Modulated,
    data: Data,
    rows: np.ndarray,
) -> ConfigDict:
    """The recipe, its autodecoder and rehearsal scaled to `budget`, if there is one.

    Args:
      config: the recipe.
      folder: base/ of the run folder; spent.json in it keeps what was derived.
      modulated: the field that is trained.
      data: the data set.
      rows: `[N]` training instances.
    """

    def measure() -> Seconds:
        few = rows[: config.base.n]
        state, advance = autodecoder_of(config, modulated, data.domain.loss, len(few))
        key, found = keys(config.seed)["batches"], []
        stages = zip(
            config.base.factors, config.base.batches, config.base.points, strict=True
        )
        for factor, batch, points in stages:
            lesson = reading.lesson(data, few, factor)
            sizes = {"batch": batch, "points": points, "total": config.budget}
            state, one = reading.seconds_per_step(advance, key, state, lesson, **sizes)
            found.append(one)
        steps, spent = zip(*found, strict=True)
        base = autodecoder.mean_base(modulated, state.average)
        episode, last = _episode(config, modulated.field, base, data, rows)
        return Seconds(steps, episode, sum(spent) + last)

    return _scaled(config, folder, config.base.steps, measure)


def of_start(
    config: ConfigDict,
    folder: pathlib.Path,
    field: Field,
    base: Params,
    data: Data,
    rows: np.ndarray,
) -> ConfigDict:
    """Like `of_base`, where rehearsal alone learns the start of whole fields."""
    return _scaled(
        config,
        folder,
        (),
        lambda: Seconds((), *_episode(config, field, base, data, rows)),
    )


def _episode(
    config: ConfigDict, field: Field, base: Params, data: Data, rows: np.ndarray
) -> tuple[float, float]:
    """Seconds of an episode, and of those that were tried; 0 without rehearsal."""
    if not config.base.rehearsal.episodes:
        return 0.0, 0.0
    options, total = rehearsal_of(config), config.budget
    return rehearse.seconds_per_episode(options, field, base, data, rows, total=total)


def _scaled(
    config: ConfigDict,
    folder: pathlib.Path,
    steps: Sequence[int],
    measure: Callable[[], Seconds],
) -> ConfigDict:
    if config.budget is None:
        return config
    episodes = config.base.rehearsal.episodes
    path = folder / "spent.json"
    plan = budget.planned(path, config.budget, tuple(steps), episodes, measure)
    own = config.copy_and_resolve_references()
    if plan.steps:
        own.base.steps = plan.steps
    own.base.rehearsal.episodes = plan.episodes
    return own
