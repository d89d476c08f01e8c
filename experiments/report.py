r"""Writes the report: one self-contained HTML page about a run folder.

  python -m experiments.report --config=configs/digits.py --workdir=runs/digits

Reads the results of the other binaries, writes report.html. Pictures and styles are
embedded, so the page needs no other file and no network. The page says which stages are
missing.
"""

import json
import math
import pathlib
import shlex
import sys
from typing import NamedTuple

import numpy as np
from absl import flags
from ml_collections import ConfigDict

from experiments.domain.data import Data
from experiments.page import comparison, embed, showcase, template
from experiments.recipe.opening import opened
from experiments.recipe.planned import as_planned
from experiments.recipe.representation import representation_name
from experiments.recipe.structure import own_row, rows_of
from experiments.running import launch
from wsjax import costs, files, store
from wsjax.representations import NAMES

# Folders of the stages, and the binaries that write them.
_STAGES = {
    "base": "train_base",
    "fit": "fit",
    "diffusion": "train_diffusion",
    "samples": "sample",
    "evaluate": "evaluate",
    "analyze": "analyze",
}
# Folders of the studies that compare representations. The table of stages omits them:
# `analyze` runs the structure study, so its time already includes that.
_STUDIES = ("structure", "sweep")


class Study(NamedTuple):
    """A run folder with the metrics of its finished stages.

    `metrics[stage][name]`: metrics by representation or generator, the recipe's own
    first; those of the base, which all share, are `metrics["base"][""]`. Those of the
    structure study are by row, such as "mlora_asym_skip".
    """

    root: pathlib.Path
    config: ConfigDict
    data: Data
    metrics: dict[str, dict[str, dict]]

    @property
    def name(self) -> str:
        """Name of the representation that the page is about."""
        return self.config.adapter.name

    def key(self, stage: str) -> str:
        """Key of this representation's metrics in `metrics[stage]`."""
        return "" if stage == "base" else self.name


def run(config: ConfigDict, workdir: str) -> pathlib.Path:
    """Writes the page for the recipe's representation; returns its path.

    Raises:
      ValueError: if no stage is finished, or a file of the run folder is damaged.
    """
    name = representation_name(config)
    data, root = opened(config, workdir)
    metrics = _metrics(root, name, config)
    if not any(metrics.values()):
        first, last = _STAGES["base"], "python -m experiments.pipeline"
        raise ValueError(
            f"{workdir} has no finished stage to report on; run `python -m experiments."
            f"{first}` with this --config and --workdir first, or `{last}` for all"
        )
    page = template.render(_content(Study(root, config, data, metrics), workdir))
    path = root / "report.html"
    files.write_bytes(path, page.encode())
    print(f"report: {path}", flush=True)
    return path


def _metrics(
    root: pathlib.Path, own: str, config: ConfigDict
) -> dict[str, dict[str, dict]]:
    """Reads the metrics of all finished stages, see `Study`."""
    names = [own, *config.generators, *NAMES]
    order = {"base": [""], "structure": rows_of(config)}
    metrics = {}
    for stage in (*_STAGES, *_STUDIES):
        listed = dict.fromkeys(order.get(stage, names))
        paths = {name: root / stage / name / "metrics.json" for name in listed}
        finished = {n: p for n, p in paths.items() if p.exists()}
        metrics[stage] = {n: files.read_json(p) for n, p in finished.items()}
    return metrics


def _content(study: Study, workdir: str) -> dict:
    """Variables of the template page/report.html."""
    own = {stage: study.metrics[stage].get(study.key(stage)) for stage in _STAGES}
    rows = [
        {"stage": stage, "name": name, "metrics": metrics}
        for stage in _STAGES
        for name, metrics in ({study.key(stage): None} | study.metrics[stage]).items()
    ]
    data = study.data
    recipe = files.read_json(study.root / "recipe.json")
    judged = study.metrics["evaluate"], study.name, list(study.config.generators)
    rivals = comparison.generators(study.root, *judged)
    return {
        "config": study.config,
        "name": study.name,
        "binary": _STAGES | {"structure": "structure"},
        "own": own,
        "stages": rows,
        "total": costs.total([row["metrics"] for row in rows if row["metrics"]]),
        "size": (int(data.originals.sum()), *data.size, data.channels),
        "values": math.prod((*data.size, data.channels)),
        "shapes": showcase.content(study.root, study.name, data, study.metrics["fit"]),
        "class_share": _smallest_class(study.data.labels),
        "recipe": recipe,
        "recipe_text": json.dumps(recipe["recipe"], indent=2),
        "command": _command(workdir),
        "pictures": _pictures(study),
        "drawn": _drawn(study),
        "representations": _compared(study),
        "probed": comparison.probed(own["analyze"] or {}, data.domain.view),
        "structure": study.metrics["structure"],
        "own_row": own_row(study.config),
        "perturbations": comparison.perturbations(study.metrics["structure"]),
        "sweep": comparison.ordered(study.metrics["sweep"]),
        "features": _features(rivals),
        "generators": rivals,
        "noticed": comparison.noticed(own["evaluate"] or {}),
        "failures": _failures(study),
    }


def _compared(study: Study) -> list[dict]:
    rates = study.config.fit.learning_rate
    return comparison.fits(study.root, study.metrics["fit"], rates)


def _smallest_class(labels: np.ndarray | None) -> float | None:
    """Fraction of the instances in the rarest class; None without labels."""
    if labels is None:
        return None
    return float(np.unique(labels, return_counts=True)[1].min() / len(labels))


def _command(workdir: str) -> str | None:
    """Command of the pipeline with the flags of this process; None without flags."""
    if not flags.FLAGS.is_parsed() or flags.FLAGS["workdir"].value != workdir:
        return None
    return f"python -m experiments.pipeline {shlex.join(sys.argv[1:])}"


def _features(rows: list[dict]) -> list[str]:
    """Names of the feature spaces, from keys such as `fd_classifier_floor`."""
    keys = rows[0] if rows else ()
    names = [k[3:-6] for k in keys if k.startswith("fd_") and k.endswith("_floor")]
    # `fd_NAME_test_floor` is another distance in the same feature space.
    again = {f"{name}_test" for name in names}
    return [name for name in names if name not in again]


def _failures(study: Study) -> list[dict]:
    """What was skipped or failed, also generators: stage, name and reason."""
    failures = [
        {"stage": "data", "name": name, "reason": reason}
        for name, reason in study.data.unreadable.items()
    ]
    path = study.root / "generation.json"
    failures += [
        {"stage": "generation", "name": name, "reason": row["failed"]}
        for name, row in (files.read_rows(path) if path.exists() else {}).items()
        if "failed" in row
    ]
    for stage in ("fit", "samples"):
        for form in study.metrics[stage]:
            instances = store.manifest(study.root / stage / form)["instances"]
            failures += [
                {"stage": f"{stage} {form}", "name": i["name"], "reason": i["status"]}
                for i in instances
                if i["status"] != store.DONE
            ]
    return failures


def _pictures(study: Study) -> dict[str, dict | None]:
    """Pictures of the page as data URIs with sizes; None where a file is missing."""
    folder = {stage: study.root / stage / study.name for stage in _STAGES}
    losses = ("loss_train", "loss_validation")
    return {
        "reconstructions": embed.picture(folder["evaluate"] / "reconstructions.png"),
        "beside": embed.picture(folder["evaluate"] / "beside.png", sheet=True),
        "nearest": embed.picture(folder["evaluate"] / "nearest.png", sheet=True),
        "baselines": embed.picture(folder["evaluate"] / "baselines.png"),
        "samples": embed.picture(folder["samples"] / "samples.png", sheet=True),
        "turntable": embed.picture(folder["samples"] / "turntable.gif"),
        "tsne": embed.picture(folder["analyze"] / "tsne.png"),
        "dimension": embed.picture(folder["analyze"] / "dimension.png"),
        "paths": embed.picture(folder["analyze"] / "paths.png"),
        "structure": embed.picture(study.root / "structure" / "structure.png"),
        "base": embed.curves(study.root / "base", losses[:1], "Base field"),
        "diffusion": embed.curves(folder["diffusion"], losses, "Denoiser"),
    }


def _drawn(study: Study) -> dict[str, dict[str, dict]]:
    """Pictures by generator: sampling curves, and the samples of rivals."""
    drawn: dict[str, dict[str, dict | None]] = {"curves": {}, "samples": {}}
    for name in dict.fromkeys([study.name, *study.metrics["samples"]]):
        curves = study.root / "curves" / name / "curves.png"
        drawn["curves"][name] = embed.picture(curves)
        samples = study.root / "samples" / name / "samples.png"
        if name != study.name:
            drawn["samples"][name] = embed.picture(samples, sheet=True)
    return {k: {n: x for n, x in some.items() if x} for k, some in drawn.items()}


if __name__ == "__main__":
    launch.main(as_planned(run))
