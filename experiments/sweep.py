r"""Tunes every representation on training instances; tables compare held-out ones.

  python -m experiments.sweep --config=configs/digits.py --workdir=runs/digits

Every variant of the recipe's `sweep` section is fitted at each of its learning rates,
from a start of its own, to the last training instances: its quality, what it costs,
how smooth its weights are. The best of each representation (by quality, or the cheapest
that reaches `sweep.target`) is then fitted to held-out instances: for as many steps,
and for as many as it can take in the CPU time of the slowest. The variant `:speed` of a
recipe sweeps what makes fits fast, into speed/ in place of sweep/.
Reads base/, writes sweep/<representation>/: trials.jsonl, metrics.json. A second run
of the command resumes. Recipes hold what it found.
"""

import pathlib

import numpy as np
from ml_collections import ConfigDict

from experiments.domain.data import Data
from experiments.domain.representation import Representation
from experiments.fitting import engine, layout
from experiments.fitting.engine import FitOptions, Layout
from experiments.fitting.smoothness import smoothness
from experiments.fitting.start import common_start
from experiments.recipe.fits import BY_NAME, fit_options_of
from experiments.recipe.opening import opened
from experiments.recipe.representation import representation_of, with_name
from experiments.running import launch, run_folder
from experiments.running.keys import keys
from wsjax import costs, files, latent, tree
from wsjax.analysis.interval import interval
from wsjax.fit.consensus import Diverged


def run(config: ConfigDict, workdir: str) -> dict[str, dict]:
    """Sweeps the representations of the recipe; returns the metrics of each."""
    data, root = opened(config, workdir)
    chosen = {
        name: best(name, _sweep(config, root, data, name), config.sweep.target)
        for name in config.sweep.variants
    }
    slowest = max(trial["cpu_seconds_per_field"] for trial in chosen.values())
    return {
        name: _close(config, root, data, trial, slowest)
        for name, trial in chosen.items()
    }


def best(name: str, lines: list[dict], target: float | None) -> dict:
    """The cheapest trial that reaches `target` dB; without one, that of most dB.

    Raises:
      ValueError: if all trials diverged.
    """
    finite = [line for line in lines if line["psnr_db_mean"] is not None]
    if not finite:
        raise ValueError(
            f"all {len(lines)} trials of {name} diverged; give lower learning rates in "
            f"the recipe's sweep.variants.{name}"
        )
    reached = [x for x in finite if target is not None and x["psnr_db_mean"] >= target]
    if reached:
        return max(reached, key=lambda line: line["fields_per_cpu_second"])
    return max(finite, key=lambda line: line["psnr_db_mean"])


def _close(config, root: pathlib.Path, data, trial: dict, slowest: float) -> dict:
    """Held-out quality of the best trial, and at what `slowest` CPU-seconds buy."""
    name = trial["name"]
    folder = root / config.sweep.folder / name
    stage = f"{config.sweep.folder} {name}"
    if (metrics := run_folder.finished(folder, stage)) is not None:
        return metrics
    metrics = {k: v for k, v in trial.items() if isinstance(v, int | float)}
    rows = np.flatnonzero(data.heldout)[: config.sweep.n]
    longer = round(trial["steps"] * slowest / trial["cpu_seconds_per_field"])
    for prefix, steps in (("", trial["steps"]), ("equal_cpu_", longer)):
        own = {**trial["trial"], "steps": steps}
        found = _try(config, root, data, name, own, rows)
        metrics[f"{prefix}steps"] = steps
        for key in ("mean", "ci95"):
            metrics[f"{prefix}psnr_db_heldout_{key}"] = found[f"psnr_db_{key}"]
    return run_folder.close(folder, stage, metrics)


def trials(config: ConfigDict, name: str) -> list[dict]:
    """Every trial of a representation: the recipe's values it changes."""
    return [
        {**options, "learning_rate": rate}
        for options in config.sweep.variants[name]
        for rate in options["learning_rate"]
    ]


def _sweep(config: ConfigDict, root: pathlib.Path, data, name: str) -> list[dict]:
    path = root / config.sweep.folder / name / "trials.jsonl"
    lines = files.read_lines(path)
    rows = np.flatnonzero(~data.heldout)[-config.sweep.n :]
    for number, trial in enumerate(trials(config, name)):
        if trial in [line["trial"] for line in lines]:
            continue
        found = _try(config, root, data, name, trial, rows)
        lines.append({"name": name, "trial_number": number, **found})
        files.write_lines(path, lines)
        print(f"sweep: {lines[-1]}", flush=True)
    return lines


def with_trial(config: ConfigDict, name: str, trial: dict) -> ConfigDict:
    """The recipe with one trial's values in place.

    A trial holds `learning_rate`, any other key of the recipe's `fit`, and under
    `adapter` options of the representation.

    Raises:
      ValueError: if the recipe's `fit` has no such key.
    """
    own = with_name(config, name)
    own.fit.update(consensus=config.sweep.consensus, rounds=config.sweep.rounds)
    for key, value in trial.items():
        if key in BY_NAME:
            own.fit[key][name] = value
        elif key in own.fit:
            own.fit[key] = value
        elif key != "adapter":
            raise ValueError(
                f"a trial of sweep.variants.{name} changes {key!r}, which is no key of "
                f"the recipe's fit: {sorted(own.fit)}"
            )
    with own.adapter[name].unlocked():
        own.adapter[name].update(trial.get("adapter", {}))
    return own


def _try(config, root: pathlib.Path, data, name: str, trial: dict, rows) -> dict:
    """Fits one trial to instances `rows`; returns it with its quality and its cost."""
    config = with_trial(config, name, trial)
    form = representation_of(config, root, data.channels)
    found = {
        "trial": trial,
        "learning_rate": trial["learning_rate"],
        "psnr_db_mean": None,
        "psnr_db_ci95": None,
        "numbers_per_field": len(latent.groups(form.adapter.free(form.base))),
        "n": len(rows),
        "steps": config.fit.steps,
    }
    options = fit_options_of(config)
    folder = root / config.sweep.folder / name
    spread = layout.choose(options, folder, form, data)
    components = config.evaluate.components
    try:
        measured = _measured(options, form, data, spread, rows, components=components)
    except Diverged:
        return found
    return found | measured


def _measured(
    options: FitOptions,
    form: Representation,
    data: Data,
    spread: Layout,
    rows: np.ndarray,
    *,
    components: int,
) -> dict:
    """Quality, cost and smoothness of the fits of instances `rows`."""
    many = engine.lifted(options, form, data, spread)
    clock = costs.now()
    common = np.flatnonzero(~data.heldout)
    shared = common_start(options, form, data, many, common)
    found = {"start_cpu_seconds": costs.since(clock)["cpu_seconds"]}
    stacked, rate = data.domain.read(rows), np.ones(len(rows), np.float32)
    first = slice(0, options.group)
    many(shared, *tree.row((stacked, rate), first))  # Compiles.
    clock = costs.now()
    fits = engine.Fits(*many(shared, stacked, rate), rate)
    cost = costs.since(clock)["cpu_seconds"] / len(rows)
    found |= {"cpu_seconds_per_field": cost, "fields_per_cpu_second": 1 / cost}
    if np.all(np.isfinite(fits.quality)):
        found["psnr_db_mean"], found["psnr_db_ci95"] = interval(fits.quality)
        found["steps_mean"] = float(np.mean(fits.steps))
        key = keys(options.seed)["trivial"]
        found |= smoothness(
            key, form, data, shared[1], fits.weights, rows, components=components
        )
    return found


if __name__ == "__main__":
    launch.main(run)
