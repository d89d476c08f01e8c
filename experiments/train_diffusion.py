r"""Trains a denoiser on the fitted weights of the training part.

  python -m experiments.train_diffusion --config=configs/digits.py --workdir=runs/digits

Reads fit/<representation>/, writes diffusion/<generator>/: the encoding, Orbax
checkpoints, train.jsonl, metrics.json. A second run resumes on the same trajectory, on
any number of devices. The parameters that `sample` uses, and the moving average that
they come from, are chosen by the loss on held-out weights.

Several processes train one denoiser on the devices of all; each is told of the others,
as for `fit`.
"""

import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import optax
from ml_collections import ConfigDict
from tqdm import tqdm

from experiments import (
    conditions,
    dataset,
    distil,
    encoding,
    generators,
    launch,
    parts,
    processes,
    run_folder,
)
from wsjax import checkpoint, costs, files, latent, tree
from wsjax.diffusion import train


def run(config: ConfigDict, workdir: str) -> dict[str, float]:
    """Trains the recipe's generator, on encoded weights or on what another draws."""
    data = dataset.load(config)
    with processes.in_turn():
        root = run_folder.open_run(config, workdir, data)
    recipe, config = config, generators.chosen(config)
    name = generators.folder(config)
    folder = root / "diffusion" / name
    if (metrics := run_folder.finished(folder, f"diffusion {name}")) is not None:
        return metrics
    form = parts.representation(config, root, data.channels)
    clock = costs.now()
    if config.diffusion.teacher:
        lesson = distil.lesson(recipe, root, folder, form, data)
    else:
        lesson = _lesson(config, root, folder, form, data)
    prepared = costs.since(clock)
    lines = _train(config, folder, lesson)
    chosen = [line for line in lines if line["chosen"]][-1]
    metrics = {
        "steps": lines[-1]["step"],
        "steps_chosen": chosen["step"],
        "decay_chosen": chosen["decay"],
        "loss_train": chosen["loss_train"],
        "loss_heldout": chosen["loss_heldout"],
        "parameters": tree.count(lesson.params),
        "numbers_diffused": lesson.examples.vectors.shape[1],
        "n_train": int((~lesson.heldout).sum()),
        **costs.total([prepared, *lines]),
    }
    if processes.first():
        run_folder.close(folder, f"diffusion {name}", metrics)
    return metrics


def _lesson(config: ConfigDict, root, folder, form, data) -> distil.Lesson:
    """Encoded weights of all fits, and fresh parameters."""
    fits = encoding.fitted(root, form, data, copies=True)
    if _newest(folder / "encoding") is None:
        encoding.save(folder, encoding.make(config, form, fits, data))
    code = encoding.restore(config, folder, form)
    vectors = np.asarray(encoding.project(fits.vectors, code))
    labels = conditions.labels(config, data, code, vectors, fits.rows)
    examples = train.Examples(vectors, labels)
    count = len(conditions.shares(config, data, code))
    module, apply = parts.denoiser(config, form, count)
    params = module.init(
        parts.keys(config)["denoiser"],
        jnp.zeros(latent.size(code)),
        jnp.zeros(()),
        jnp.asarray(-1),
        train=False,
    )
    return distil.Lesson(apply, params, examples, fits.heldout)


def _newest(folder: pathlib.Path) -> int | None:
    """The newest checkpoint, as the first process sees it."""
    newest = checkpoint.latest(folder)
    found = int(processes.agreed(np.asarray(-1 if newest is None else newest)))
    return None if found < 0 else found


def _optimiser(config: ConfigDict) -> optax.GradientTransformation:
    steps = config.diffusion.steps
    schedule = optax.warmup_cosine_decay_schedule(
        0.0, config.diffusion.learning_rate, max(1, steps // 30), steps
    )
    return optax.adamw(schedule, weight_decay=0.0)


def _train(config: ConfigDict, folder, lesson: distil.Lesson) -> list[dict]:
    apply, params, examples, heldout = lesson
    settings, key = config.diffusion, parts.keys(config)["training"]
    mesh = processes.mesh(settings.devices, settings.batch // settings.accumulate)
    tx, noise = _optimiser(config), parts.process(config)
    options = ("batch", "decays", "jitter", "drop_label", "accumulate")
    advance = train.make_advance(
        noise, apply, tx, mesh=mesh, **{name: settings[name] for name in options}
    )
    score = train.make_score(noise, apply, draws=settings.draws)
    advance_key, score_key = jax.random.split(key)
    seen = train.replicate(tree.row(examples, ~heldout), mesh)
    fresh = train.start(params, tx, averages=len(settings.decays))
    state, best, lines = _resume(folder, *train.replicate((fresh, params), mesh))
    bar = tqdm(
        total=settings.steps,
        initial=int(state.step),
        desc="diffusion",
        unit="step",
        disable=not processes.first(),
    )
    while int(state.step) < settings.steps and not _over(lines, settings.patience):
        clock = costs.now()
        steps = min(settings.every, settings.steps - int(state.step))
        state, losses = advance(advance_key, state, seen, steps=steps)
        line = {"step": int(state.step), "loss_train": float(losses.mean())}
        found = _scores(score, score_key, state.averages, tree.row(examples, heldout))
        lowest = int(np.argmin(found))
        line |= {"loss_heldout": found[lowest], "decay": settings.decays[lowest]}
        line["chosen"] = _choose([*lines, line], settings)
        if line["chosen"]:
            best = jax.tree.map(jnp.copy, state.averages[lowest])
        lines.append(line | costs.since(clock))
        if processes.first():
            # Lines first: a resumed run drops those behind its newest checkpoint.
            files.write_lines(folder / "train.jsonl", lines)
        whole = {"state": state, "chosen": best}
        checkpoint.save(folder / "checkpoints", int(state.step), whole)
        bar.update(steps)
        bar.set_postfix(heldout=f"{line['loss_heldout']:.4f}")
    bar.close()
    checkpoint.save(folder / "chosen", 0, best)
    return lines


def _scores(score, key: jax.Array, averages, judged: train.Examples) -> list[float]:
    """Held-out loss of each average; the first process says what it is."""
    found = np.zeros(len(averages), np.float32)
    if processes.first():
        here = jax.tree.map(lambda x: x.addressable_data(0), averages)
        found[:] = [score(key, params, judged) for params in here]
    return processes.agreed(found).tolist()


def _resume(folder: pathlib.Path, state: train.State, params):
    """The newest state, chosen parameters and lines of a training, or fresh ones."""
    # The chosen parameters travel with the state, so that a resumed run has them.
    whole = {"state": state, "chosen": params}
    newest = _newest(folder / "checkpoints")
    if newest is not None:
        whole = checkpoint.restore(folder / "checkpoints", newest, whole)
    lines = files.read_lines(folder / "train.jsonl")
    last = int(whole["state"].step)
    return whole["state"], whole["chosen"], [x for x in lines if x["step"] <= last]


def _choose(lines: list[dict], settings: ConfigDict) -> bool:
    """Whether the newest parameters are the ones to sample from so far.

    The held-out loss has a flat minimum, along which samples still sharpen: the last
    parameters within `tolerance` of the lowest loss are taken.
    """
    lowest = min(line["loss_heldout"] for line in lines)
    if not np.isfinite(lines[-1]["loss_heldout"]):
        raise ValueError(
            f"training diverged before step {lines[-1]['step']}; lower "
            f"--config.diffusion.learning_rate={settings.learning_rate}"
        )
    return lines[-1]["loss_heldout"] <= (1.0 + settings.tolerance) * lowest


def _over(lines: list[dict], patience: int) -> bool:
    """Whether the newest `patience` evaluations all were worse than chosen ones."""
    newest = lines[-patience:] if patience else []
    return bool(newest) and not any(line["chosen"] for line in newest)


if __name__ == "__main__":
    launch.main(run, many_processes=True)
