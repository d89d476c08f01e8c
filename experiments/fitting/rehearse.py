"""The second half of `train_base`: meta-learns the base by rehearsing fits."""

import pathlib
from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np
from tqdm import tqdm

from experiments.domain.data import Data
from experiments.fitting import budget, reading
from experiments.running.keys import keys
from wsjax import checkpoint, costs, files, fit
from wsjax.fit import autodecoder, rehearsal
from wsjax.types import Adapter, Field, Params


class Rehearsal(NamedTuple):
    """Options of a rehearsal: the keys of a recipe's `base.rehearsal`, and the seed.

    `seed`: of the run; `adapter`: the one that is fitted; `episodes`: how many batches
    of instances are fitted; `batch`: instances per episode; `steps`: optimiser steps of
    each fit, every one of which is also a step of the base; `points`: random points per
    instance and step; `chunk`: instances whose gradients are computed at once;
    `fit_learning_rate`, `b2`: of Adam in the fits; `learning_rate`: of the base;
    `every`: episodes between checkpoints.
    """

    seed: int
    adapter: Adapter
    episodes: int
    batch: int
    steps: int
    points: int
    chunk: int
    fit_learning_rate: float
    b2: float
    learning_rate: float
    every: int


def run(
    options: Rehearsal,
    folder: pathlib.Path,
    field: Field,
    base: Params,
    data: Data,
    rows: np.ndarray,
) -> Params:
    """Rehearses fits of training instances and trains the base on them.

    Writes checkpoints to rehearsal/ and losses to rehearsal.jsonl, and resumes from the
    newest checkpoint.

    Args:
      options: of the rehearsal.
      folder: base/ of the run folder.
      field: the coordinate network.
      base: its params, as the autodecoder left them.
      data: the data set.
      rows: `[n]` training instances.

    Returns:
      The params of the trained base.

    Raises:
      ValueError: if the loss is not finite.
    """
    run_keys = keys(options.seed)
    state, episode = _prepare(options, field, base, data.domain.loss)
    lesson = reading.lesson(data, rows, 1)
    newest = checkpoint.latest(folder / "rehearsal")
    if newest is not None:
        state = checkpoint.restore(folder / "rehearsal", newest, state)
    done = int(state.episode)
    lines = files.read_lines(folder / "rehearsal.jsonl")[:done]
    bar = tqdm(range(done, options.episodes), desc="rehearsal", unit="episode")
    for number in bar:
        clock = costs.now()
        key = jax.random.fold_in(run_keys["rehearsal"], number)
        chosen = jax.random.choice(key, len(rows), (options.batch,), replace=False)
        state, losses = episode(run_keys["episodes"], state, *lesson.read(chosen))
        loss = float(losses[-1])
        if not np.isfinite(loss):
            raise ValueError(
                f"rehearsal diverged in episode {number}; lower --config.base."
                f"rehearsal.learning_rate={options.learning_rate}"
            )
        lines.append({"step": number + 1, "loss_train": loss, **costs.since(clock)})
        bar.set_postfix(loss=f"{loss:.4f}")
        if (number + 1) % options.every == 0 or number + 1 == options.episodes:
            # Before the checkpoint: a resumed run drops lines that are newer.
            files.write_lines(folder / "rehearsal.jsonl", lines)
            checkpoint.save(folder / "rehearsal", number + 1, state)
    return state.base


def seconds_per_episode(
    options: Rehearsal,
    field: Field,
    base: Params,
    data: Data,
    rows: np.ndarray,
    *,
    total: float,
) -> tuple[float, float]:
    """Measures what an episode of `run` costs; `total` is the budget in seconds.

    Returns:
      Seconds per episode, and of all episodes that were rehearsed.
    """
    state, episode = _prepare(options, field, base, data.domain.loss)
    lesson, key = reading.lesson(data, rows, 1), keys(options.seed)["episodes"]

    def taken() -> jax.Array:
        nonlocal state
        read = lesson.read(np.arange(options.batch))
        state, losses = episode(key, state, *read)
        return losses

    return budget.seconds_of(taken, total)


def _prepare(options: Rehearsal, field: Field, base: Params, loss: Callable):
    """Returns the state before the first episode, and the compiled episode."""
    inner = fit.adam(
        learning_rate=options.fit_learning_rate,
        steps=options.steps,
        b2=options.b2,
        final=0.1,
    )
    outer = autodecoder.adam(
        learning_rate=options.learning_rate, steps=options.steps * options.episodes
    )
    episode = rehearsal.make_episode(
        field,
        options.adapter,
        inner,
        outer,
        steps=options.steps,
        points=options.points,
        chunk=options.chunk,
        loss=loss,
    )
    start = options.adapter.init(keys(options.seed)["start"], base)
    return rehearsal.begin(base, start, outer), episode
