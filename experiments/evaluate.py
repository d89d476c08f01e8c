r"""Judges generated weights: quality beside novelty, floors, baselines and an audit.

  python -m experiments.evaluate --config=configs/digits.py --workdir=runs/digits

Reads fit/, diffusion/ and samples/<generator>/, writes evaluate/<generator>/:
metrics.json, baselines.json with the same keys for trivial generators, and pictures. A
generator is called after its representation, or `--config.generator=` names a rival,
which is judged in the same way.
"""

import pathlib
from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np
from ml_collections import ConfigDict

from experiments import (
    dataset,
    encoding,
    generated,
    generators,
    judge,
    launch,
    parts,
    run_folder,
    sheets,
    trivial,
    views,
)
from wsjax import costs, files, store, tree
from wsjax.metrics.reconstruction import ssim

# Columns of the closing table: ends of keys, F the feature space of the audit.
_COLUMNS = {
    "FD": "fd_F_heldout",
    "MMD-G": "mmd_gaussian_F_heldout",
    "MMD-P": "mmd_polynomial_F_heldout",
    "precision": "precision_F",
    "recall": "recall_F",
    "novelty": "novelty_function",
    "in weights": "novelty_weights",
    "failed": "failed_fraction",
    "audit": "audit_passed",
}


class Study(NamedTuple):
    """What is judged: a generator of one representation, and the fits behind it."""

    config: ConfigDict
    root: pathlib.Path
    name: str
    data: dataset.Data
    form: parts.Representation
    fits: encoding.Fitted

    @property
    def folder(self) -> pathlib.Path:
        """Where the verdict goes."""
        return self.root / "evaluate" / self.name

    @property
    def samples(self) -> pathlib.Path:
        """Where the samples lie."""
        return self.root / "samples" / self.name


def run(config: ConfigDict, workdir: str) -> dict[str, float]:
    """Evaluates the samples of the recipe's generator and the baselines."""
    data = dataset.load(config)
    root, home = run_folder.open_run(config, workdir, data), config.adapter.name
    config = generators.chosen(config)
    name = generators.folder(config)
    metrics = run_folder.finished(root / "evaluate" / name, "evaluate")
    if metrics is not None:
        return metrics
    clock = costs.now()
    form = parts.representation(config, root, data.channels)
    parts.need(root / "samples" / name / "manifest.json", "sample")
    fits = encoding.fitted(root, form, data)
    study = Study(config, root, name, data, form, fits)
    code = encoding.restore(config, root / "diffusion" / name, form)
    codec = encoding.codec(form, fits.first, code)
    show, encode = parts.show(form, data), jax.jit(jax.vmap(codec.encode))

    def seen(n: int, adapters, labels: np.ndarray) -> judge.Made:
        vectors = np.asarray(encode(adapters))
        return judge.Made(n, adapters, show(adapters), vectors, labels)

    jury = judge.of_fits(config, data, form, fits, codec, show)
    made = seen(*_samples(study))
    metrics = judge.figures(config, jury, made)
    view = views.make(config, form, data)
    baselines = _known(study, jury) or _baselines(study, jury, view, seen, metrics)
    metrics |= judge.audited(jury, metrics, baselines)
    metrics |= _others(study, jury, show)
    _print_table(judge.first_feature(jury), {name: metrics, **baselines})
    _draw(study, view, jury, made)
    _keep_baselines(study, home, metrics, baselines)
    metrics |= costs.since(clock)
    return run_folder.close(study.folder, f"evaluate {name}", metrics)


def _adapters(study: Study, rows: np.ndarray):
    """Stacked adapters of free entries `[n, K]`."""
    entries = parts.entries(study.form, study.fits.first)
    return jax.jit(jax.vmap(entries.decode))(rows)


def _samples(study: Study) -> tuple:
    """How many samples were drawn, the finite ones, and what each was asked to be."""
    weights, instances = store.load(study.samples, like=study.fits.first)
    done = store.done(instances)
    labels = np.array([instance.get("label", -1) for instance in instances])
    return len(done), tree.row(weights, done), labels[done]


def _known(study: Study, jury: judge.Judge) -> dict[str, dict] | None:
    """For a rival, the baselines of its representation where they were judged."""
    config, name = study.config, study.config.adapter.name
    path = study.root / "evaluate" / name / "baselines.json"
    if config.generator == generators.OURS or not path.exists():
        return None
    found = files.read_json(path)
    key = f"fd_{judge.first_feature(jury)}_heldout"
    found = {name: m for name, m in found.items() if name not in config.generators}
    return found if key in found.get("average_two", {}) else None


def _baselines(study: Study, jury, view, seen: Callable, like: dict) -> dict[str, dict]:
    """Figures of the trivial generators, which are drawn as well."""
    config, n = study.config, study.config.sample.n
    made = {
        name: _adapters(study, rows)
        for name, rows in trivial.draws(config, study.fits).items()
    }
    sheets.baselines(study.folder, view, made)
    unasked, brief, found = np.full(n, -1), judge.briefly(jury), {}
    for name, adapters in made.items():
        # The other strengths of noise are there for the audit alone.
        by = brief if name.startswith("add_noise_") else jury
        found[name] = judge.figures(config, by, seen(n, adapters, unasked), like=like)
    return {name: m | judge.audited(jury, m, found) for name, m in found.items()}


def _others(study: Study, jury: judge.Judge, show: Callable) -> dict[str, float]:
    """Figures that pictures alone have, or shapes alone."""
    fits, data = study.fits, study.data
    if data.shapes is not None:
        folder = study.samples
        return generated.compare(study.config, data, folder, fits.rows, fits.heldout)
    if min(data.size) < 11:  # The window of the measure.
        return {"ssim_heldout_mean": np.nan}
    rows = np.flatnonzero(fits.heldout)
    pairs = zip(
        jury.real[rows], show(_adapters(study, fits.vectors[rows])), strict=True
    )
    return {"ssim_heldout_mean": float(np.mean([ssim(a, b) for a, b in pairs]))}


def _keep_baselines(study: Study, home: str, metrics: dict, baselines: dict) -> None:
    """Writes baselines.json; that of the recipe's own generator has its rivals too."""
    evaluated, rivals = study.root / "evaluate", {}
    if study.config.generator == generators.OURS:
        for name in study.config.generators:
            path = evaluated / name / "metrics.json"
            if path.exists():
                rivals[name] = files.read_json(path)
    elif (path := evaluated / home / "baselines.json").exists():
        found = files.read_json(path) | {study.name: metrics}
        files.write_json(path, found)
    for found in rivals.values():
        for cost in costs.KEYS:
            found.pop(cost, None)
    files.write_json(study.folder / "baselines.json", {**baselines, **rivals})


def _print_table(feature: str, rows: dict[str, dict]) -> None:
    """Quality beside novelty of every generator, and what real things reach."""
    own = next(iter(rows.values()))
    for end in ("floor", "ceiling"):
        ends = {key: f"{key}_{end}".replace("F", feature) for key in _COLUMNS.values()}
        rows[end] = {
            key.replace("F", feature): own[full]
            for key, full in ends.items()
            if full in own
        }
    print(f"Against held-out instances, features {feature}", flush=True)
    print(" " * 20 + "".join(f"{column:>11}" for column in _COLUMNS))
    for name, row in rows.items():
        shown = [row.get(key.replace("F", feature)) for key in _COLUMNS.values()]
        shown = [f"{'' if x is None else format(x, '.3g'):>11}" for x in shown]
        print(f"{name:20}{''.join(shown)}", flush=True)


def _draw(study: Study, view: views.Views, jury: judge.Judge, made) -> None:
    """Samples beside their nearest training instances; originals beside their fits."""
    fits, taught = study.fits, np.flatnonzero(~study.data.heldout)
    fine = np.isfinite(made.values).all(axis=tuple(range(1, made.values.ndim)))
    good = tree.row(made.adapters, fine), made.values[fine]
    sheets.nearest(study.folder, view, *good, taught, jury.taught)
    chosen = np.flatnonzero(jury.heldout)[:12]
    instances = store.manifest(study.root / "fit" / study.form.name)["instances"]
    rows = fits.rows[chosen]
    fitted = _adapters(study, fits.vectors[chosen])
    described = [instances[row] for row in rows]
    sheets.reconstructions(study.folder, view, fitted, rows, described)
    if study.data.shapes is not None:
        generated.write_meshes(study.config, study.form, study.folder, fitted, rows)


if __name__ == "__main__":
    launch.main(run)
