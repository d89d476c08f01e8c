r"""Tunes every representation on training instances that no table reports.

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
from wsjax import adapters, latent, records
from wsjax.analysis.interval import interval
from wsjax.fit.consensus import consensus


def run(config: ConfigDict, workdir: str) -> dict[str, dict]:
    """Sweeps all representations; returns the metrics of each."""
    data = parts.data(config)
    root = run_folder.open_run(config, workdir, data)
    best = {
        name: max(_sweep(config, root, data, name), key=_quality)
        for name in adapters.ADAPTERS
    }
    slowest = max(trial["cpu_seconds_per_field"] for trial in best.values())
    return {
        name: _close(config, root, data, trial, slowest) for name, trial in best.items()
    }


def _quality(trial: dict) -> float:
    return -np.inf if trial["psnr_db_mean"] is None else trial["psnr_db_mean"]


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


def _with(config: ConfigDict, name: str, trial: dict) -> ConfigDict:
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
    config = _with(config, name, trial)
    form = parts.representation(config, root, data.channels)
    fit_many = fit.lifted(config, form)
    train = np.flatnonzero(~data.heldout)
    common, rows = train[: config.sweep.consensus], train[-config.sweep.n :]
    start = form.adapter.init(parts.keys(config)["start"], form.base)
    start = consensus(
        fit_many,
        form.base,
        start,
        fit.keys_of(config, common),
        data.signals(common),
        rounds=config.sweep.rounds,
    )
    clock = records.now()
    _, quality, good = fit_many(
        (form.base, start), fit.keys_of(config, rows), data.signals(rows)
    )
    cost = records.since(clock)["cpu_seconds"] / len(rows)
    found = {"psnr_db_mean": None, "psnr_db_ci95": None}
    if good.all():
        found["psnr_db_mean"], found["psnr_db_ci95"] = interval(quality)
    return {
        "trial": trial,
        "learning_rate": trial["learning_rate"],
        **found,
        "numbers_per_field": len(latent.groups(form.adapter.free(form.base))),
        "n": len(rows),
        "n_diverged": int(np.sum(~good)),
        "steps": config.fit.steps,
        "cpu_seconds_per_field": cost,
    }


if __name__ == "__main__":
    launch.main(run)
