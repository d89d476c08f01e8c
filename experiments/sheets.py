"""Sheets of an evaluation: samples beside the nearest, originals beside fits."""

import pathlib

import numpy as np
from chex import ArrayTree

from experiments import figures
from experiments.views import Views
from wsjax import records, tree
from wsjax.metrics import generation

_SHOWN = 50  # Samples on a sheet.


def nearest(
    folder: pathlib.Path,
    view: Views,
    sampled: ArrayTree,
    values: np.ndarray,
    rows: np.ndarray,
    real: np.ndarray,
) -> None:
    """Draws samples beside their nearest training instances, as nearest.png.

    Args:
      folder: to write into.
      view: how instances look.
      sampled: stacked adapters.
      values: `[n, ...]` of the samples on the grid.
      rows: `[m]` training instances.
      real: `[m, ...]` their values on the grid.
    """
    first = values[:_SHOWN]
    flat = first.reshape(len(first), -1), real.reshape(len(real), -1)
    _, indices = generation.nearest(*flat)
    pair = (
        view.of_adapters(tree.row(sampled, slice(_SHOWN))),
        view.of_rows(rows[indices]),
    )
    both = np.stack(pair, axis=1)
    both = both.reshape(-1, *both.shape[2:])
    figures.save_sheet(folder / "nearest.png", both, zoom=view.zoom)


def reconstructions(
    folder: pathlib.Path,
    view: Views,
    fitted: ArrayTree,
    rows: np.ndarray,
    instances: list[dict],
) -> None:
    """Draws instances `rows` above their fits, as reconstructions.png.

    `instances` is what the manifest says of each, its quality among it.
    """
    captions = [
        f"IoU {i['iou']:.2f}" if "iou" in i else f"{i['psnr_db']:.1f} dB"
        for i in instances
    ]
    title = "Held-out originals (above) and their fits (below)"
    figure = figures.pairs(
        view.of_rows(rows), view.of_adapters(fitted), captions, title
    )
    records.write_bytes(folder / "reconstructions.png", figures.png(figure))
