r"""Probes fitted weights: classes, clusters, intrinsic dimension, and paths.

  python -m experiments.analyze --config=configs/digits.py --workdir=runs/digits

Reads fit/<representation>/, writes analyze/<representation>/: metrics.json, tsne.png (a
t-SNE map of the weights), dimension.png (their intrinsic dimension) and paths.png
(interpolation between instances, in every representation that was fitted). As a
baseline, the class probes also run on the values (pixels, or the grid of a shape). As a
fit begins at what a regression predicts from the values, they run, too, on these starts
alone, on fit minus start, and on `analyze.refits` fits that all begin at one start.
Then runs `experiments.structure`, unless the recipe sets `structure.n` to 0, and copies
the figures of the start that the recipe fits from.
"""

import pathlib
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from ml_collections import ConfigDict

from experiments import structure
from experiments.domain.data import Data
from experiments.domain.representation import Representation, modelled
from experiments.fitting import layout, refit, start
from experiments.generator import encoding
from experiments.generator.encoding import Fitted
from experiments.judging import dimension, parts
from experiments.page import figures, mixing
from experiments.recipe.fits import fit_options_of
from experiments.recipe.generator import generator_of
from experiments.recipe.opening import opened
from experiments.recipe.planned import as_planned
from experiments.recipe.representation import representation_of, with_name
from experiments.recipe.structure import own_row
from experiments.running import launch, run_folder
from wsjax import costs, files, latent, tree
from wsjax.analysis import probes
from wsjax.analysis.dimension import components_for, varies
from wsjax.representations import NAMES


class Study(NamedTuple):
    """The fits of one representation, and where their analysis goes.

    `root`: the run folder; `folder`: its analyze/<representation>/.
    """

    root: pathlib.Path
    folder: pathlib.Path
    data: Data
    form: Representation
    fits: Fitted


def run(config: ConfigDict, workdir: str) -> dict[str, float]:
    """Analyses the weights of the recipe's representation; returns the metrics."""
    data, root = opened(config, workdir)
    folder = root / "analyze" / config.adapter.name
    if (metrics := run_folder.finished(folder, "analyze")) is not None:
        return metrics
    clock = costs.now()
    form = representation_of(config, root, data.shape)
    fits = encoding.fitted(root, form, data, beside="test")
    least = dimension.LEAST_FITS
    parts.check(fits, training=least, heldout=least, name=form.name)
    pixels = data.values(fits.rows).reshape(len(fits.rows), -1)
    group = latent.groups(modelled(form))
    scaled = latent.statistics(fits.vectors[~fits.heldout], group)
    weights = (fits.vectors - scaled["mean"]) / scaled["scale"]
    metrics = {
        "n": len(weights),
        "n_heldout": int(fits.heldout.sum()),
        f"{data.domain.view}_components_90": components_for(pixels),
    }
    study = Study(root, folder, data, form, fits)
    labels = None if data.labels is None else data.labels[fits.rows]
    if labels is not None and probes.can_probe(labels, fits.heldout):
        metrics |= _probe(config, study, weights, pixels, labels)
    metrics |= _draw(config, study, weights, labels)
    spent = costs.since(clock)  # The structure study counts its own costs.
    studied = structure.run(config, workdir).get(own_row(config), {})
    kinds = ("_displaced_", "_lambda_")
    metrics |= {k: v for k, v in studied.items() if any(x in k for x in kinds)}
    return run_folder.close(folder, f"analyze {form.name}", {**metrics, **spent})


def _probe(
    config: ConfigDict,
    study: Study,
    weights: np.ndarray,
    pixels: np.ndarray,
    labels: np.ndarray,
) -> dict[str, float]:
    """How well classes are read off the weights, and what of that is in the start.

    Args:
      config: the recipe.
      study: the fits.
      weights: `[N, K]` standardised free entries.
      pixels: `[N, P]` values of the instances.
      labels: `[N]`.

    Returns:
      What `probes.probe` finds: without a prefix in the weights, with that of the
      domain's `view` in the values. Where a guess predicted the starts, also in these
      alone (`start_`), in fit minus start (`moved_`), and in fits of some instances
      from the common start (`common_`): `common_n` of them, `common_n_heldout` of the
      test part, at `common_psnr_db_test_mean`. If these are fewer than N, `paired_` is
      what is found in the weights of the same instances.
    """
    root, _, data, form, fits = study

    def probed(prefix: str, x, *, rows=slice(None), standardise=True) -> dict:
        known = labels[rows], fits.heldout[rows]
        if not probes.can_probe(*known):
            return {}
        found = probes.probe(x, *known, seed=config.seed, standardise=standardise)
        return {prefix + name: score for name, score in found.items()}

    metrics = probed("", weights)
    # Not standardised: that would blow up the noise of corners that hardly vary.
    metrics |= probed(f"{data.domain.view}_", pixels, standardise=False)
    options, place = fit_options_of(config), root / "fit" / form.name
    shared = start.read(place, form)
    starts = refit.starts(options, form, data, shared, fits.rows)
    if not varies(starts):
        return metrics
    metrics |= probed("start_", starts) | probed("moved_", fits.vectors - starts)
    if not config.analyze.refits:
        return metrics
    rows = refit.some(labels, fits.heldout, config.analyze.refits)
    spread = layout.choose(options, place, form, data)
    again = refit.from_common(options, form, data, shared, spread, fits.rows[rows])
    rows, (vectors, quality, _) = rows[again.good], tree.row(again, again.good)
    tested = fits.heldout[rows]
    if not probes.can_probe(labels[rows], tested):
        return metrics
    metrics |= {
        "common_n": len(rows),
        "common_n_heldout": int(tested.sum()),
        "common_psnr_db_test_mean": float(quality[tested].mean()),
        **probed("common_", vectors, rows=rows),
    }
    if len(rows) < len(weights):
        metrics |= probed("paired_", weights[rows], rows=rows)
    return metrics


def _draw(
    config: ConfigDict, study: Study, weights: np.ndarray, labels: np.ndarray | None
) -> dict[str, float]:
    """Writes the figures; returns the metrics of the intrinsic dimension.

    Args:
      config: the recipe.
      study: the fits, and where the figures go. Too few fits give no t-SNE map.
      weights: `[N, K]` standardised free entries.
      labels: `[N]`, or None for data without classes.
    """
    root, folder, data, form, fits = study
    drawn: dict[str, Figure | None] = {}
    if probes.can_map(weights):
        perplexity = config.analyze.perplexity
        points = probes.tsne(weights, perplexity=perplexity, seed=config.seed)
        title, names = f"t-SNE of {form.name} weights", data.domain.classes
        drawn["tsne"] = figures.scatter(points, labels, title, classes=names)
    train, options = weights[~fits.heldout], generator_of(config).latent
    metrics, drawn["dimension"] = dimension.measure(options, form, data, fits, train)
    forms = [
        representation_of(with_name(config, name), root, data.shape)
        for name in NAMES
        if (root / "fit" / name / "manifest.json").exists()
    ]
    drawn["paths"] = mixing.paths(forms, root, data)
    for name, figure in drawn.items():
        if figure is not None:
            files.write_bytes(folder / f"{name}.png", figures.png(figure))
    return metrics


if __name__ == "__main__":
    launch.main(as_planned(run))
