r"""Compares how well representations reconstruct, each prepared for its own fits.

  python -m experiments.reconstruction --config=configs/digits.py --workdir=runs/digits

A base that rehearsed the fits of one representation serves that one best. So each has a
run folder of its own, reconstruction/<representation>/run/, with a base that rehearsed
just its fits; whole fields have a start that was meta-learnt for as many episodes in
place of a base. There the trials of the section `sweep` are compared on validation
instances, as `experiments.sweep` does. The best one is then judged on test instances:
at the steps of the recipe; with as many steps as fit into the CPU time of the slowest
representation; and with ever more steps, up to where the PSNR on validation instances
stops rising. Writes reconstruction/<representation>/: chosen.json, with these three
trials, and metrics.json. A second run resumes.
"""

import json
import os
import pathlib
import shutil

from ml_collections import ConfigDict

from experiments import sweep, train_base
from experiments.domain.data import Data
from experiments.recipe.opening import opened
from experiments.recipe.representation import standalone, with_name
from experiments.running import binding, launch, run_folder
from wsjax import files

_ENOUGH = 0.1  # dB of PSNR: a doubling of the steps that gains less is the last one.


def run(config: ConfigDict, workdir: str, *, like: str = "") -> dict[str, dict]:
    """Compares the representations of the section `sweep`; returns metrics of each.

    `like`: run folder of another seed, whose trials are judged here too; "": they are
    chosen on the validation instances of this run.
    """
    data, root = opened(config, workdir)
    train_base.run(config, workdir)
    forms = {name: prepared(config, name) for name in config.sweep.variants}
    for name, form in forms.items():
        binding.bind(root / "reconstruction" / name, _settings(form, name, like))
    spent = {}
    for name, form in forms.items():
        place = _place(root, name)
        if not standalone(form):
            _borrow(root / "base", place / "base")
        spent[name] = train_base.run(form, str(place))["cpu_seconds"]
    if not like:
        _choose(forms, root, data)
    source = pathlib.Path(like or root)
    return {
        name: _judged(form, root, data, _chosen(source, name), spent[name])
        for name, form in forms.items()
    }


def _settings(form: ConfigDict, name: str, like: str) -> dict:
    """What the metrics of a representation depend on beside the recipe's own fits."""
    own = json.loads(form.reconstruction.to_json())
    tuned = {"like": pathlib.Path(like).name}
    tried = {"tried": json.loads(form.sweep.to_json())["variants"][name]}
    return {"reconstruction": own, **tuned, **tried, **sweep.settings_of(form)}


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


def _choose(forms: dict[str, ConfigDict], root: pathlib.Path, data: Data) -> None:
    """Writes chosen.json of each representation, where it is missing."""
    trials = {}
    for name, form in forms.items():
        lines = sweep.swept(form, _place(root, name), data, name)
        trials[name] = sweep.best(name, lines, None)
    slowest = max(trial["cpu_seconds_per_field"] for trial in trials.values())
    for name, trial in trials.items():
        path = root / "reconstruction" / name / "chosen.json"
        if not path.exists():
            own = trial["trial"]
            equal = {**own, "steps": sweep.equal_steps(trial, slowest)}
            longest = _longest(forms[name], _place(root, name), data, trial)
            found = {"": own, "_equal_cpu": equal, "_converged": longest}
            files.write_json(path, found)


def _chosen(root: pathlib.Path, name: str) -> dict[str, dict]:
    """The trials of a representation, by the end of the names of their metrics."""
    path = root / "reconstruction" / name / "chosen.json"
    run_folder.need(path, "reconstruction")
    return files.read_json(path)


def _judged(
    config: ConfigDict,
    root: pathlib.Path,
    data: Data,
    chosen: dict[str, dict],
    spent: float,
) -> dict:
    """Metrics of the chosen trials of a representation on test instances.

    `spent`: CPU-seconds of the base, or of the meta-learnt start.
    """
    name, options = config.adapter.name, config.reconstruction
    folder = root / "reconstruction" / name
    if (metrics := run_folder.finished(folder, f"reconstruction {name}")) is not None:
        return metrics
    test = data.rows("test")[: options.n]
    metrics = {"cpu_seconds_base": spent, "n": len(test)}
    for end, trial in chosen.items():
        found = sweep.tried(config, _place(root, name), data, name, trial, test)
        metrics[f"psnr_db_test_mean{end}"] = found["psnr_db_mean"]
        metrics[f"psnr_db_test_ci95{end}"] = found["psnr_db_ci95"]
        metrics[f"steps{end}"] = found["steps"]
        metrics[f"learning_rate{end}"] = found["learning_rate"]
        metrics[f"cpu_seconds_per_field{end}"] = found.get("cpu_seconds_per_field")
        metrics["numbers_per_field"] = found["numbers_per_field"]
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
