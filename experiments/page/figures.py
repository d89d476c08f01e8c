"""Pictures for the run folder and the report."""

import io
import pathlib
from collections.abc import Mapping

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from wsjax import files

__all__ = [
    "bands",
    "curves",
    "drawable",
    "pairs",
    "png",
    "save_sheet",
    "scatter",
    "svg",
    "tile",
]

matplotlib.rcParams["font.size"] = 8


def drawable(picture: np.ndarray) -> np.ndarray:
    """A picture `[H, W, C]` in the form that Matplotlib and Pillow accept.

    Pictures of three channels (RGB) or four (RGBA) are returned unchanged; of any other
    number of channels, the first is returned, `[H, W]`, to be drawn in gray.
    """
    return picture if picture.shape[-1] in (3, 4) else picture[..., 0]


def tile(pictures: np.ndarray, *, columns: int = 10, gap: int = 2) -> np.ndarray:
    """Lays pictures out in rows on a white sheet.

    Args:
      pictures: `[N, H, W, C]` in [0, 1].
      columns: pictures per row.
      gap: white pixels between them.

    Returns:
      `[height, width, C]`.
    """
    n, height, width, channels = pictures.shape
    rows = -(-n // columns)
    shape = (rows * (height + gap) - gap, columns * (width + gap) - gap, channels)
    sheet = np.ones(shape, np.float32)
    for i, picture in enumerate(pictures):
        top, left = (i // columns) * (height + gap), (i % columns) * (width + gap)
        sheet[top : top + height, left : left + width] = picture
    return sheet


def save_sheet(
    path: pathlib.Path, pictures: np.ndarray, *, columns: int = 10, zoom: int = 2
) -> None:
    """Writes a sheet of pictures as PNG.

    Args:
      path: of the file.
      pictures: `[N, H, W, C]` in [0, 1].
      columns: pictures per row.
      zoom: pixels of the file per side of a pixel of the pictures.
    """
    sheet = (255 * tile(pictures, columns=columns)).round().astype(np.uint8)
    image = Image.fromarray(drawable(sheet))
    size = (image.width * zoom, image.height * zoom)
    buffer = io.BytesIO()
    image.resize(size, Image.Resampling.NEAREST).save(buffer, "PNG")
    files.write_bytes(path, buffer.getvalue())


def png(figure: Figure) -> bytes:
    """A matplotlib figure as PNG."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110, bbox_inches="tight")
    return buffer.getvalue()


def svg(figure: Figure) -> bytes:
    """A matplotlib figure as SVG, sharp at any size."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", bbox_inches="tight", metadata={"Date": None})
    return buffer.getvalue()


def scatter(
    points: np.ndarray,
    labels: np.ndarray | None,
    title: str,
    *,
    classes: list[str] | None = None,
) -> Figure:
    """A scatter plot of instances, coloured by class.

    Args:
      points: `[N, 2]` coordinates of the instances.
      labels: `[N]` classes; None draws all instances in one colour.
      title: of the figure.
      classes: names of the classes for the legend, which otherwise shows numbers.
    """
    figure = Figure(figsize=(5, 4.6))
    axes = figure.subplots()
    colours = labels if labels is not None else np.zeros(len(points))
    names = classes or []
    # Qualitative palettes have 10 and 20 colours; more classes would share some.
    palette = "tab10" if len(names) <= 10 else "tab20" if len(names) <= 20 else "turbo"
    dots = axes.scatter(*points.T, c=colours, s=6, cmap=palette)
    if labels is not None:
        handles, numbers = dots.legend_elements(num=None)
        if names:  # Names are wide: the legend goes beside the map.
            shown = [_name(names, label) for label in np.unique(labels)]
            axes.legend(
                handles,
                shown,
                loc="upper left",
                bbox_to_anchor=(1, 1),
                fontsize=7,
                ncols=-(-len(shown) // 25),
            )
        else:
            axes.legend(handles, numbers, loc="best", fontsize=7)
    axes.set(title=title, xticks=[], yticks=[])
    return figure


def _name(names: list[str], label: int) -> str:
    """Name of a class; its number if it has no name, such as -1."""
    return names[label] if 0 <= label < len(names) else str(label)


def curves(
    lines: list[dict], keys: tuple[str, ...], title: str, *, mark: int | None = None
) -> Figure:
    """Losses against steps, on a logarithmic axis.

    Args:
      lines: of train.jsonl, each with `step` and the losses.
      keys: of the losses to draw.
      title: of the figure.
      mark: the step whose parameters were chosen, drawn as a dashed line; None for no
        line.
    """
    figure = Figure(figsize=(4.6, 2.8))
    axes = figure.subplots()
    steps = [line["step"] for line in lines]
    for key in keys:
        # The file holds None for a loss that was not finite: a gap in the curve.
        losses = [np.nan if line[key] is None else line[key] for line in lines]
        label = key.removeprefix("loss_")
        axes.plot(steps, losses, marker=".", label=label)
    if mark is not None:
        axes.axvline(mark, color="gray", linestyle="--", label=f"chosen: step {mark:,}")
    axes.set(title=title, xlabel="step", ylabel="loss", yscale="log")
    axes.legend()
    return figure


def bands(
    curves: dict[str, dict[str, dict[str, np.ndarray]]],
    sizes: dict[str, str],
    measures: dict[str, str],
    scales: Mapping[str, dict],
) -> Figure:
    """A column of panels per measure, a row per size, each with one line per name.

    Args:
      curves: by name, size and measure, `[L, 3]`: the size, the mean, and half the
        width of its interval, which is drawn as a bar.
      sizes: label of the horizontal axis by size.
      measures: label of the vertical axis by measure.
      scales: scale of the axis of a size or measure and its options, as those of
        Matplotlib's `set_xscale`; linear where there is none.
    """
    linear = {"value": "linear"}
    figure = Figure(
        figsize=(3.4 * len(measures), 0.6 + 2.9 * len(sizes)), layout="constrained"
    )
    grid = figure.subplots(len(sizes), len(measures), squeeze=False)
    for line, (size, below) in zip(grid, sizes.items(), strict=True):
        for axes, (measure, label) in zip(line, measures.items(), strict=True):
            axes.set(xlabel=below, ylabel=label)
            axes.set_xscale(**scales.get(size, linear))
            axes.set_yscale(**scales.get(measure, linear))
            for k, (name, curve) in enumerate(curves.items()):
                x, mean, half = curve[size][measure].T
                axes.errorbar(
                    x,
                    mean,
                    half,
                    label=name,
                    color=f"C{k % 10}",
                    marker="osD^vPX*<>"[k % 10],
                    markersize=4,
                    linewidth=1,
                    elinewidth=0.7,
                )
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=5)
    return figure


def pairs(
    above: np.ndarray, below: np.ndarray, captions: list[str], title: str
) -> Figure:
    """Two rows of pictures, `[n, H, W, C]` in [0, 1], with a caption per column."""
    n = len(above)
    figure = Figure(figsize=(0.8 * n, 2.1))
    axes = figure.subplots(2, n, squeeze=False)
    for column in range(n):
        for row, picture in enumerate((above[column], below[column])):
            axes[row, column].imshow(drawable(picture), cmap="gray", vmin=0, vmax=1)
            axes[row, column].axis("off")
        axes[1, column].set_title(captions[column], fontsize=7, y=-0.35)
    figure.suptitle(title, y=1.02)
    return figure
