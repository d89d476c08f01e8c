r"""Compares how well representations reconstruct, each prepared for its own fits.

  python -m experiments.reconstruction --config=configs/digits.py --workdir=runs/digits

A base that rehearsed the fits of one representation serves that one best. So each has a
run folder of its own, reconstruction/<representation>/run/, with a base that rehearsed
just its fits; whole fields have a start that was meta-learnt for as many episodes in
place of a base. There the trials of the section `sweep` are compared on validation
instances, as `experiments.sweep` does, at further rates while the best is at an edge.
The best one is then judged on test instances: at the steps of the recipe; with as many
steps as fit into the CPU time of the slowest representation; and with ever more steps,
up to where the PSNR on validation instances stops rising. Writes
reconstruction/<representation>/: chosen.json, with these three trials, and
metrics.json. A second run resumes.
"""

import json
import os
import pathlib
import shutil

from ml_collections import ConfigDict

from experiments import sweep, train_base
from experiments.domain.data import Data
from experiments.fitting import rates
from experiments.recipe.opening import opened
from experiments.recipe.planned import as_planned
from experiments.recipe.representation import standalone, with_name
from experiments.running import binding, launch, parts, run_folder
from wsjax import files

_ENDS = ("", "_equal_cpu", "_converged")
_WIDER = 3  # Most rates that are tried beyond those of the recipe.
_ENOUGH = 0.1  # dB of PSNR: a doubling of the steps that gains less is the last one.


def run(config: ConfigDict, workdir: str, *, like: str = "") -> dict[str, dict]:
    """Compares the representations of the section `sweep`; returns metrics of each.

    `like`: run folder of another seed, whose trials are judged here too; "": they are
    chosen on the validation instances of this run.

    Raises:
      ValueError: at the end, if representations failed, naming them and the reasons.
      FileNotFoundError: at the end, if `like` has chosen no trials of some of them.
    """
    data, root = opened(config, workdir)
    train_base.run(config, workdir)
    forms = {name: prepared(config, name) for name in config.sweep.variants}
    for name, form in forms.items():
        binding.bind(root / "reconstruction" / name, _settings(form, name, like))
    spent, failed = parts.each(forms, lambda name: _based(forms[name], root))
    if not like:
        failed |= _choose({name: forms[name] for name in spent}, root, data)
    source = pathlib.Path(like or root)
    ready = [x for x in spent if x not in failed and _path(source, x).exists()]
    found, late = parts.each(
        ready,
        lambda x: _judged(forms[x], root, data, _chosen(source, x), spent[x]),
    )
    parts.refuse(failed | late, "representations")
    for name in forms:
        run_folder.need(_path(source, name), "reconstruction")
    return found


def reference(folder: pathlib.Path) -> pathlib.Path | None:
    """The run folder whose trials a run folder judges; None if it has not begun to."""
    for path in sorted(folder.glob("reconstruction/*/settings.json")):
        return folder.with_name(str(files.read_json(path).get("like") or folder.name))
    # Earlier versions wrote no settings.
    return folder if any(folder.glob("reconstruction/*/chosen.json")) else None


def _settings(form: ConfigDict, name: str, like: str) -> dict:
    """What the metrics of a representation depend on beside the recipe's own fits."""
    own = json.loads(form.reconstruction.to_json())
    tuned = {"like": pathlib.Path(like).name}
    tried = {"tried": json.loads(form.sweep.to_json())["variants"][name]}
    # Earlier versions began all fields of a sweep at the start of one of them.
    starts = {"starts": "of each field"} if standalone(form) else {}
    settings = {"reconstruction": own, **tuned, **tried, **starts}
    return settings | sweep.settings_of(form)


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


def _path(root: pathlib.Path, name: str) -> pathlib.Path:
    return root / "reconstruction" / name / "chosen.json"


def _based(form: ConfigDict, root: pathlib.Path) -> float:
    """Trains a representation's base or start; returns the CPU-seconds of that."""
    place = _place(root, form.adapter.name)
    if not standalone(form):
        _borrow(root / "base", place / "base")
    return train_base.run(form, str(place))["cpu_seconds"]


def _borrow(source: pathlib.Path, place: pathlib.Path) -> None:
    """Copies the trained autodecoder, which is the same for all, to `place`."""
    if place.exists():
        return
    half = place.with_name("base.half")
    shutil.rmtree(half, ignore_errors=True)
    shutil.copytree(source / "checkpoints", half / "checkpoints")
    shutil.copy(source / "train.jsonl", half)
    os.replace(half, place)


def _choose(
    forms: dict[str, ConfigDict], root: pathlib.Path, data: Data
) -> dict[str, str]:
    """Writes chosen.json of each representation; returns the reasons of those without.

    One that was added since may be slower, which gives all others more steps.
    """

    def best(name: str) -> dict:
        return _tuned(forms[name], _place(root, name), data)

    trials, failed = parts.each(forms, best)
    slowest = sweep.slowest_of(trials)
    _, late = parts.each(
        trials, lambda name: _choose_one(forms[name], root, data, trials[name], slowest)
    )
    return failed | late


def _tuned(form: ConfigDict, place: pathlib.Path, data: Data) -> dict:
    """The best trial, which lies at no edge of the rates tried, or three beyond it."""
    own, name = form.copy_and_resolve_references(), form.adapter.name
    for _ in range(_WIDER + 1):
        trial = sweep.best(name, sweep.swept(own, place, data, name), None)
        beyond = rates.beyond(sweep.trials(own, name), trial["trial"])
        if beyond is None:
            break
        options = {**trial["trial"], "learning_rate": (beyond,)}
        own.sweep.variants[name] = [*own.sweep.variants[name], options]
    return trial


def _choose_one(
    form: ConfigDict, root: pathlib.Path, data: Data, trial: dict, slowest: float
) -> None:
    """Writes chosen.json of a representation, unless it holds the same trials.

    `slowest`: CPU-seconds per field that the slowest representation takes.
    """
    name, own = form.adapter.name, files.finite(trial["trial"])
    known = _chosen(root, name) if _path(root, name).exists() else {}
    equal = {**own, "steps": sweep.equal_steps(trial, slowest)}
    found = {"": own, "_equal_cpu": equal}
    if found.items() <= known.items():
        return
    if known.get("") == own:
        found["_converged"] = known["_converged"]
    else:
        found["_converged"] = _longest(form, _place(root, name), data, trial)
    files.write_json(_path(root, name), found)


def _chosen(root: pathlib.Path, name: str) -> dict[str, dict]:
    """The trials of a representation, by the end of the names of their metrics."""
    return files.read_rows(_path(root, name), keys=_ENDS)


def _judged(
    config: ConfigDict,
    root: pathlib.Path,
    data: Data,
    chosen: dict[str, dict],
    spent: float,
) -> dict:
    """Metrics of the chosen trials of a representation on test instances.

    `spent`: CPU-seconds of the base, or of the start that the recipe's field learnt.
    """
    name, options = config.adapter.name, config.reconstruction
    folder = root / "reconstruction" / name
    path = folder / "metrics.json"
    known = files.read_json(path) if path.exists() else {}
    stale = [
        end
        for end, trial in chosen.items()
        if known.get(f"steps{end}") != trial.get("steps", config.fit.steps)
        or known.get(f"learning_rate{end}") != trial["learning_rate"]
    ]
    if not stale:
        return run_folder.finished(folder, f"reconstruction {name}") or {}
    test = data.rows("test")[: options.n]
    place = sweep.home(config, _place(root, name), name, chosen[""])
    if place != _place(root, name):
        spent = files.read_json(place / "base" / "metrics.json")["cpu_seconds"]
    metrics = {**known, "cpu_seconds_base": spent, "n": len(test)}
    for end in stale:
        trial = chosen[end]
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
    launch.main(as_planned(run))
