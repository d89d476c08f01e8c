r"""Judges generated weights: quality, novelty, floors, baselines and an audit.

  python -m experiments.evaluate --config=configs/digits.py --workdir=runs/digits

Reads fit/, diffusion/ and samples/<generator>/, writes evaluate/<generator>/:
metrics.json, baselines.json (the same metrics for trivial generators), audit.json (each
verdict in words) and pictures. The recipe's own generator has the name of its
representation; `--config.generator=` names another generator of the recipe, a rival,
which is judged in the same way, and against the same trivial generators: those that see
values, and those that see weights of the recipe's own representation (of the rival's,
as long as there are no fits of the recipe's own).
"""

import json
import pathlib
from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np
from ml_collections import ConfigDict

from experiments.domain.data import Data
from experiments.domain.representation import show
from experiments.generator import encoding
from experiments.judging import (
    baselines,
    copies,
    judge,
    likeness,
    samples,
    scores,
    trials,
    verdicts,
)
from experiments.judging.baselines import Fields
from experiments.judging.spaces import Judging
from experiments.page import sheets
from experiments.page.summary import print_table
from experiments.recipe.evaluation import judging_of
from experiments.recipe.generator import OURS, chosen, drawing_of, generator_of
from experiments.recipe.opening import opened
from experiments.recipe.planned import as_planned
from experiments.recipe.representation import representation_of
from experiments.running import binding, blas, launch, run_folder
from wsjax import costs, files, store, tree

_SHOWN = 50  # Most samples on nearest.png.


class Study(NamedTuple):
    """The generator that is judged, and the fits that it was trained on.

    `name`: of the generator; `fields`: the representation with these fits; `bar`: the
    one whose weights trivial generators see; `n`: number of samples that the recipe
    asks for; `rivals`: names of its other generators; `own`: whether this is its own.
    """

    judging: Judging
    root: pathlib.Path
    name: str
    data: Data
    fields: Fields
    bar: Fields
    n: int
    rivals: list[str]
    own: bool

    @property
    def folder(self) -> pathlib.Path:
        """Folder of the metrics and pictures."""
        return self.root / "evaluate" / self.name

    @property
    def samples(self) -> pathlib.Path:
        """Folder of the samples."""
        return self.root / "samples" / self.name


@blas.one_thread
def run(config: ConfigDict, workdir: str) -> dict[str, float]:
    """Judges the samples of the recipe's generator, and baselines; returns metrics."""
    data, root = opened(config, workdir)
    recipe, config = config, chosen(config)
    name = (generator := generator_of(config)).name
    home = _home(recipe, config, root)
    binding.bind(root / "evaluate" / name, _settings(config, home))
    metrics = run_folder.finished(
        root / "evaluate" / name, "evaluate", ("baselines.json", "audit.json")
    )
    if metrics is not None:
        return metrics
    clock = costs.now()
    run_folder.need(root / "samples" / name / "manifest.json", "sample")
    form = representation_of(config, root, data.shape)
    _, fits, _ = fields = baselines.fields(root, form, data)
    study = Study(
        judging_of(config),
        root,
        name,
        data,
        fields,
        bar=fields if home == form.name else _bar(recipe, root, data),
        n=config.sample.n,
        rivals=list(config.generators),
        own=config.generator == OURS,
    )
    code = encoding.restore(generator.latent, root / "diffusion" / name, form)
    codec = encoding.codec(form, fits.first, code)
    render, encode = show(form, data), jax.jit(jax.vmap(codec.encode))

    def seen(n: int, adapters, labels: np.ndarray) -> samples.Made:
        drawn = adapters, render(adapters), np.asarray(encode(adapters)), labels
        return samples.made(jury, n, *drawn)

    real, lesson = (data, form, fits), data.rows("validation")
    jury = judge.of_fits(
        study.judging, *real, codec, render, part="test", lesson=lesson, n=study.n
    )
    made = seen(*_samples(study))
    metrics = scores.figures(study.judging, jury, made)
    metrics |= likeness.figures(study.judging, jury, made)
    trivial, drawn = _baselines(study, jury, seen, metrics)
    audited = _audited(study, jury, made, drawn)
    metrics |= audited.pop(name) | _others(study, jury, render)
    trivial = {key: trivial.get(key, {}) | figures for key, figures in audited.items()}
    print_table(judge.first_feature(jury), {name: metrics, **trivial})
    _draw(study, jury, made, jax.jit(jax.vmap(codec.decode)))
    _keep_baselines(study, recipe.adapter.name, metrics, trivial)
    metrics |= costs.since(clock)
    return run_folder.close(study.folder, f"evaluate {name}", metrics)


def _home(recipe: ConfigDict, config: ConfigDict, root: pathlib.Path) -> str:
    """The representation whose fits are the bar: the recipe's own, once it has any."""
    own = recipe.adapter.name
    fitted = (root / "fit" / own / "metrics.json").exists()
    return own if fitted else config.adapter.name


def _settings(config: ConfigDict, home: str) -> dict:
    """What a verdict depends on, as JSON types."""
    judged = json.loads(config.evaluate.to_json())
    n = {"n": config.sample.n}
    return {"evaluate": judged, "bar": home} | drawing_of(config) | n


def _bar(recipe: ConfigDict, root: pathlib.Path, data: Data) -> Fields:
    """The fits of the recipe's own representation, by which rivals are held too."""
    return baselines.fields(root, representation_of(recipe, root, data.shape), data)


def _samples(study: Study) -> tuple:
    """The number of samples drawn; the finite ones, stacked; and their class labels."""
    weights, instances = store.load(study.samples, like=study.fields.fits.first)
    done = store.done(instances)
    labels = np.array([instance.get("label", -1) for instance in instances])
    return len(done), tree.row(weights, done), labels[done]


def _baselines(
    study: Study, jury, seen: Callable, like: dict
) -> tuple[dict[str, dict], dict[str, samples.Made]]:
    """Metrics of trivial generators of weights, and their samples, which it draws too.

    A rival has the samples for the audit alone. `like`: metrics of the generator.
    """
    judging, n, bar = study.judging, study.n, study.bar
    drawn = baselines.draws(bar.fits, n, seed=judging.seed)
    adapters = {name: bar.decode(rows) for name, rows in drawn.items()}
    sheets.baselines(study.folder, study.data.domain.views(bar.form), adapters)
    if not study.own:
        render = show(bar.form, study.data)
        return {}, {k: samples.of_values(jury, render(x)) for k, x in adapters.items()}
    made = {name: seen(n, x, np.full(n, -1)) for name, x in adapters.items()}
    figures = {
        name: scores.figures(judging, jury, x, like=like)
        | likeness.figures(judging, jury, x, like=like)
        for name, x in made.items()
    }
    return figures, made


def _audited(
    study: Study, jury: judge.Judge, made: samples.Made, drawn: dict[str, samples.Made]
) -> dict[str, dict[str, float]]:
    """Figures of the audit by generator, trivial ones too; writes audit.json."""
    seed = study.judging.seed
    sets = {study.name: made, baselines.AGAIN: drawn[baselines.AGAIN]}
    trivial = {name: x for name, x in drawn.items() if name != baselines.AGAIN}
    bar, render = study.bar, baselines.shown(study.bar, study.data)
    shown = render(bar.fits.vectors)
    known = copies.known(jury, shown, bar.fits.heldout, seed=seed)
    found = verdicts.verdicts(study.judging, jury, known, sets, trivial, n=study.n)
    files.write_json(study.folder / "audit.json", verdicts.described(found))
    figures = {name: verdicts.figures(verdict) for name, verdict in found.items()}
    figures[study.name] |= copies.noticed(jury, known.own, made.values, seed=seed)
    if study.own:
        figures[study.name] |= trials.of_judge(
            study.judging, jury, bar, render, shown, n=study.n
        )
    return figures


def _others(study: Study, jury: judge.Judge, render: Callable) -> dict[str, float]:
    """Metrics that only pictures or only shapes have (`Domain.compare`)."""
    _, fits, decode = study.fields
    heldout = np.flatnonzero(fits.heldout)

    def pairs():
        return jury.real[heldout], render(decode(fits.vectors[heldout]))

    return study.data.domain.compare(study.samples, fits.rows, fits.heldout, pairs)


def _keep_baselines(study: Study, home: str, metrics: dict, baselines: dict) -> None:
    """Writes baselines.json; the one of the recipe's own generator includes rivals."""
    evaluated, rivals = study.root / "evaluate", {}
    if study.own:
        for name in study.rivals:
            path = evaluated / name / "metrics.json"
            if path.exists():
                found = files.read_json(path)
                rivals[name] = {k: x for k, x in found.items() if k not in costs.KEYS}
    elif (path := evaluated / home / "baselines.json").exists():
        files.write_json(path, files.read_json(path) | {study.name: metrics})
    files.write_json(study.folder / "baselines.json", {**baselines, **rivals})


def _draw(study: Study, jury: judge.Judge, made, decode: Callable) -> None:
    """Draws samples beside real things, and fits below originals."""
    (form, fits, fitted_of), taught = study.fields, study.data.rows("train")
    view = study.data.domain.views(form)
    _, indices = judge.nearest(judge.flat(made.values[:_SHOWN]), jury.taught())
    sampled = tree.row(made.adapters, slice(_SHOWN))
    sheets.nearest(study.folder, view, sampled, taught[indices])
    first = tree.row(made.adapters, slice(sheets.SIDE**2))
    again = decode(jury.vectors[jury.heldout][: sheets.SIDE**2])
    sheets.beside(study.folder, view, first, again)
    chosen = np.flatnonzero(jury.heldout)[:12]
    instances = store.manifest(study.root / "fit" / form.name)["instances"]
    rows = fits.rows[chosen]
    fitted = fitted_of(fits.vectors[chosen])
    described = [instances[row] for row in rows]
    sheets.reconstructions(study.folder, view, fitted, rows, described)
    study.data.domain.examples(form, study.folder, fitted, rows)


if __name__ == "__main__":
    launch.main(as_planned(run))
