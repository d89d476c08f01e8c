r"""Compares where fits start: at a consensus, a guess, or what an encoder predicts.

  python -m experiments.starts --config=configs/images.py:starts --workdir=runs/mine

All are fits of one representation on one base, by no or few steps. The consensus and
the guess are learnt from fits of as many steps as the recipe says; the encoder is what
`train_base` trained, if it did. Fewer steps than the recipe's are tried at several
learning rates; the best on validation instances is reported on the same instances:
their PSNR, and how smooth the weights are. Reads base/, writes starts/: trials.jsonl,
with the best trials, and metrics.json. A second run keeps what is finished.
"""

import pathlib
from collections.abc import Iterator

import numpy as np
from ml_collections import ConfigDict

from experiments import train_base
from experiments.domain.data import Data
from experiments.domain.representation import Representation
from experiments.fitting import engine, layout
from experiments.fitting.smoothness import smoothness
from experiments.fitting.start import common_start
from experiments.recipe.fits import fit_options_of
from experiments.recipe.opening import opened
from experiments.recipe.planned import as_planned
from experiments.recipe.representation import representation_of, with_name
from experiments.running import launch, run_folder
from experiments.running.keys import keys
from wsjax import costs, files, tree
from wsjax.analysis.interval import interval

_STEPS = (0, 5, 20)
_RATES = (0.125, 0.25, 0.5, 1.0, 2.0)  # Times the recipe's, which suits its own steps.


def run(config: ConfigDict, workdir: str) -> dict:
    """Compares the starts of the representation `encoded`; returns the metrics.

    Raises:
      ValueError: if all fits of one start and number of steps diverge.
    """
    data, root = opened(config, workdir)
    folder = root / "starts"
    if (known := run_folder.finished(folder, "starts")) is not None:
        return known
    trained = train_base.run(config, workdir)
    config = with_name(config, "encoded")
    predicted = representation_of(config, root, data.shape)
    lines = []
    for name, form, shared, cost in _begun(config, root, predicted, data):
        for steps in (*_STEPS, config.fit.steps):
            found = _tried(config, root, form, data, shared, steps)
            lines.append({"start": name, **found, "start_cpu_seconds": cost})
            run_folder.told(f"{name}, {steps} steps", lines[-1])
    files.write_lines(folder / "trials.jsonl", lines)
    metrics = {
        f"{line['start']}_{line['steps']}_{key}": line[key]
        for line in lines
        for key in line.keys() - {"start", "steps"}
    }
    metrics["cpu_seconds_base"] = trained["cpu_seconds"]
    return run_folder.close(folder, "starts", metrics)


def _begun(
    config: ConfigDict, root: pathlib.Path, form: Representation, data: Data
) -> Iterator[tuple]:
    """Yields the name of each start, its form, its `(base, start, guess)`, its cost.

    The cost is in CPU-seconds, beside that of the base. That of the guess holds that of
    the consensus.
    """
    plain = form._replace(adapter=form.adapter._replace(solve=None))
    options = fit_options_of(config)._replace(steps=config.fit.steps)
    rows = data.rows("train")
    many = engine.lifted(options, plain, data, _layout(options, root, plain, data))
    for name, few in (("consensus", 0), ("guess", options.guess)):
        clock = costs.now()
        own = options._replace(guess=few)
        shared = common_start(own, plain, data, many, rows)
        yield name, plain, shared, costs.since(clock)["cpu_seconds"]
    if config.base.encoder.steps:
        spent = files.read_lines(root / "base" / "encoder.jsonl")
        shared = common_start(options, form, data, None, rows)
        yield "encoder", form, shared, costs.total(spent)["cpu_seconds"]


def _layout(options, root, form, data) -> engine.Layout:
    return layout.choose(options, root / "starts", form, data)


def _tried(
    config: ConfigDict,
    root: pathlib.Path,
    form: Representation,
    data: Data,
    shared: tuple,
    steps: int,
) -> dict:
    """Quality and smoothness of fits of some steps, at the best of some rates."""
    options = fit_options_of(config)._replace(steps=steps)
    many = engine.lifted(options, form, data, _layout(options, root, form, data))
    rows = data.rows("validation")[: config.sweep.n]
    stacked = data.domain.read(rows, form.adapter.reads)
    ones = np.ones(len(rows), np.float32)
    many(shared, *tree.row((stacked, ones), slice(options.group)))  # Compiles.
    best: tuple | None = None
    for rate in _RATES if 0 < steps < config.fit.steps else (1.0,):
        clock = costs.now()
        fits = engine.Fits(*many(shared, stacked, rate * ones), rate * ones)
        cost = costs.since(clock)["cpu_seconds"] / len(rows)
        mean = float(np.mean(fits.quality))
        if np.isfinite(mean) and (best is None or mean > best[0]):
            best = mean, fits, rate, cost
    if best is None:
        raise ValueError(
            f"all rates of {steps} steps diverged; lower --config.fit.learning_rate."
            f"{form.name}={options.learning_rate}"
        )
    mean, half = interval(best[1].quality)
    key = keys(config.seed)["trivial"]
    return {
        "steps": steps,
        "n": len(rows),
        "psnr_db_mean": mean,
        "psnr_db_ci95": half,
        "learning_rate": best[2] * options.learning_rate,
        "cpu_seconds_per_field": best[3],
        **smoothness(
            key,
            form,
            data,
            shared[1],
            best[1].weights,
            rows,
            components=config.evaluate.components,
        ),
    }


if __name__ == "__main__":
    launch.main(as_planned(run))
