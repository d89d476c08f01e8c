r"""Measures sample quality against denoiser calls and against guidance weight.

  python -m experiments.sampling_curves --config=configs/digits.py --workdir=runs/digits

Reads fit/ and diffusion/<generator>/, writes curves/<generator>/: metrics.json,
curves.png, and sheets of samples. The i-th sample starts from the same noise in every
sheet. calls_*.png: the recipe's sampler at each number of calls; weight_*.png, only if
the generator is class-conditional: each guidance weight, at the recipe's steps.
"""

import pathlib
from collections.abc import Callable, Iterator, Sequence

import jax
import numpy as np
from matplotlib.figure import Figure
from ml_collections import ConfigDict
from scipy.spatial.distance import pdist
from tqdm import tqdm

from experiments.domain.data import Data
from experiments.domain.representation import show
from experiments.domain.views import Views
from experiments.generator import conditions, encoding, request, trained
from experiments.generator.encoding import Fitted
from experiments.generator.trained import Generator, Sampling
from experiments.judging import judge, samples, scores
from experiments.page import figures
from experiments.recipe.evaluation import judging_of
from experiments.recipe.generator import chosen, generator_of
from experiments.recipe.opening import opened
from experiments.recipe.planned import as_planned
from experiments.recipe.representation import representation_of
from experiments.running import blas, launch, run_folder
from experiments.running.keys import keys
from wsjax import costs, files, fit, tree
from wsjax.diffusion import SAMPLERS
from wsjax.diffusion.sample import call_times, steps_within

_SHOWN = 50  # Samples on a sheet.
_PAIRED = 200  # Most instances of a class whose pairwise distances are averaged.


@blas.one_thread
def run(config: ConfigDict, workdir: str) -> dict[str, float]:
    """Samples with every sampler, number of calls and weight; returns the metrics."""
    data, root = opened(config, workdir)
    config = chosen(config)
    generator, judging = generator_of(config), judging_of(config)
    folder = root / "curves" / generator.name
    if (metrics := run_folder.finished(folder, "sampling curves")) is not None:
        return metrics
    clock, form = costs.now(), representation_of(config, root, data.shape)
    known = trained.load(generator, root, form, data)
    request.check(generator, known.shares)
    fits = encoding.fitted(root, form, data, beside="validation")
    fits, lesson = _apart(fits, seed=judging.seed)
    view = data.domain.views(form)
    render = show(form, data)
    sets = data, form, fits
    compared = {"part": "validation", "lesson": lesson, "n": config.sample.n}
    jury = judge.of_fits(judging, *sets, known.codec, render, **compared)
    jury, measured = judge.briefly(jury), None
    feature = judge.first_feature(jury)
    draw = _drawing(generator, known, render, jury)

    calls, weights = {}, {}
    for name, n, make in tqdm(
        list(_by_calls(generator.sampling, config.sample.calls, draw)), desc="calls"
    ):
        made, shown = make()
        measured = scores.figures(judging, jury, made, like=measured)
        calls.setdefault(name, {})[n] = _kept(feature, measured)
        if name == config.sample.sampler:
            _save(folder / f"calls_{n:04d}.png", view, shown)
    own = config.sample.sampler, config.sample.steps
    told = config.diffusion.conditional
    for weight in tqdm(config.sample.weights if told else (), desc="told"):
        made, shown = draw(*own, weight)
        measured = scores.figures(judging, jury, made, like=measured)
        extra = {"diversity": _diversity(made, *_labelled(jury, data, fits))}
        weights[weight] = _kept(feature, measured) | extra
        _save(folder / f"weight_{weight:g}.png", view, shown)
    picture = _picture(feature, measured, calls, weights)
    files.write_bytes(folder / "curves.png", figures.png(picture))
    reached = f"{_distance(feature)}_", "class_accuracy_floor"  # Of real data.
    ends = {k: v for k, v in measured.items() if k.startswith(reached)}
    metrics = {"n": config.sample.n, **ends, **_flat(calls, weights)}
    metrics |= costs.since(clock)
    return run_folder.close(folder, f"sampling curves {folder.name}", metrics)


def _apart(fits: Fitted, *, seed: int) -> tuple[Fitted, np.ndarray]:
    """Fits without half of the training ones; rows of these, which teach spaces.

    The generator saw them, as it saw the others: curves compare settings of one
    generator, and the part that chooses may be too small to be halved.
    """
    train = np.random.default_rng(seed).permutation(np.flatnonzero(~fits.heldout))
    lesson = train[: len(train) // 2]
    kept = np.delete(np.arange(len(fits.rows)), lesson)
    return encoding.some(fits, kept), fits.rows[lesson]


def _drawing(
    generator: Generator, known: trained.Trained, render: Callable, jury: judge.Judge
) -> Callable:
    """Returns `draw(sampler name, steps, weight) -> (made, adapters)`.

    All calls start from the same noise. `made` has the finite samples, for the judge;
    `adapters` are those of all samples, stacked.
    """
    options = generator.sampling
    own = jax.random.split(keys(generator.seed)["sample"], options.n)
    labels = conditions.drawn(known.shares, options.n, seed=generator.seed)
    classes = conditions.classes(generator.conditional, labels)
    encode = jax.jit(jax.vmap(known.codec.encode))

    def draw(name: str, steps: int, weight: float):
        sampler = SAMPLERS[name](known.process, steps=steps, spacing=options.spacing)
        one = trained.drawer(
            known, sampler, weight=weight, interval=tuple(options.interval)
        )
        many = fit.over_instances(one, chunk=options.chunk)
        adapters, good = many(known.params, own, labels)
        fine = tree.row(adapters, good)
        vectors = np.asarray(encode(fine))
        drawn = fine, render(fine), vectors, classes[good]
        return samples.made(jury, options.n, *drawn), adapters

    return draw


def _by_calls(options: Sampling, most: Sequence[int], draw: Callable) -> Iterator:
    """Yields (sampler name, calls, function that draws), for at most `most` calls."""
    for name in SAMPLERS:
        for steps in sorted({steps_within(name, calls=c) for c in most}):
            calls = len(call_times(name, steps=steps, spacing=options.spacing))
            ask = name, steps, options.guidance
            yield name, calls, lambda ask=ask: draw(*ask)


def _distance(feature: str) -> str:
    """The distance that curves show, to the part that chooses."""
    return f"fd_{feature}_validation"


def _kept(feature: str, metrics: dict[str, float]) -> dict[str, float]:
    """Picks those metrics of a set of samples that the curves show."""
    names = _distance(feature), "novelty_function", "class_accuracy"
    return {name: metrics[name] for name in names if name in metrics}


def _labelled(jury: judge.Judge, data: Data, fits) -> tuple:
    """Values and labels of the training instances."""
    return jury.real[~jury.heldout], data.labels[fits.rows][~jury.heldout]


def _diversity(made: samples.Made, real: np.ndarray, labels: np.ndarray) -> float:
    """Mean distance within a class, samples over real ones; averaged over classes."""
    pairs = [
        (_spread(made.values[made.labels == c]), _spread(real[labels == c]))
        for c in np.unique(made.labels[made.labels >= 0])
    ]
    pairs = [(ours, real) for ours, real in pairs if ours is not None and real]
    return float(np.mean([ours / real for ours, real in pairs])) if pairs else np.nan


def _spread(values: np.ndarray) -> float | None:
    """Mean pairwise distance of the first 200; None if there are fewer than two."""
    if len(values) < 2:
        return None
    return float(pdist(values[:_PAIRED].reshape(len(values[:_PAIRED]), -1)).mean())


def _flat(calls: dict, weights: dict) -> dict[str, float]:
    """Curves as metrics, such as `fd_pixel_pca32_validation_ddim_8_calls`."""
    by_calls = {
        f"{key}_{name}_{n}_calls": value
        for name, curve in calls.items()
        for n, point in curve.items()
        for key, value in point.items()
    }
    return by_calls | {
        f"{key}_weight_{weight:g}": value
        for weight, point in weights.items()
        for key, value in point.items()
    }


def _save(path: pathlib.Path, view: Views, adapters) -> None:
    """Draws the first samples, failed ones too, so that places stay comparable."""
    shown = view.of_adapters(tree.row(adapters, slice(_SHOWN)))
    figures.save_sheet(path, np.nan_to_num(shown), zoom=view.zoom)


def _picture(feature: str, known: dict, calls: dict, weights: dict) -> Figure:
    """Plots quality against calls and, if there are weights, against the weight."""
    figure = Figure(figsize=(9.6 if weights else 3.6, 2.8), layout="constrained")
    panels = figure.subplots(1, 3 if weights else 1, squeeze=False)[0]
    fd = _distance(feature)
    for name, curve in calls.items():
        values = [point[fd] for point in curve.values()]
        panels[0].plot(list(curve), values, marker=".", label=name)
    panels[0].set(
        xlabel="calls of the denoiser", ylabel="FD to validation", yscale="log"
    )
    panels[0].set_xscale("log", base=2)
    panels[0].xaxis.set_major_formatter("{x:g}")
    lines = (fd,), ("class_accuracy", "diversity", "novelty_function")
    for panel, names in zip(panels[1:], lines, strict=False):
        for key in names:
            values = [point[key] for point in weights.values() if key in point]
            label = "samples" if key == fd else key.replace("_", " ")
            panel.plot(list(weights), values, marker=".", label=label)
        panel.set(xlabel="weight of guidance")
    for panel in panels[:2]:
        floor = known[f"{fd}_floor"]
        panel.axhline(floor, color="gray", linestyle="--", label="real ones")
    for panel in panels:
        panel.legend(fontsize=7)
    return figure


if __name__ == "__main__":
    launch.main(as_planned(run))
