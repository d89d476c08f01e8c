r"""Trains the base field on the training part of a data set.

  python -m experiments.train_base --config=configs/digits.py --workdir=runs/digits

First an autodecoder, whose mean style is folded in; then, where the recipe wants it, a
rehearsal of the fits. Writes base/: Orbax checkpoints while it trains, the folded base
that all instances share, train.jsonl, rehearsal.jsonl, metrics.json. A second run of
the command resumes.
"""

import pathlib
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict
from tqdm import tqdm

from experiments.fitting import rehearse
from experiments.recipe.fits import rehearsal_of
from experiments.recipe.opening import opened
from experiments.recipe.representation import network
from experiments.running import launch, run_folder
from experiments.running.keys import keys
from wsjax import checkpoint, coords, costs, files
from wsjax.fields import render
from wsjax.fit import autodecoder
from wsjax.metrics.reconstruction import psnr


class Block(NamedTuple):
    """Steps between two checkpoints.

    Pictures are shrunk by `factor`; `points` are random ones of each, 0 takes all.
    """

    factor: int
    batch: int
    points: int
    steps: int


def schedule(config: ConfigDict) -> list[Block]:
    """All blocks of the training, low resolution first."""
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
    """Trains the autodecoder through all resolutions; returns the metrics."""
    data, root = opened(config, workdir)
    folder = root / "base"
    if (metrics := run_folder.finished(folder, "base")) is not None:
        return metrics
    modulated = network(config, data.channels)
    rows = np.flatnonzero(~data.heldout)
    few = rows[: config.base.n]
    state = _train(config, folder, modulated, data, few)
    base = autodecoder.mean_base(modulated, state.average)
    if config.base.rehearsal.episodes:
        options = rehearsal_of(config)
        base = rehearse.run(options, folder, modulated.field, base, data, rows)
    clock = costs.now()
    grid, target = coords.grid(data.size), jnp.asarray(data.values(rows))
    decoded = autodecoder.reconstruct(modulated, state.average, grid)
    quality = jax.vmap(psnr)(decoded, target[: len(few)])
    folded = jnp.broadcast_to(render(modulated.field, base, grid), target.shape)
    checkpoint.save(folder / "folded", 0, base)
    lines = files.read_lines(folder / "train.jsonl")
    rehearsed = files.read_lines(folder / "rehearsal.jsonl")
    metrics = {
        "n": len(few),
        "steps": int(state.step),
        "psnr_db_mean": float(jnp.mean(quality)),
        "psnr_db_folded_mean": float(jnp.mean(jax.vmap(psnr)(folded, target))),
        "loss_train": lines[-1]["loss_train"],
        "episodes": len(rehearsed),
        **costs.total([*lines, *rehearsed, costs.since(clock)]),
    }
    return run_folder.close(folder, "base", metrics)


def _prepare(config: ConfigDict, modulated, loss, n: int, total: int):
    """State before the first step, and the compiled steps."""
    tx = autodecoder.adam(learning_rate=config.base.learning_rate, steps=total)
    advance = autodecoder.make_advance(
        modulated,
        tx,
        penalty=config.base.penalty,
        decay=config.base.decay,
        chunk=config.base.chunk,
        loss=loss,
    )
    key, dim = keys(config.seed)["base"], config.base.field.latent_dim
    return autodecoder.start(key, modulated, tx, n=n, latent_dim=dim), advance


def _train(config, folder: pathlib.Path, modulated, data, rows) -> autodecoder.State:
    key = keys(config.seed)["batches"]
    blocks = schedule(config.base)
    total = sum(block.steps for block in blocks)
    state, advance = _prepare(config, modulated, data.domain.loss, len(rows), total)
    newest = checkpoint.latest(folder / "checkpoints")
    if newest is not None:
        state = checkpoint.restore(folder / "checkpoints", newest, state)
    lines = files.read_lines(folder / "train.jsonl")
    lines = [line for line in lines if line["step"] <= int(state.step)]

    bar = tqdm(total=total, initial=int(state.step), desc="base", unit="step")
    end = 0
    for factor, batch, points, steps in blocks:
        end += steps
        if end <= int(state.step):
            continue
        clock = costs.now()
        state, losses = advance(
            key,
            state,
            *data.domain.train_on(rows, factor),
            batch=batch,
            points=points or None,
            steps=steps,
        )
        loss = float(losses.mean())
        if not np.isfinite(loss):
            raise ValueError(
                f"base training diverged before step {end}; lower "
                f"--config.base.learning_rate={config.base.learning_rate}"
            )
        lines.append({"step": end, "loss_train": loss, **costs.since(clock)})
        # Lines first: a resumed run drops those behind its newest checkpoint.
        files.write_lines(folder / "train.jsonl", lines)
        checkpoint.save(folder / "checkpoints", end, state)
        bar.update(steps)
        bar.set_postfix(loss=f"{loss:.4f}")
    bar.close()
    return state


if __name__ == "__main__":
    launch.main(run)
