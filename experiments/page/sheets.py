"""Sheets of an evaluation: samples beside the nearest, baselines, fits."""

import pathlib

import numpy as np
from chex import ArrayTree
from matplotlib.figure import Figure

from experiments.domain.views import Views
from experiments.page import figures
from wsjax import files, tree
from wsjax.metrics import generation

__all__ = ["baselines", "nearest", "reconstructions"]

_SHOWN = 50  # Samples on a sheet.
_ROW = 12  # Samples of each trivial generator.


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


def baselines(folder: pathlib.Path, view: Views, made: dict[str, ArrayTree]) -> None:
    """Draws a row of samples per trivial generator, as baselines.png.

    Args:
      folder: to write into.
      view: how instances look.
      made: stacked adapters by the name of what made them.
    """
    figure = Figure(figsize=(0.55 * _ROW, 0.75 * len(made)))
    for axes, (name, adapters) in zip(
        figure.subplots(len(made), squeeze=False)[:, 0], made.items(), strict=True
    ):
        pictures = view.of_adapters(tree.row(adapters, slice(_ROW)))
        row = figures.tile(pictures, columns=_ROW)
        axes.imshow(figures.drawable(row), cmap="gray", vmin=0, vmax=1)
        axes.set_title(name, fontsize=7, loc="left", pad=2)
        axes.axis("off")
    files.write_bytes(folder / "baselines.png", figures.png(figure))


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
    captions = [_quality(instance) for instance in instances]
    title = "Held-out originals (above) and their fits (below)"
    figure = figures.pairs(
        view.of_rows(rows), view.of_adapters(fitted), captions, title
    )
    files.write_bytes(folder / "reconstructions.png", figures.png(figure))


def _quality(instance: dict) -> str:
    """The quality of a fit in a few letters; a dash where it was not measured."""
    if instance.get("iou") is not None:
        return f"IoU {instance['iou']:.2f}"
    psnr = instance.get("psnr_db")
    return "–" if psnr is None else f"{psnr:.1f} dB"
