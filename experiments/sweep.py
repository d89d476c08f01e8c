r"""Tunes every representation on training instances; tables compare held-out ones.

  python -m experiments.sweep --config=configs/digits.py --workdir=runs/digits

Every variant of the recipe's `sweep` section is fitted at each of its learning rates,
from a consensus start of its own, to the last training instances. Then the best of
each representation gets as many steps as the slowest can take in the same CPU time.
Reads base/, writes sweep/<representation>/: trials.jsonl, metrics.json. A second run
of the command resumes. Recipes hold what it found.
"""

import pathlib

import numpy as np
from ml_collections import ConfigDict

from experiments import fit, launch, parts, run_folder
from wsjax import latent, records
from wsjax.analysis.interval import interval
from wsjax.fit.consensus import Diverged, consensus


def run(config: ConfigDict, workdir: str) -> dict[str, dict]:
    """Sweeps the representations of the recipe; returns the metrics of each."""
    data = parts.data(config)
    root = run_folder.open_run(config, workdir, data)
    best = {
        name: _best(name, _sweep(config, root, data, name))
        for name in config.sweep.variants
    }
    slowest = max(trial["cpu_seconds_per_field"] for trial in best.values())
    return {
        name: _close(config, root, data, trial, slowest) for name, trial in best.items()
    }


def _best(name: str, lines: list[dict]) -> dict:
    finite = [line for line in lines if line["psnr_db_mean"] is not None]
    if not finite:
        raise ValueError(
            f"all {len(lines)} trials of {name} diverged; give lower learning rates in "
            f"the recipe's sweep.variants.{name}"
        )
    return max(finite, key=lambda line: line["psnr_db_mean"])


def _close(config, root: pathlib.Path, data, best: dict, slowest: float) -> dict:
    """Metrics of the best trial, and of as many steps as `slowest` CPU-seconds buy."""
    name = best["name"]
    folder = root / "sweep" / name
    if (metrics := run_folder.finished(folder, f"sweep {name}")) is not None:
        return metrics
    steps = round(best["steps"] * slowest / best["cpu_seconds_per_field"])
    longer = _try(config, root, data, name, {**best["trial"], "steps": steps})
    equal = {
        f"equal_cpu_{key}": longer[key]
        for key in ("steps", "psnr_db_mean", "psnr_db_ci95")
    }
    numbers = {k: v for k, v in best.items() if isinstance(v, int | float)}
    return run_folder.close(folder, f"sweep {name}", {**numbers, **equal})


def trials(config: ConfigDict, name: str) -> list[dict]:
    """Every trial of a representation: the recipe's values it changes."""
    return [
        {**options, "learning_rate": rate}
        for options in config.sweep.variants[name]
        for rate in options["learning_rate"]
    ]


def _sweep(config: ConfigDict, root: pathlib.Path, data, name: str) -> list[dict]:
    path = root / "sweep" / name / "trials.jsonl"
    lines = records.read_lines(path)
    for trial in trials(config, name)[len(lines) :]:
        number = {"name": name, "trial_number": len(lines)}
        lines.append({**number, **_try(config, root, data, name, trial)})
        records.write_lines(path, lines)
        print(f"sweep: {lines[-1]}", flush=True)
    return lines


def with_trial(config: ConfigDict, name: str, trial: dict) -> ConfigDict:
    """The recipe with one trial's values in place."""
    own = config.copy_and_resolve_references()
    own.adapter.name = name
    own.fit.learning_rate[name] = trial["learning_rate"]
    own.fit.steps = trial.get("steps", config.fit.steps)
    own.fit.b2 = trial.get("b2", config.fit.b2)
    own.fit.pull[name] = trial.get("pull", config.fit.pull[name])
    with own.adapter[name].unlocked():
        own.adapter[name].update(trial.get("adapter", {}))
    return own


def _try(config: ConfigDict, root: pathlib.Path, data, name: str, trial: dict) -> dict:
    """Fits one trial; returns it with its quality and its cost."""
    config = with_trial(config, name, trial)
    form = parts.representation(config, root, data.channels)
    found = {
        "trial": trial,
        "learning_rate": trial["learning_rate"],
        "psnr_db_mean": None,
        "psnr_db_ci95": None,
        "numbers_per_field": len(latent.groups(form.adapter.free(form.base))),
        "n": config.sweep.n,
        "steps": config.fit.steps,
    }
    try:
        quality, cost = _fit(config, form, data)
    except Diverged:
        return found
    found["cpu_seconds_per_field"] = cost
    if np.all(np.isfinite(quality)):
        found["psnr_db_mean"], found["psnr_db_ci95"] = interval(quality)
    return found


def _fit(config: ConfigDict, form: parts.Representation, data: parts.Data):
    """PSNR `[n]` of the sweep's instances, and CPU-seconds per field."""
    fit_many = fit.lifted(config, form)
    train = np.flatnonzero(~data.heldout)
    common, rows = train[: config.sweep.consensus], train[-config.sweep.n :]
    start = form.adapter.init(parts.keys(config)["start"], form.base)
    start = consensus(
        fit_many,
        form.base,
        start,
        parts.keys_of(config, "fit", common),
        data.signals(common),
        rounds=config.sweep.rounds,
    )
    clock = records.now()
    _, quality, _ = fit_many(
        (form.base, start), parts.keys_of(config, "fit", rows), data.signals(rows)
    )
    return quality, records.since(clock)["cpu_seconds"] / len(rows)


if __name__ == "__main__":
    launch.main(run)
