r"""Tunes the denoiser of each generator on validation instances.

  python -m experiments.tune --config=configs/digits.py --workdir=runs/digits

For the recipe's own generator and each of `config.generators` that learns from fits:
first trains at every learning rate of the section `tune`, at the generator's own batch
size; then, at the rate of the lowest validation loss, with every other batch size.
Every trial sees as many instances, `tune.share` of those that the recipe trains on, so
that all cost about the same; `--rows` names some of the generators. Runs train_base and
fit first. Writes tune/<generator>/: trials.jsonl and metrics.json, with the best trial.
A second run resumes. Recipes of this project hold the best settings, copied by hand.
"""

import functools
import pathlib
from collections.abc import Sequence

from ml_collections import ConfigDict

from experiments import generation, train_diffusion
from experiments.domain.data import Data
from experiments.generator.distil import Lesson
from experiments.recipe import dataset
from experiments.recipe.generator import (
    chosen,
    generator_name,
    settings_of,
    with_generator,
)
from experiments.recipe.opening import opened
from experiments.recipe.planned import as_planned
from experiments.recipe.representation import representation_of
from experiments.running import binding, compiled, launch, parts, run_folder
from wsjax import files
from wsjax.fit.consensus import Diverged


def run(
    config: ConfigDict, workdir: str, *, names: Sequence[str] = ()
) -> dict[str, dict]:
    """Tunes generators that learn from fits; returns the best trial of each.

    `names`: "ours" and keys of `config.generators`; (): all but those that are trained
    longer, which have the settings of the others. Those that need labels which the data
    lack are left out.

    Raises:
      ValueError: if the recipe has no such generator; at the end, if generators failed,
        naming them and the reasons.
    """
    generation.check(config, names)
    listed = generation.served(config, names, dataset.load(config))
    recipes = {name: with_generator(config, name) for name in listed}
    found, failed = parts.each(
        [x for x, recipe in recipes.items() if not chosen(recipe).diffusion.teacher],
        lambda name: _tuned(recipes[name], workdir),
    )
    parts.refuse(failed, "generators")
    return {generator_name(recipes[name]): trial for name, trial in found.items()}


def _tuned(recipe: ConfigDict, workdir: str) -> dict:
    """The best trial of one generator, as its metrics.json has it."""
    generation.fits(recipe, workdir)
    data, root = opened(recipe, workdir)
    folder = root / "tune" / generator_name(recipe)
    stage = f"tune {folder.name}"
    # Rates and batches may be added later.
    share = {"tune": {"share": recipe.tune.share}}
    binding.bind(folder, share | settings_of(chosen(recipe)))
    form = representation_of(chosen(recipe), root, data.shape)
    lines = _swept(recipe, root, folder, form, data)
    return run_folder.close(folder, stage, best(lines))


def _swept(
    recipe: ConfigDict, root: pathlib.Path, folder: pathlib.Path, form, data: Data
) -> list[dict]:
    """Runs the trials that trials.jsonl lacks; returns the lines of the recipe's."""
    config, path = chosen(recipe), folder / "trials.jsonl"
    lines, own = files.read_lines(path), []
    lesson = functools.cache(
        lambda: train_diffusion.lesson(recipe, root, folder, form, data)
    )

    def add(rate: float, batch: int) -> None:
        at = {"learning_rate": rate, "batch": batch}
        known = [line for line in lines if at.items() <= line.items()]
        if not known:
            place = folder / f"rate_{rate:g}_batch_{batch}"
            known = [at | _tried(config, at, place, lesson())]
            lines.extend(known)
            files.write_lines(path, lines)
            run_folder.told(f"trial of {folder.name}", lines[-1])
        own.extend(line for line in known if line not in own)

    for rate in config.tune.learning_rates:
        add(rate, config.diffusion.batch)
    rate = best(own)["learning_rate"]
    for batch in config.tune.batches:
        add(rate, batch)
    return own


def _tried(config: ConfigDict, at: dict, place: pathlib.Path, lesson: Lesson) -> dict:
    """Trains one trial; its metrics, None in place of the losses if it diverged."""
    trial = config.copy_and_resolve_references()
    seen = config.tune.share * config.diffusion.steps * config.diffusion.batch
    steps = max(1, round(seen / at["batch"]))
    trial.diffusion.update(at, steps=steps, every=max(1, steps // 10), patience=0)
    try:
        found = train_diffusion.fitted(trial, place, lesson)
    except Diverged:
        return {"steps": steps, "loss_validation": None, "cpu_seconds": None}
    finally:
        compiled.forget()
    # A tuned generator chooses its own last step: trials are compared at their best.
    lowest = found["loss_validation_lowest"]
    costs = {key: found[key] for key in ("steps", "cpu_seconds")}
    return costs | {"loss_validation": lowest}


def best(lines: list[dict]) -> dict:
    """The trial of the lowest validation loss, with `n_trials`.

    Raises:
      ValueError: if all diverged.
    """
    finite = [line for line in lines if line["loss_validation"] is not None]
    if not finite:
        raise ValueError(
            f"all {len(lines)} trials diverged; give lower --config.tune.learning_rates"
        )
    lowest = min(finite, key=lambda line: line["loss_validation"])
    return {**lowest, "n_trials": len(lines)}


if __name__ == "__main__":
    launch.main(
        as_planned(
            lambda config, workdir: run(config, workdir, names=generation.rows())
        )
    )
