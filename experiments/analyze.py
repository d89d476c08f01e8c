r"""Probes fitted weights: classes, clusters, intrinsic dimension, and paths.

  python -m experiments.analyze --config=configs/digits.py --workdir=runs/digits

Reads fit/<representation>/, writes analyze/<representation>/: metrics.json, tsne.png (a
t-SNE map of the weights), dimension.png (their intrinsic dimension) and paths.png
(interpolation between instances, in every representation that was fitted). As a
baseline, the class probes also run on the values (pixels, or the grid of a shape).
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
from experiments.domain.representation import Representation
from experiments.generator import encoding
from experiments.generator.encoding import Fitted
from experiments.judging import dimension, parts
from experiments.page import figures, mixing
from experiments.recipe.generator import generator_of
from experiments.recipe.opening import opened
from experiments.recipe.representation import representation_of, with_name
from experiments.recipe.structure import own_row
from experiments.running import launch, run_folder
from wsjax import adapters, costs, files, latent
from wsjax.analysis import probes
from wsjax.analysis.dimension import components_for


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
    form = representation_of(config, root, data.channels)
    fits = encoding.fitted(root, form, data, beside="test")
    parts.check(fits, least=dimension.LEAST_FITS, name=form.name)
    pixels = data.values(fits.rows).reshape(len(fits.rows), -1)
    group = latent.groups(form.adapter.free(form.base))
    scaled = latent.statistics(fits.vectors[~fits.heldout], group)
    weights = (fits.vectors - scaled["mean"]) / scaled["scale"]
    metrics = {
        "n": len(weights),
        "n_heldout": int(fits.heldout.sum()),
        f"{data.domain.view}_components_90": components_for(pixels),
    }
    labels = data.labels
    if labels is not None:
        labels = labels[fits.rows]
    if labels is not None and probes.can_probe(labels, fits.heldout):
        metrics |= probes.probe(weights, labels, fits.heldout, seed=config.seed)
        # Not standardised: that would blow up the noise of corners that hardly vary.
        on_pixels = probes.probe(
            pixels, labels, fits.heldout, seed=config.seed, standardise=False
        )
        metrics |= {
            f"{data.domain.view}_{name}": score for name, score in on_pixels.items()
        }
    metrics |= _draw(config, Study(root, folder, data, form, fits), weights, labels)
    studied = structure.run(config, workdir).get(own_row(config), {})
    kinds = ("_displaced_", "_lambda_")
    metrics |= {k: v for k, v in studied.items() if any(x in k for x in kinds)}
    return run_folder.close(
        folder, f"analyze {form.name}", {**metrics, **costs.since(clock)}
    )


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
        representation_of(with_name(config, name), root, data.channels)
        for name in adapters.ADAPTERS
        if (root / "fit" / name / "manifest.json").exists()
    ]
    drawn["paths"] = mixing.paths(forms, root, data)
    for name, figure in drawn.items():
        if figure is not None:
            files.write_bytes(folder / f"{name}.png", figures.png(figure))
    return metrics


if __name__ == "__main__":
    launch.main(run)
