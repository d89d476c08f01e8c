r"""Trains a denoiser on the fitted weights of the training part.

  python -m experiments.train_diffusion --config=configs/digits.py --workdir=runs/digits

Reads fit/<representation>/, writes diffusion/<representation>/: the encoding, Orbax
checkpoints, train.jsonl, metrics.json. A second run resumes on the same trajectory.
The parameters that `sample` uses are chosen by the loss on held-out weights.
"""

import pathlib
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import optax
from ml_collections import ConfigDict
from tqdm import tqdm

from experiments import dataset, encoding, launch, parts, run_folder
from wsjax import checkpoint, latent, records, tree
from wsjax.diffusion import PROCESSES, train
from wsjax.types import Process


def process(config: ConfigDict) -> Process:
    """The recipe's noise process."""
    name = config.diffusion.process
    if name not in PROCESSES:
        raise ValueError(
            f"diffusion.process={name!r}; choose one of {sorted(PROCESSES)}"
        )
    return PROCESSES[name](**config.diffusion[name].to_dict())


def run(config: ConfigDict, workdir: str) -> dict[str, float]:
    """Trains on the encoded weights of the recipe's representation."""
    data = dataset.load(config)
    root = run_folder.open_run(config, workdir, data)
    folder = root / "diffusion" / config.adapter.name
    if (metrics := run_folder.finished(folder, "diffusion")) is not None:
        return metrics
    form = parts.representation(config, root, data.channels)
    fits = encoding.fitted(root, form, data)
    clock = records.now()
    if checkpoint.latest(folder / "encoding") is None:
        encoding.save(folder, encoding.make(config, form, fits, data))
    code = encoding.restore(config, folder, form)
    vectors = jnp.asarray(_encoded(fits.vectors, code))
    prepared = records.since(clock)
    module, apply = parts.denoiser(config, form)
    params = module.init(
        parts.keys(config)["denoiser"],
        jnp.zeros(latent.size(code)),
        jnp.zeros(()),
        train=False,
    )
    lines = _train(config, folder, apply, params, vectors, fits.heldout)
    chosen = [line for line in lines if line["chosen"]][-1]
    metrics = {
        "steps": lines[-1]["step"],
        "steps_chosen": chosen["step"],
        "loss_train": chosen["loss_train"],
        "loss_heldout": chosen["loss_heldout"],
        "parameters": tree.count(params),
        "numbers_diffused": latent.size(code),
        "n_train": int((~fits.heldout).sum()),
        **records.total([prepared, *lines]),
    }
    return run_folder.close(folder, f"diffusion {form.name}", metrics)


def _encoded(vectors: np.ndarray, code: dict) -> jax.Array:
    standard = (vectors - code["mean"][None]) / code["scale"][None]
    return standard @ code["project"] if "project" in code else standard


def _optimiser(config: ConfigDict) -> optax.GradientTransformation:
    steps = config.diffusion.steps
    schedule = optax.warmup_cosine_decay_schedule(
        0.0, config.diffusion.learning_rate, max(1, steps // 30), steps
    )
    return optax.adamw(schedule, weight_decay=0.0)


def _train(
    config: ConfigDict, folder: pathlib.Path, apply: Callable, params, vectors, heldout
) -> list[dict]:
    settings, key = config.diffusion, parts.keys(config)["training"]
    tx, noise = _optimiser(config), process(config)
    advance = train.make_advance(
        noise,
        apply,
        tx,
        batch=settings.batch,
        decay=settings.decay,
        jitter=settings.jitter,
    )
    score = train.make_score(noise, apply, draws=settings.draws)
    advance_key, score_key = jax.random.split(key)
    examples, judged = vectors[~heldout], vectors[heldout]
    state, best, lines = _resume(folder, train.start(params, tx), params)
    bar = tqdm(
        total=settings.steps, initial=int(state.step), desc="diffusion", unit="step"
    )
    while int(state.step) < settings.steps:
        clock = records.now()
        steps = min(settings.every, settings.steps - int(state.step))
        state, losses = advance(advance_key, state, examples, steps=steps)
        lines.append(
            {
                "step": int(state.step),
                "loss_train": float(losses.mean()),
                "loss_heldout": float(score(score_key, state.average, judged)),
            }
        )
        lines[-1]["chosen"] = _choose(lines, settings.tolerance)
        if lines[-1]["chosen"]:
            best = jax.tree.map(jnp.copy, state.average)
        lines[-1].update(records.since(clock))
        # Lines first: a resumed run drops those behind its newest checkpoint.
        records.write_lines(folder / "train.jsonl", lines)
        whole = {"state": state, "chosen": best}
        checkpoint.save(folder / "checkpoints", int(state.step), whole)
        bar.update(steps)
        bar.set_postfix(heldout=f"{lines[-1]['loss_heldout']:.4f}")
    bar.close()
    checkpoint.save(folder / "chosen", 0, best)
    return lines


def _resume(folder: pathlib.Path, state: train.State, params):
    """The newest state, chosen parameters and lines of a training, or fresh ones."""
    # The chosen parameters travel with the state, so that a resumed run has them.
    whole = {"state": state, "chosen": params}
    newest = checkpoint.latest(folder / "checkpoints")
    if newest is not None:
        whole = checkpoint.restore(folder / "checkpoints", newest, whole)
    lines = records.read_lines(folder / "train.jsonl")
    last = int(whole["state"].step)
    return whole["state"], whole["chosen"], [x for x in lines if x["step"] <= last]


def _choose(lines: list[dict], tolerance: float) -> bool:
    """Whether the newest parameters are the ones to sample from so far.

    The held-out loss has a flat minimum, along which samples still sharpen: the last
    parameters within `tolerance` of the lowest loss are taken.
    """
    lowest = min(line["loss_heldout"] for line in lines)
    return lines[-1]["loss_heldout"] <= (1.0 + tolerance) * lowest


if __name__ == "__main__":
    launch.main(run)
