r"""Trains a denoiser on the fitted weights of training instances.

  python -m experiments.train_diffusion --config=configs/digits.py --workdir=runs/digits

Reads fit/<representation>/, writes diffusion/<generator>/: the encoding, Orbax
checkpoints, train.jsonl, metrics.json. A second run resumes on the same trajectory, on
any number of devices. `sample` uses the parameters in chosen/: the loss on validation
weights selects the step and one of the moving averages.

Several processes can train one denoiser on all their devices; start them with the same
flags as for `fit`.
"""

import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import optax
from ml_collections import ConfigDict
from tqdm import tqdm

from experiments.domain.data import Data
from experiments.domain.representation import Representation
from experiments.generator import choice, conditions, distil, encoding, network
from experiments.generator.distil import Lesson
from experiments.generator.trained import Generator
from experiments.recipe import divergence
from experiments.recipe.generator import (
    chosen,
    generator_name,
    generator_of,
    settings_of,
    teacher_of,
)
from experiments.recipe.opening import opened
from experiments.recipe.planned import as_planned
from experiments.recipe.representation import representation_of
from experiments.running import binding, launch, processes, run_folder
from experiments.running.keys import keys
from wsjax import checkpoint, costs, files, tree
from wsjax.diffusion import train


def run(config: ConfigDict, workdir: str) -> dict[str, float]:
    """Trains the recipe's generator; returns the metrics.

    It learns from encoded weights or, with `diffusion.teacher`, from samples of another
    generator.
    """
    recipe, config = config, chosen(config)
    with processes.in_turn():
        data, root = opened(recipe, workdir)
        folder = root / "diffusion" / generator_name(config)
        binding.bind(folder, settings_of(config))
    stage = f"diffusion {folder.name}"
    metrics = run_folder.finished(folder, stage, ("chosen", "encoding"))
    if metrics is not None:
        return metrics
    form = representation_of(config, root, data.shape)
    clock, compiled = costs.now(), costs.compile_seconds()
    own = lesson(recipe, root, folder, form, data)
    prepared = costs.since(clock)
    metrics = fitted(config, folder, own)
    metrics |= costs.total([prepared, metrics])
    metrics["compile_seconds"] = round(costs.compile_seconds() - compiled, 3)
    if processes.first():
        run_folder.close(folder, stage, metrics)
    return metrics


def lesson(
    recipe: ConfigDict,
    root: pathlib.Path,
    folder: pathlib.Path,
    form: Representation,
    data: Data,
) -> Lesson:
    """What the recipe's generator learns from; its encoding is written to `folder`.

    `recipe`: before `chosen`.
    """
    config = chosen(recipe)
    generator = generator_of(config)
    if not config.diffusion.teacher:
        return _of_fits(generator, root, folder, form, data)
    teacher, pairs = teacher_of(recipe), config.diffusion.pairs
    return distil.lesson(generator, teacher, root, folder, form, data, pairs=pairs)


def fitted(config: ConfigDict, folder: pathlib.Path, lesson: Lesson) -> dict:
    """Trains a denoiser in `folder`; returns metrics, its own costs among them.

    `config`: from `chosen`.
    """
    lines = _train(config, generator_of(config), folder, lesson)
    best = [line for line in lines if line["chosen"]][-1]
    return {
        "steps": lines[-1]["step"],
        "steps_chosen": best["step"],
        "decay_chosen": best["decay"],
        "loss_train": best["loss_train"],
        "loss_validation": best["loss_validation"],
        "loss_validation_lowest": min(line["loss_validation"] for line in lines),
        "parameters": tree.count(lesson.params),
        "numbers_diffused": lesson.examples.vectors.shape[1],
        "n_train": int((~lesson.heldout).sum()),
        **costs.total(lines),
    }


def _of_fits(
    generator: Generator,
    root: pathlib.Path,
    folder: pathlib.Path,
    form: Representation,
    data: Data,
) -> Lesson:
    """The data set of encoded weights and labels, and fresh parameters."""
    fits = encoding.fitted(root, form, data, beside="validation", copies=True)
    _check_split(fits.heldout)
    if _newest(folder / "encoding") is None:
        latent_options, seed = generator.latent, generator.seed
        made = encoding.make(latent_options, form, fits, data, seed=seed)
        if generator.denoiser.grid:
            network.paint(folder, form, fits, data, made)
        encoding.save(folder, made)
    code = encoding.restore(generator.latent, folder, form)
    vectors = np.asarray(encoding.project(fits.vectors, code))
    told = generator.conditional, data, code
    labels = conditions.labels(*told, vectors, fits.rows)
    examples = train.Examples(vectors, labels)
    own, count = (generator.denoiser, generator.process), conditions.shares(*told)
    built = network.network(*own, folder, form, data, code, classes=len(count))
    params = built.init(keys(generator.seed)["denoiser"])
    return Lesson(built.apply, params, examples, fits.heldout)


def _check_split(heldout: np.ndarray) -> None:
    """Raises a ValueError if no fit is for validation, or all are (`heldout` `[N]`)."""
    if heldout.any() and not heldout.all():
        return
    missing = "training" if heldout.all() else "validation"
    raise ValueError(
        f"none of the {len(heldout)} finished fits is of a {missing} instance; a "
        "denoiser is trained on the ones and chosen by the others: raise "
        "--config.fit.n, or leave it out, and run `python -m experiments.fit` again"
    )


def _newest(folder: pathlib.Path) -> int | None:
    """Number of the newest checkpoint, as the first process sees it; None without."""
    newest = checkpoint.latest(folder)
    number = int(processes.agreed(np.asarray(-1 if newest is None else newest)))
    return None if number < 0 else number


def _optimiser(config: ConfigDict) -> optax.GradientTransformation:
    """Adam with 1/30 of the steps as warm-up, then a cosine to zero."""
    steps = config.diffusion.steps
    schedule = optax.warmup_cosine_decay_schedule(
        0.0, config.diffusion.learning_rate, max(1, steps // 30), steps
    )
    return optax.adamw(schedule, weight_decay=0.0)


def _train(
    config: ConfigDict, generator: Generator, folder: pathlib.Path, lesson: Lesson
) -> list[dict]:
    """Trains from the newest checkpoint on; returns the lines of train.jsonl."""
    apply, params, examples, heldout = lesson
    settings, key = config.diffusion, keys(config.seed)["training"]
    mesh = processes.mesh(settings.devices, settings.batch // settings.accumulate)
    tx, noise = _optimiser(config), generator.process
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
    while int(state.step) < settings.steps and not choice.over(
        lines, settings.patience
    ):
        clock = costs.now()
        steps = min(settings.every, settings.steps - int(state.step))
        state, losses = advance(advance_key, state, seen, steps=steps)
        line = {"step": int(state.step), "loss_train": float(losses.mean())}
        scored = _scores(score, score_key, state.averages, tree.row(examples, heldout))
        lowest = int(np.argmin(scored))
        line |= {"loss_validation": scored[lowest], "decay": settings.decays[lowest]}
        divergence.check(line, config)
        line["chosen"] = choice.chosen([*lines, line], settings.tolerance)
        if line["chosen"]:
            best = jax.tree.map(jnp.copy, state.averages[lowest])
        lines.append(line | costs.since(clock))
        if processes.first():
            # Before the checkpoint: a resumed run drops lines that are newer.
            files.write_lines(folder / "train.jsonl", lines)
        whole = {"state": state, "chosen": best}
        checkpoint.save(folder / "checkpoints", int(state.step), whole)
        bar.update(steps)
        bar.set_postfix(heldout=f"{line['loss_validation']:.4f}")
    bar.close()
    checkpoint.save(folder / "chosen", 0, best)
    return lines


def _scores(score, key: jax.Array, averages, judged: train.Examples) -> list[float]:
    """Held-out loss of each moving average, computed by the first process for all."""
    losses = np.zeros(len(averages), np.float32)
    if processes.first():
        here = jax.tree.map(lambda x: x.addressable_data(0), averages)
        losses[:] = [score(key, params, judged) for params in here]
    return processes.agreed(losses).tolist()


def _resume(folder: pathlib.Path, state: train.State, params):
    """State, chosen parameters and lines of the newest checkpoint, or fresh ones."""
    # Checkpoints hold the chosen parameters, too, so that a resumed run has them.
    whole = {"state": state, "chosen": params}
    newest = _newest(folder / "checkpoints")
    if newest is not None:
        whole = checkpoint.restore(folder / "checkpoints", newest, whole)
    last = int(whole["state"].step)
    lines = run_folder.lines_until(folder / "train.jsonl", last)
    return whole["state"], whole["chosen"], lines


if __name__ == "__main__":
    launch.main(as_planned(run), many_processes=True)
