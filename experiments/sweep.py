r"""Tunes each representation on validation instances.

  python -m experiments.sweep --config=configs/digits.py --workdir=runs/digits

A trial is a variant of the recipe's `sweep` section at one of its learning rates. Each
trial computes a common start, fits validation instances and records quality, cost and
smoothness of the weights. The best trial of each representation (the highest PSNR or,
with `sweep.target`, the fastest that reaches it) is then fitted once more, with as many
steps as fit into the CPU time of the slowest representation. What was tuned here `fit`
judges, on the test part. The variant `:speed` of a recipe sweeps settings for speed and
writes to speed/ in place of sweep/. Reads base/, writes sweep/<representation>/:
trials.jsonl and metrics.json. A second run resumes. The best settings were copied into
the recipes by hand.
"""

import hashlib
import json
import pathlib
from collections.abc import Callable

import numpy as np
from ml_collections import ConfigDict

from experiments import train_base
from experiments.domain.data import Data
from experiments.fitting import layout, linear, measured
from experiments.recipe import trial as recipes
from experiments.recipe.fits import fit_options_of
from experiments.recipe.opening import opened
from experiments.recipe.planned import as_planned
from experiments.recipe.representation import meta_learnt, representation_of
from experiments.running import binding, compiled, launch, parts, run_folder
from wsjax import files, latent
from wsjax.fit.consensus import Diverged
from wsjax.representations import FAMILIES


def run(config: ConfigDict, workdir: str) -> dict[str, dict]:
    """Sweeps the representations of the recipe; returns the metrics of each.

    Raises:
      ValueError: at the end, if representations failed, naming them and the reasons.
    """
    data, root = opened(config, workdir)
    target = config.sweep.target
    chosen, failed = parts.each(
        config.sweep.variants,
        lambda name: best(name, swept(config, root, data, name), target),
    )
    slowest = slowest_of(chosen)
    found, late = parts.each(
        chosen, lambda name: _close(config, root, data, chosen[name], slowest)
    )
    parts.refuse(failed | late, "representations")
    return found


def best(name: str, lines: list[dict], target: float | None) -> dict:
    """The fastest trial that reaches `target` dB; if none does, the one of most dB.

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
    """Metrics of the best trial, also at equal CPU time.

    `slowest`: CPU-seconds per field that the slowest representation takes.
    """
    name = trial["name"]
    folder = root / config.sweep.folder / name
    stage = f"{config.sweep.folder} {name}"
    longer = equal_steps(trial, slowest)
    same = {"trial_number": trial["trial_number"], "equal_cpu_steps": longer}
    # Trials that were added since may be better, or slower.
    known = run_folder.finished(folder, stage)
    if known is not None and same.items() <= known.items():
        return known
    metrics = {k: v for k, v in trial.items() if isinstance(v, int | float)}
    rows = data.rows("validation")[: config.sweep.n]
    metrics |= linear.measure(data, rows, numbers=trial["numbers_per_field"])
    own = {**trial["trial"], "steps": longer}
    found = tried(config, root, data, name, own, rows)
    metrics["equal_cpu_steps"] = longer
    for key in ("psnr_db_mean", "psnr_db_ci95"):
        metrics[f"equal_cpu_{key}"] = found[key]
    return run_folder.close(folder, stage, metrics)


def slowest_of(trials: dict[str, dict]) -> float:
    """CPU-seconds per field of the slowest of some trials; 0 if there are none."""
    return max((x["cpu_seconds_per_field"] for x in trials.values()), default=0.0)


def equal_steps(trial: dict, slowest: float) -> int:
    """Steps of a trial that take `slowest` CPU-seconds per field."""
    return round(trial["steps"] * slowest / trial["cpu_seconds_per_field"])


def settings_of(config: ConfigDict) -> dict:
    """What a trial depends on beside base and fits; others may be added later."""
    return {"sweep": {k: config.sweep[k] for k in ("n", "consensus", "rounds")}}


def trials(config: ConfigDict, name: str) -> list[dict]:
    """All trials of a representation, such as `{"learning_rate": 0.02, "steps": 9}`."""
    return recipes.trials_of(config.sweep.variants[name])


def swept(
    config: ConfigDict,
    root: pathlib.Path,
    data: Data,
    name: str,
    rows: np.ndarray | None = None,
) -> list[dict]:
    """Runs the trials that trials.jsonl lacks; returns the lines of the recipe's.

    `rows`: instances that are fitted; None: the first `sweep.n` of the validation part.
    """
    path = root / config.sweep.folder / name / "trials.jsonl"
    binding.bind(path.parent, settings_of(config))
    if rows is None:
        rows = data.rows("validation")[: config.sweep.n]
    return resumed(
        path,
        trials(config, name),
        lambda trial: tried(config, root, data, name, trial, rows),
    )


def resumed(
    path: pathlib.Path, wanted: list[dict], one: Callable[[dict], dict]
) -> list[dict]:
    """The lines of some trials; those that the file lacks are run and appended.

    Args:
      path: JSON lines, in the folder of a representation.
      wanted: the trials.
      one: runs a trial and returns its line, as `tried` does.
    """
    lines, name = files.read_lines(path), path.parent.name
    for number, trial in enumerate(wanted):
        if trial in [line["trial"] for line in lines]:
            continue
        found = one(trial)
        lines.append({"name": name, "trial_number": number, **found})
        files.write_lines(path, lines)
        run_folder.told(f"trial {number} of {name}", trial | found)
    return [line for line in lines if line["trial"] in wanted]


def with_trial(config: ConfigDict, name: str, trial: dict) -> ConfigDict:
    """The recipe with the values of one trial, and the start of the sweep.

    `consensus` and `rounds` come from the section `sweep`, unless the trial has them.
    """
    begin = {key: config.sweep[key] for key in ("consensus", "rounds")}
    return recipes.with_trial(config, name, {**begin, **trial})


def home(config, root: pathlib.Path, name: str, trial: dict) -> pathlib.Path:
    """The run folder with the base of a trial, or with the start of its whole fields.

    A meta-learnt start serves the very field that it was learnt with. A trial of
    another field, as of another Fourier scale, has one of its own, learnt here once. So
    has every trial of a representation whose base is of its own kind.
    """
    options = {"adapter": trial.get("adapter", {})}
    own = recipes.with_trial(config, name, options)
    if name in FAMILIES:
        told = {name: own.adapter[name].to_dict()}
    elif (
        meta_learnt(own, name) and own.adapter[name].field != config.adapter[name].field
    ):
        told = own.adapter[name].field.to_dict()
    else:
        return root
    digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
    place = root / "starts" / digest[:12]
    train_base.run(own, str(place))
    return place


def tried(config, root: pathlib.Path, data, name: str, trial: dict, rows) -> dict:
    """Fits one trial to instances `rows`; returns its line (PSNR None: diverged)."""
    place = home(config, root, name, trial)
    config = with_trial(config, name, trial)
    form = representation_of(config, place, data.shape)
    options = fit_options_of(config)
    line = {
        "trial": trial,
        "learning_rate": options.learning_rate,
        "psnr_db_mean": None,
        "psnr_db_ci95": None,
        "numbers_per_field": len(latent.groups(form.adapter.free(form.base))),
        "n": len(rows),
        "steps": options.steps,
    }
    folder = root / config.sweep.folder / name
    spread = layout.choose(options, folder, form, data)
    components = config.evaluate.components
    try:
        found = measured.measure(
            options, form, data, spread, rows, components=components
        )
    except Diverged:
        return line
    finally:
        compiled.forget()
    return line | found


if __name__ == "__main__":
    launch.main(as_planned(run))
