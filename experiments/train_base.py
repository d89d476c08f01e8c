r"""Trains the base field on the training instances of a data set.

  python -m experiments.train_base --config=configs/digits.py --workdir=runs/digits

First trains an autodecoder and folds its mean style into the kernels; then, if the
recipe has episodes of rehearsal, trains the result further along rehearsed fits; then,
if it has steps of an encoder, trains that and the base together. If it rehearses whole
fields (`base.rehearsal.adapter`), it trains their start instead. A representation whose
base is of its own kind has that one learnt in closed form. With `--config.budget=600` a
training takes about 600 seconds of the processor. Writes base/: Orbax checkpoints,
folded/ (the base that all instances share), train.jsonl, rehearsal.jsonl,
encoder.jsonl, spent.json (what a budget gave), metrics.json. A second run resumes.
"""

import pathlib
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from chex import ArrayTree
from ml_collections import ConfigDict
from tqdm import tqdm

from experiments.domain.data import Data
from experiments.fitting import closed, encode, reading, rehearse
from experiments.recipe import budget
from experiments.recipe.fits import autodecoder_of, encoding_of, rehearsal_of
from experiments.recipe.opening import opened
from experiments.recipe.planned import as_planned
from experiments.recipe.representation import (
    family_of,
    meta_learnt,
    network,
    own_field,
    parts_of,
)
from experiments.running import launch, run_folder
from experiments.running.keys import keys
from wsjax import checkpoint, coords, costs, files
from wsjax.fields import Modulated, render
from wsjax.fit import autodecoder
from wsjax.metrics.reconstruction import psnr
from wsjax.types import Field, Params

_SCORED = 256  # Instances that are read and scored at once.


class Block(NamedTuple):
    """The training steps between two checkpoints, all with the same settings.

    `factor`: pictures are downsampled by it; `batch`: instances per step; `points`:
    random points per instance and step, 0 for all; `steps`: how many.
    """

    factor: int
    batch: int
    points: int
    steps: int


def schedule(config: ConfigDict) -> list[Block]:
    """Splits the stages of `config.base` into blocks of at most `every` steps."""
    blocks = []
    stages = zip(
        config.factors, config.batches, config.points, config.steps, strict=True
    )
    for factor, batch, points, steps in stages:
        whole, rest = divmod(steps, config.every)
        blocks += [Block(factor, batch, points, config.every)] * whole
        blocks += [Block(factor, batch, points, rest)] * bool(rest)
    return blocks


def run(config: ConfigDict, workdir: str) -> dict[str, float]:
    """Trains the base; returns the metrics.

    Raises:
      ValueError: if training diverges.
    """
    data, root = opened(config, workdir)
    folder = root / "base"
    if (metrics := run_folder.finished(folder, "base", ("folded",))) is not None:
        return metrics
    if (family := family_of(config, data.shape)) is not None:
        learnt = closed.learn(folder, family, data, keys(config.seed)["base"])
        return run_folder.close(folder, "base", learnt)
    if meta_learnt(config, name := config.base.rehearsal.adapter):
        field, base = own_field(config, name, data.channels)
        return _learn_start(config, folder, field, base, data)
    modulated = network(config, data.channels)
    rows = data.rows("train")
    config = budget.of_base(config, folder, modulated, data, rows)
    few = rows[: config.base.n]
    state = _train(config, folder, modulated, data, few)
    base = parts_of(config, autodecoder.mean_base(modulated, state.average))
    given = folder, modulated.field
    if config.base.rehearsal.episodes:
        base = rehearse.run(rehearsal_of(config), *given, base, data, rows)
    if config.base.encoder.steps:
        base = encode.run(encoding_of(config), *given, base, data, rows)
    clock = costs.now()
    reached, folded = qualities(modulated, state.average, base, data, rows, len(few))
    checkpoint.save(folder / "folded", 0, base)
    lines = files.read_lines(folder / "train.jsonl")
    rehearsed, encoded = (
        files.read_lines(folder / f"{part}.jsonl") for part in ("rehearsal", "encoder")
    )
    metrics = {
        "n": len(few),
        "steps": int(state.step),
        "psnr_db_mean": float(jnp.mean(reached)),
        "psnr_db_folded_mean": float(jnp.mean(folded)),
        "loss_train": lines[-1]["loss_train"],
        "episodes": len(rehearsed),
        "encoder_steps": encoded[-1]["step"] if encoded else 0,
        **costs.total([*lines, *rehearsed, *encoded, costs.since(clock)]),
    }
    return run_folder.close(folder, "base", metrics)


def _learn_start(
    config: ConfigDict, folder: pathlib.Path, field: Field, base: Params, data: Data
) -> dict[str, float]:
    """Meta-learns the start of whole fields, `base`; returns the metrics."""
    rows = data.rows("train")
    config = budget.of_start(config, folder, field, base, data, rows)
    base = rehearse.run(rehearsal_of(config), folder, field, base, data, rows)
    checkpoint.save(folder / "folded", 0, base)
    rehearsed = files.read_lines(folder / "rehearsal.jsonl")
    metrics = {
        "n": len(rows),
        "loss_train": rehearsed[-1]["loss_train"],
        "episodes": len(rehearsed),
        **costs.total(rehearsed),
    }
    return run_folder.close(folder, "base", metrics)


def qualities(
    network: Modulated,
    trained: ArrayTree,
    base: Params,
    data: Data,
    rows: np.ndarray,
    n: int,
) -> tuple[np.ndarray, np.ndarray]:
    """PSNR in dB of training instances on the grid.

    Args:
      network: the modulated field.
      trained: `{"params": ..., "latents": [n, Z]}` of the autodecoder.
      base: params of the base, after folding and rehearsal.
      data: the data set.
      rows: `[N]` training instances.
      n: how many of them, the first ones, the autodecoder was trained on.

    Returns:
      `(reached [n], folded [N])`: `reached` renders each instance from its latent;
      `folded` compares each with the one picture that the base alone renders.
    """
    grid = coords.grid(data.size)
    mean = render(network.field, base, grid)
    score, score_mean = jax.vmap(psnr), jax.vmap(psnr, in_axes=(None, 0))
    reached, folded = [], []
    for begin in range(0, len(rows), _SCORED):
        values = jnp.asarray(data.values(rows[begin : begin + _SCORED]))
        folded.append(np.asarray(score_mean(mean, values)))
        if begin < n:
            few = slice(begin, min(begin + _SCORED, n))
            own = {**trained, "latents": trained["latents"][few]}
            decoded = autodecoder.reconstruct(network, own, grid)
            reached.append(np.asarray(score(decoded, values[: len(decoded)])))
    return np.concatenate(reached), np.concatenate(folded)


def _train(config, folder: pathlib.Path, modulated, data, rows) -> autodecoder.State:
    """Trains the autodecoder from the newest checkpoint on; returns its last state."""
    key = keys(config.seed)["batches"]
    blocks = schedule(config.base)
    total = sum(block.steps for block in blocks)
    state, advance = autodecoder_of(config, modulated, data.domain.loss, len(rows))
    newest = checkpoint.latest(folder / "checkpoints")
    if newest is not None:
        state = checkpoint.restore(folder / "checkpoints", newest, state)
    lines = run_folder.lines_until(folder / "train.jsonl", int(state.step))

    bar = tqdm(total=total, initial=int(state.step), desc="base", unit="step")
    end, lesson, read_at = 0, None, None
    for factor, batch, points, steps in blocks:
        end += steps
        if end <= int(state.step):
            continue
        clock = costs.now()
        if factor != read_at:  # One resolution at a time is held in memory.
            lesson = None
            lesson, read_at = reading.lesson(data, rows, factor), factor
        sizes = {"batch": batch, "points": points, "steps": steps}
        state, losses = reading.advanced(advance, key, state, lesson, **sizes)
        loss = float(losses.mean())
        if not np.isfinite(loss):
            raise ValueError(
                f"base training diverged before step {end}; lower "
                f"--config.base.learning_rate={config.base.learning_rate}"
            )
        lines.append({"step": end, "loss_train": loss, **costs.since(clock)})
        # Before the checkpoint: a resumed run drops lines that are newer.
        files.write_lines(folder / "train.jsonl", lines)
        checkpoint.save(folder / "checkpoints", end, state)
        bar.update(steps)
        bar.set_postfix(loss=f"{loss:.4f}")
    bar.close()
    return state


if __name__ == "__main__":
    launch.main(as_planned(run))
