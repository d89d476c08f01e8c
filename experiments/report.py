r"""Composes the report: one self-contained page about everything in a run folder.

  python -m experiments.report --config=configs/digits.py --workdir=runs/digits

Reads what the other binaries wrote, writes report.html. Pictures and style are part of
the page, nothing is fetched. Stages that are missing are named and left out.
"""

import base64
import io
import json
import math
import pathlib
import shlex
import sys
from collections import defaultdict
from typing import NamedTuple

import jinja2
import numpy as np
from absl import flags
from ml_collections import ConfigDict
from PIL import Image

from experiments import figures, launch, parts, run_folder
from wsjax import adapters, records, store

_NONE = "–"
_SHEET_WIDTH = 620  # Pixels that a sheet of pictures may take on the page.
_LISTED = 50  # Failed instances that the page names.

# Stage: the binary that runs it, and what it did.
_STAGES = {
    "base": ("train_base", "{n} training instances, {steps} steps"),
    "fit": (
        "fit",
        "{n_done} of {n} instances, {steps} steps each, {numbers_per_field} numbers "
        "per field",
    ),
    "diffusion": (
        "train_diffusion",
        "{n_train} weight sets as {numbers_diffused} numbers each, {steps} steps, "
        "{parameters} parameters",
    ),
    "samples": ("sample", "{n} samples, {denoiser_calls} denoiser calls each"),
    "evaluate": ("evaluate", "{n_sampled} samples against {n_real} real instances"),
    "analyze": ("analyze", "{n} instances, {n_heldout} of them held out"),
}
_GENERATORS = {
    "gaussian_pca": "Gaussian in PCA space",
    "add_noise": "training instance plus noise",
    "average_two": "average of two training instances",
    "resample_heldout": "held-out instances, drawn again",
}
# Column heading, metric, format.
_REPRESENTATION_COLUMNS = (
    ("Numbers per field", "numbers_per_field", "{:,}"),
    ("Instances", "n_fitted", "{:,}"),
    ("Steps", "steps", "{:,}"),
    ("Learning rate", "learning_rate", "{:g}"),
    ("PSNR mean (dB)", "psnr_db_mean", "{:.2f}"),
    ("PSNR 5 % (dB)", "psnr_db_p05", "{:.2f}"),
    ("PSNR mean, same instances (dB)", "psnr_db_common", "{:.2f}"),
    ("Components for 90 %", "components_90", "{:,}"),
    ("Fields per CPU-second", "fields_per_cpu_second", "{:,.1f}"),
    ("Bytes per field", "bytes_per_field", "{:,}"),
)
_NOVELTY_COLUMNS = (
    ("Novelty ratio, pictures", "novelty_function", "{:.2f}"),
    ("Novelty ratio, weights", "novelty_weights", "{:.2f}"),
    ("Recognised", "confident_fraction", "{:.1%}"),
    ("Smallest class", "class_fraction_min", "{:.1%}"),
)


class Run(NamedTuple):
    """A run folder as read: `metrics[stage][representation]`, the study's own first.

    The base belongs to all representations and stands under "".
    """

    root: pathlib.Path
    config: ConfigDict
    data: parts.Data
    metrics: dict[str, dict[str, dict]]

    @property
    def name(self) -> str:
        """The representation that the page is about."""
        return self.config.adapter.name

    def own(self, stage: str) -> dict | None:
        """Metrics of a stage of this representation, None if it did not finish."""
        return self.metrics[stage].get("" if stage == "base" else self.name)


class Table(NamedTuple):
    """Headings, and rows whose first cell is a name; `marked` is the one that stands
    out."""

    head: list[str]
    rows: list[list[str]]
    marked: str


def run(config: ConfigDict, workdir: str) -> pathlib.Path:
    """Writes the page; returns its path."""
    if config.adapter.name not in adapters.ADAPTERS:
        raise ValueError(
            f"adapter.name={config.adapter.name!r} is no representation; choose one of "
            f"{sorted(adapters.ADAPTERS)}"
        )
    data = parts.data(config)
    root = run_folder.open_run(config, workdir, data)
    study = Run(root, config, data, _metrics(root, config.adapter.name))
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(pathlib.Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template("report.html").render(_content(study, workdir))
    path = root / "report.html"
    records.write_bytes(path, page.encode())
    print(f"report: {path}", flush=True)
    return path


def _metrics(root: pathlib.Path, own: str) -> dict[str, dict[str, dict]]:
    order = [own, *(name for name in adapters.ADAPTERS if name != own)]
    found = {}
    for stage in _STAGES:
        names = [""] if stage == "base" else order
        paths = {name: root / stage / name / "metrics.json" for name in names}
        found[stage] = {
            name: records.read_json(path)
            for name, path in paths.items()
            if path.exists()
        }
    return found
