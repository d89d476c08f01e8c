r"""Measures a few fits of many settings, and chooses sizes for the data at hand.

  python -m experiments.plan --config=configs/images.py --workdir=runs/mine \
      --config.data.path=pictures --config.plan.target=33.0

Fits some validation instances with every setting of the recipe's section `plan`, at the
recipe's own fits unless the setting says otherwise, and prints the front: the settings
that no other beats in quality (dB, for shapes IoU), numbers and CPU-seconds per field.
What was measured is the prediction for all instances of the data; nothing is
interpolated. Of the representations in `plan.choose_from` it chooses the setting of the
fewest numbers that reaches `plan.target`, or the best one within `plan.numbers` and
`plan.seconds`. With `--check` it fits the front once more, to validation instances that
it has not seen, with `--test` also to test instances, and writes what was predicted
beside what was measured.

A recipe with `plan.first=True` stands for what its plan chose: `experiments.pipeline`
plans first, among `plan.choose_from` alone, and goes on with the choice; every later
binary with the same flags reads it from the run folder. A run folder that was begun
without a plan goes on without one. The plan's own folder, plan/, is bound to the recipe
as it was given, the run folder to the one that was chosen: either refuses a changed
recipe.

Writes plan/: base/, <representation>/trials.jsonl, front.jsonl, chosen.json with the
chosen setting and the whole recipe, metrics.json, check.json with `--check` and
<representation>/metrics.json with `--test`. A second run resumes.
"""

import json
import os
import pathlib
import shutil
from collections.abc import Sequence

import numpy as np
from absl import flags
from ml_collections import ConfigDict

from experiments import sweep, train_base
from experiments.domain.data import Data
from experiments.fitting import checked, front
from experiments.recipe.opening import opened
from experiments.recipe.planned import begun_without, check_plan, place, planned, wanted
from experiments.recipe.representation import standalone, with_name
from experiments.recipe.trial import with_trial
from experiments.running import launch, parts, run_folder
from wsjax import files
from wsjax.data import split
from wsjax.representations import FAMILIES

_CHECK = flags.DEFINE_bool("check", False, "Fit the front to other instances.")
_TEST = flags.DEFINE_bool("test", False, "With --check: to test instances, too.")

_SHOWN = ("numbers_per_field", "cpu_seconds_per_field", "bytes_per_field")


def run(
    config: ConfigDict,
    workdir: str,
    *,
    names: Sequence[str] | None = None,
    again: Sequence[str] = (),
) -> dict[str, object]:
    """Measures the settings, writes front and choice; returns the metrics.

    Args:
      config: the recipe.
      workdir: the run folder.
      names: representations to measure, all of `plan.choose_from` among them; None: all
        of `plan.variants`.
      again: parts, of "validation" and "test", on which the front is fitted again.

    Raises:
      ValueError: if the recipe has no plan or one that cannot work; if `plan.first` is
        True and the run folder was begun without a plan; if no setting of
        `plan.choose_from` could be fitted; at the end, if representations failed.
    """
    root = pathlib.Path(workdir)
    if wanted(config) and begun_without(root):
        raise ValueError(
            f"{root} was begun without a plan, which cannot change it; give "
            "--config.plan.first=False to only look, or a fresh --workdir"
        )
    check_plan(config)
    folder, own = place(root), _as_sweep(config)
    data, _ = opened(config, str(folder))
    names = [x for x in config.plan.variants if names is None or x in names]
    _learn_base(config, folder, names)
    rows = few(data, data.rows("validation"), config.plan.n)
    found, failed = parts.each(
        names, lambda name: sweep.swept(own, folder, data, name, rows)
    )
    if not set(found) & set(config.plan.choose_from):
        parts.refuse(failed, "representations")  # Why nothing can be chosen.
    lines = [line for some in found.values() for line in some]
    quality = "psnr_db" if data.domain.overlap is None else "iou"
    metrics = _choose(config, folder, lines, quality)
    if wanted(config):
        _begin(planned(config, workdir), root, own)
    for part in again:
        _check(own, folder, data, quality, part, rows)
    parts.refuse(failed, "representations")
    return metrics


def _learn_base(config: ConfigDict, folder: pathlib.Path, names: list[str]) -> None:
    """Trains the base that factors share; other representations have their own."""
    shared = [
        name
        for name in names
        if name not in FAMILIES and not standalone(with_name(config, name))
    ]
    if shared:
        train_base.run(with_name(config, shared[0]), str(folder))


def few(data: Data, rows: np.ndarray, n: int) -> np.ndarray:
    """At most `n` of some rows, at random, in which the classes keep their shares."""
    labels = np.zeros(len(rows), int) if data.labels is None else data.labels[rows]
    return rows[split.subset(labels, n)]


def _as_sweep(config: ConfigDict) -> ConfigDict:
    """The recipe with its plan in place of its sweep: the fits begin as its own do."""
    own = config.copy_and_resolve_references()
    begin = {key: config.fit[key] for key in ("consensus", "rounds")}
    own.sweep.update(folder=".", n=config.plan.n, target=None, **begin)
    own.sweep.variants = config.plan.variants
    return own


def _choose(
    config: ConfigDict, folder: pathlib.Path, lines: list[dict], quality: str
) -> dict[str, object]:
    """Writes front.jsonl, chosen.json and metrics.json, and prints the front."""
    measure, plan = f"{quality}_mean", config.plan
    settings = front.settings(lines, measure)
    among = [x for x in settings if x["name"] in plan.choose_from]
    if not among:
        raise ValueError(
            f"all settings of plan.choose_from={tuple(plan.choose_from)} diverged; "
            "give lower learning rates in plan.variants"
        )
    asked = front.Asked(*(plan[key] for key in front.Asked._fields))
    chosen, kept = front.choose(among, measure, asked)
    kind = ("name", "trial", "n", measure, f"{quality}_ci95", *_SHOWN)
    best = [{k: x[k] for k in kind} for x in front.front(settings, measure)]
    files.write_lines(folder / "front.jsonl", best)
    own = with_trial(config, chosen["name"], chosen["trial"])
    own.plan.first = False
    files.write_json(
        folder / "chosen.json",
        {
            **{k: chosen[k] for k in kind},
            "asked": asked._asdict(),
            "kept": kept,
            "recipe": json.loads(own.to_json()),
        },
    )
    _print(best, chosen, quality)
    if not kept:
        print(f"no setting keeps {asked}; the chosen one is the nearest", flush=True)
    shown = {k: chosen[k] for k in kind if k != "trial"}
    metrics = {**shown, "kept": kept, "n_settings": len(settings), "n_front": len(best)}
    return run_folder.close(folder, "plan", metrics)


def _print(best: list[dict], chosen: dict, quality: str) -> None:
    measure, half = f"{quality}_mean", f"{quality}_ci95"
    print(f"  {'':2}{'representation':16}{quality:>16} numbers  CPU-s  bytes  setting")
    for line in best:
        same = all(line[k] == chosen[k] for k in ("name", "trial"))
        numbers, seconds, size = (line[key] for key in _SHOWN)
        print(
            f"  {'*' if same else '':2}{line['name']:16}"
            f"{line[measure]:8.4g} ± {line[half]:5.2g} {numbers:7} {seconds:6.2g} "
            f"{size:6}  {json.dumps(line['trial'])}"
        )
    print(f"chosen: {chosen['name']} {json.dumps(chosen['trial'])}", flush=True)


def _begin(chosen: ConfigDict, root: pathlib.Path, own: ConfigDict) -> None:
    """Binds the run folder to the chosen recipe, and gives it the base of the plan."""
    opened(chosen, str(root))
    trial = files.read_json(place(root) / "chosen.json")["trial"]
    source = sweep.home(own, place(root), chosen.adapter.name, trial) / "base"
    if (root / "base").exists() or not source.exists():
        return
    half = root / "base.half"
    shutil.rmtree(half, ignore_errors=True)
    shutil.copytree(source, half)
    os.replace(half, root / "base")


def _check(
    own: ConfigDict,
    folder: pathlib.Path,
    data: Data,
    quality: str,
    part: str,
    seen: np.ndarray,
) -> None:
    """Fits what the plan calls best to instances of a part that it has not seen."""
    rows = np.setdiff1d(data.rows(part), seen)
    if len(rows) < 2:
        raise ValueError(
            f"--check: expected two {part} instances or more beside the {len(seen)} of "
            f"the plan, found {len(rows)}; lower --config.plan.n, or use --test"
        )
    rows = few(data, rows, own.plan.checked)

    def again(line: dict) -> dict:
        """The line of a trial on these rows; it is kept, and read by a second run."""
        name = line["name"]
        (found,) = sweep.resumed(
            folder / name / f"{part}_{len(rows)}.jsonl",
            [line["trial"]],
            lambda trial: sweep.tried(own, folder, data, name, trial, rows),
        )
        return found

    def base_seconds(line: dict) -> float:
        """CPU-seconds of the base; a whole field has none."""
        if standalone(with_name(own, line["name"])):
            return 0.0
        home = sweep.home(own, folder, line["name"], line["trial"])
        return files.read_json(home / "base" / "metrics.json")["cpu_seconds"]

    checked.predictions(folder, part, again, quality)
    if part == "test":
        checked.curves(folder, again, base_seconds, quality)


if __name__ == "__main__":
    launch.main(
        lambda config, workdir: run(
            config,
            workdir,
            again=("validation",) * _CHECK.value + ("test",) * _TEST.value,
        )
    )
