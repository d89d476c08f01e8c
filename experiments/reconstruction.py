r"""Compares how well representations reconstruct, each prepared for its own fits.

  python -m experiments.reconstruction --config=configs/digits.py --workdir=runs/digits

A base that rehearsed the fits of one representation serves that one best. So each has a
run folder of its own, reconstruction/<representation>/run/, with a base that rehearsed
just its fits; whole fields have a start that was meta-learnt for as many episodes in
place of a base. There the trials of the section `sweep` are compared on validation
instances, as `experiments.sweep` does. The best one is then judged on test instances:
at the steps of the recipe; with as many steps as fit into the CPU time of the slowest
representation; and with ever more steps, up to where the PSNR on validation instances
stops rising. Writes reconstruction/<representation>/metrics.json. A second run resumes.
"""

import os
import pathlib
import shutil

from ml_collections import ConfigDict

from experiments import sweep, train_base
from experiments.domain.data import Data
from experiments.recipe.opening import opened
from experiments.recipe.representation import standalone, with_name
from experiments.running import launch, run_folder

_ENOUGH = 0.1  # dB of PSNR: a doubling of the steps that gains less is the last one.


def run(config: ConfigDict, workdir: str) -> dict[str, dict]:
    """Compares the representations of the section `sweep`; returns metrics of each."""
    data, root = opened(config, workdir)
    train_base.run(config, workdir)
    forms = {name: prepared(config, name) for name in config.sweep.variants}
    trials, costs = {}, {}
    for name, form in forms.items():
        place = _place(root, name)
        if not standalone(form):
            _borrow(root / "base", place / "base")
        costs[name] = train_base.run(form, str(place))["cpu_seconds"]
        lines = sweep.swept(form, place, data, name)
        trials[name] = sweep.best(name, lines, None)
    slowest = max(trial["cpu_seconds_per_field"] for trial in trials.values())
    return {
        name: _judged(form, root, data, trials[name], slowest, costs[name])
        for name, form in forms.items()
    }


def prepared(config: ConfigDict, name: str) -> ConfigDict:
    """The recipe for one representation, whose base rehearses just its fits."""
    own = with_name(config, name)
    own.base.rehearsal.adapter = name
    own.base.rehearsal.fit_learning_rate = config.fit.learning_rate[name]
    own.base.rehearsal.episodes = config.reconstruction.episodes
    own.fit.compare = own.structure.n = 0  # The base serves no other representation.
    return own


def _place(root: pathlib.Path, name: str) -> pathlib.Path:
    return root / "reconstruction" / name / "run"


def _borrow(source: pathlib.Path, place: pathlib.Path) -> None:
    """Copies the trained autodecoder, which is the same for all, to `place`."""
    if place.exists():
        return
    half = place.with_name("base.half")
    shutil.rmtree(half, ignore_errors=True)
    shutil.copytree(source / "checkpoints", half / "checkpoints")
    shutil.copy(source / "train.jsonl", half)
    os.replace(half, place)


def _judged(
    config: ConfigDict,
    root: pathlib.Path,
    data: Data,
    trial: dict,
    slowest: float,
    spent: float,
) -> dict:
    """Metrics of the best trial of a representation on test instances.

    `slowest`: CPU-seconds per field that the slowest representation takes; `spent`:
    CPU-seconds of the base, or of the meta-learnt start.
    """
    name, options = config.adapter.name, config.reconstruction
    folder = root / "reconstruction" / name
    if (metrics := run_folder.finished(folder, f"reconstruction {name}")) is not None:
        return metrics
    place, test = _place(root, name), data.rows("test")[: options.n]

    def score(trial: dict, rows) -> dict:
        return sweep.tried(config, place, data, name, trial, rows)

    equal = sweep.equal_steps(trial, slowest)
    last = _longest(config, place, data, trial)
    metrics = {"cpu_seconds_base": spent, "n": len(test)}
    for end, own in (
        ("", trial["trial"]),
        ("_equal_cpu", {**trial["trial"], "steps": equal}),
        ("_converged", last),
    ):
        found = score(own, test)
        metrics[f"psnr_db_test_mean{end}"] = found["psnr_db_mean"]
        metrics[f"psnr_db_test_ci95{end}"] = found["psnr_db_ci95"]
        metrics[f"steps{end}"] = found["steps"]
        metrics[f"learning_rate{end}"] = found["learning_rate"]
        metrics[f"cpu_seconds_per_field{end}"] = found.get("cpu_seconds_per_field")
    metrics["numbers_per_field"] = trial["numbers_per_field"]
    return run_folder.close(folder, f"reconstruction {name}", metrics)


def _longest(config: ConfigDict, place: pathlib.Path, data: Data, trial: dict) -> dict:
    """The trial with steps, and a rate for them, after which the PSNR hardly rises.

    Doubles the steps, at the same rate or half of it, as long as that gains something
    on validation instances.
    """
    rows = data.rows("validation")[: config.sweep.n]
    own, reached = {**trial["trial"], "steps": trial["steps"]}, trial["psnr_db_mean"]
    for _ in range(config.reconstruction.doublings):
        steps, rate = 2 * own["steps"], own["learning_rate"]
        found = [
            sweep.tried(config, place, data, config.adapter.name, longer, rows)
            for longer in (
                {**own, "steps": steps, "learning_rate": slower}
                for slower in (rate, rate / 2)
            )
        ]
        better = max(found, key=lambda line: line["psnr_db_mean"] or 0.0)
        gained = (better["psnr_db_mean"] or 0.0) - reached
        if gained <= 0:
            break
        own, reached = better["trial"], better["psnr_db_mean"]
        if gained < _ENOUGH:
            break
    return own


if __name__ == "__main__":
    launch.main(run)
