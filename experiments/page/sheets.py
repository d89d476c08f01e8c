"""Picture sheets of an evaluation: nearest neighbours, baselines, reconstructions."""

import pathlib

import numpy as np
from chex import ArrayTree
from matplotlib.figure import Figure

from experiments.domain.views import Views
from experiments.page import figures
from wsjax import files, tree

__all__ = ["SIDE", "baselines", "beside", "nearest", "reconstructions"]

SIDE = 10
"""Samples per side of each half of beside.png."""

_ROW = 12  # Samples of each trivial generator on baselines.png.


def nearest(
    folder: pathlib.Path, view: Views, sampled: ArrayTree, rows: np.ndarray
) -> None:
    """Writes nearest.png: samples, each followed by its nearest training instance.

    Args:
      folder: to write into.
      view: renders adapters and instances.
      sampled: stacked adapters of the n samples.
      rows: `[n]` indices of the nearest instances in the data set.
    """
    pair = view.of_adapters(sampled), view.of_rows(rows)
    both = np.stack(pair, axis=1)
    both = both.reshape(-1, *both.shape[2:])
    figures.save_sheet(folder / "nearest.png", both, zoom=view.zoom)


def beside(
    folder: pathlib.Path, view: Views, sampled: ArrayTree, rebuilt: ArrayTree
) -> None:
    """Writes beside.png: samples to the left, rebuilt test instances to the right.

    Args:
      folder: to write into.
      view: renders adapters.
      sampled: stacked adapters of the first samples, at most `SIDE` squared.
      rebuilt: stacked adapters of as many test instances or fewer.
    """
    sheets = [view.of_adapters(stacked) for stacked in (sampled, rebuilt)]
    white = np.ones_like(sheets[0][:1])
    rows = []
    for first in range(0, len(sheets[0]), SIDE):
        halves = [sheet[first : first + SIDE] for sheet in sheets]
        filled = [np.concatenate([x, *[white] * (SIDE - len(x))]) for x in halves]
        rows += [filled[0], white, filled[1]]
    pictures = np.concatenate(rows)
    figures.save_sheet(
        folder / "beside.png", pictures, columns=2 * SIDE + 1, zoom=view.zoom
    )


def baselines(folder: pathlib.Path, view: Views, made: dict[str, ArrayTree]) -> None:
    """Writes baselines.png: one row of samples per trivial generator.

    Args:
      folder: to write into.
      view: renders adapters.
      made: stacked adapters by the name of their generator.
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
    """Writes reconstructions.png: instances above their fits, with the quality.

    Args:
      folder: to write into.
      view: renders adapters and instances.
      fitted: stacked adapters of the n fits.
      rows: `[n]` indices of the instances in the data set.
      instances: entries of the n instances in the manifest of the fits.
    """
    captions = [_quality(instance) for instance in instances]
    title = "Held-out originals (above) and their fits (below)"
    figure = figures.pairs(
        view.of_rows(rows), view.of_adapters(fitted), captions, title
    )
    files.write_bytes(folder / "reconstructions.png", figures.png(figure))


def _quality(instance: dict) -> str:
    """Caption of a fit: its IoU or its PSNR; a dash if neither was measured."""
    if instance.get("iou") is not None:
        return f"IoU {instance['iou']:.2f}"
    psnr = instance.get("psnr_db")
    return "–" if psnr is None else f"{psnr:.1f} dB"
