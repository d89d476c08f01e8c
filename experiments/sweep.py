r"""Tunes every representation on training instances; tables compare held-out ones.

  python -m experiments.sweep --config=configs/digits.py --workdir=runs/digits

Every variant of the recipe's `sweep` section is fitted at each of its learning rates,
from a consensus start of its own, to the last training instances. The best of each
representation is then fitted to held-out ones: for as many steps as in the recipe, and
for as many as it can take in the CPU time of the slowest.
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
    """Held-out quality of the best trial, and at what `slowest` CPU-seconds buy."""
    name = best["name"]
    folder = root / "sweep" / name
    if (metrics := run_folder.finished(folder, f"sweep {name}")) is not None:
        return metrics
    metrics = {k: v for k, v in best.items() if isinstance(v, int | float)}
    rows = np.flatnonzero(data.heldout)[: config.sweep.n]
    longer = round(best["steps"] * slowest / best["cpu_seconds_per_field"])
    for prefix, steps in (("", best["steps"]), ("equal_cpu_", longer)):
        trial = {**best["trial"], "steps": steps}
        found = _try(config, root, data, name, trial, rows)
        metrics[f"{prefix}steps"] = steps
        for key in ("mean", "ci95"):
            metrics[f"{prefix}psnr_db_heldout_{key}"] = found[f"psnr_db_{key}"]
    return run_folder.close(folder, f"sweep {name}", metrics)


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
    rows = np.flatnonzero(~data.heldout)[-config.sweep.n :]
    for number, trial in enumerate(trials(config, name)):
        if trial in [line["trial"] for line in lines]:
            continue
        found = _try(config, root, data, name, trial, rows)
        lines.append({"name": name, "trial_number": number, **found})
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


def _try(config, root: pathlib.Path, data, name: str, trial: dict, rows) -> dict:
    """Fits one trial to instances `rows`; returns it with its quality and its cost."""
    config = with_trial(config, name, trial)
    form = parts.representation(config, root, data.channels)
    found = {
        "trial": trial,
        "learning_rate": trial["learning_rate"],
        "psnr_db_mean": None,
        "psnr_db_ci95": None,
        "numbers_per_field": len(latent.groups(form.adapter.free(form.base))),
        "n": len(rows),
        "steps": config.fit.steps,
    }
    try:
        quality, cost = _fit(config, form, data, rows)
    except Diverged:
        return found
    found["cpu_seconds_per_field"] = cost
    if np.all(np.isfinite(quality)):
        found["psnr_db_mean"], found["psnr_db_ci95"] = interval(quality)
    return found


def _fit(config, form: parts.Representation, data: parts.Data, rows: np.ndarray):
    """PSNR `[n]` of instances `rows`, and CPU-seconds per field."""
    fit_many = fit.lifted(config, form)
    common = np.flatnonzero(~data.heldout)[: config.sweep.consensus]
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
