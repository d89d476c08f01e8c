"""The last part of `train_base`: trains an encoder together with the base."""

import pathlib
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from tqdm import tqdm

from experiments.domain.data import Data
from experiments.running import run_folder
from experiments.running.keys import keys
from wsjax import checkpoint, costs, files
from wsjax.fit import autodecoder, encoder
from wsjax.types import Adapter, Field, Params


class Encoding(NamedTuple):
    """Options of the training: the keys of a recipe's `base.encoder`, and two more.

    `seed`: of the run; `adapter`: the one whose `solve` is trained; `steps`: of the
    optimiser; `batch`: instances per step; `points`: random points per instance and
    step; `chunk`: instances whose fields are computed at once; `learning_rate`: of the
    network and of the base; `every`: steps between checkpoints.
    """

    seed: int
    adapter: Adapter
    steps: int
    batch: int
    points: int
    chunk: int
    learning_rate: float
    every: int


def run(
    options: Encoding,
    folder: pathlib.Path,
    field: Field,
    base: Params,
    data: Data,
    rows: np.ndarray,
) -> Params:
    """Trains the encoder in the base, and the base with it, on training instances.

    Writes checkpoints to encoder/ and losses to encoder.jsonl, and resumes from the
    newest checkpoint.

    Args:
      options: of the training.
      folder: base/ of the run folder.
      field: the coordinate network.
      base: its params and the encoder at its start.
      data: the data set.
      rows: `[n]` training instances.

    Returns:
      The params of the trained base, with the trained encoder.

    Raises:
      ValueError: if the loss is not finite.
    """
    tx = autodecoder.adam(learning_rate=options.learning_rate, steps=options.steps)
    advance = encoder.make_advance(
        field,
        options.adapter,
        tx,
        batch=options.batch,
        points=options.points,
        chunk=options.chunk,
        loss=data.domain.loss,
    )
    state = encoder.begin(base, tx)
    newest = checkpoint.latest(folder / "encoder")
    if newest is not None:
        state = checkpoint.restore(folder / "encoder", newest, state)
    lines = run_folder.lines_until(folder / "encoder.jsonl", int(state.step))
    # On the device once, not in every call.
    signals = jax.tree.map(jnp.asarray, _signals(options.adapter, data, rows))
    key, bar = keys(options.seed)["encoder"], tqdm(total=options.steps, desc="encoder")
    while (done := int(state.step)) < options.steps:
        bar.update(done - bar.n)
        clock, steps = costs.now(), min(options.every, options.steps - done)
        state, losses = advance(key, state, *signals, steps=steps)
        loss = float(losses.mean())
        if not np.isfinite(loss):
            raise ValueError(
                f"training of the encoder diverged before step {done + steps}; lower "
                f"--config.base.encoder.learning_rate={options.learning_rate}"
            )
        lines.append({"step": done + steps, "loss_train": loss, **costs.since(clock)})
        # Before the checkpoint: a resumed run drops lines that are newer.
        files.write_lines(folder / "encoder.jsonl", lines)
        checkpoint.save(folder / "encoder", done + steps, state)
        bar.set_postfix(loss=f"{loss:.4f}")
    bar.close()
    return state.base


def _signals(adapter: Adapter, data: Data, rows: np.ndarray) -> tuple:
    """What the encoder reads, and coordinates and values to compare fields with."""
    instances = data.domain.read(rows)
    read = tuple(instances[name] for name in adapter.reads)
    return read, *data.domain.train_on(rows, 1)
