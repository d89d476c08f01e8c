"""Which axis of an array of pictures is which."""

from typing import NamedTuple

import numpy as np

__all__ = ["pictures_first"]

_CHANNELS = (1, 2, 3, 4)
_PLAUSIBLE = 4  # So much longer a picture may be than another reading of it.


class _Layout(NamedTuple):
    """An order of axes: `axes` sorts them into pictures, height, width, channels."""

    name: str
    axes: tuple[int, ...]
    save: str


# The first of each rank is the documented one.
_OF_THREE = (
    _Layout("[N, H, W]", (0, 1, 2), "x[..., None]"),
    _Layout("[H, W, N]", (2, 0, 1), "numpy.moveaxis(x, -1, 0)[..., None]"),
)
_OF_FOUR = (
    _Layout("[N, H, W, C]", (0, 1, 2, 3), "x"),
    _Layout("[N, C, H, W]", (0, 2, 3, 1), "numpy.moveaxis(x, 1, -1)"),
    _Layout("[H, W, C, N]", (3, 0, 1, 2), "numpy.moveaxis(x, -1, 0)"),
)
_LAYOUTS = {3: _OF_THREE, 4: _OF_FOUR}


def pictures_first(where: str, x: np.ndarray, count: int | None) -> np.ndarray:
    """Sorts the axes of an array of pictures, where their order is beyond doubt.

    `[N, H, W]` and `[N, H, W, C]` are the documented layouts, C being 1 to 4.
    `[N, C, H, W]`, `[H, W, C, N]` and `[H, W, N]` are taken if they fit and no
    documented one does, or if the number of labels says so. If a documented layout fits
    but another one gives squares, or pictures four times less oblong, it is in doubt.

    Args:
      where: the array, in messages.
      x: the array.
      count: number of labels, None without labels.

    Returns:
      A view `[N, H, W, C]` of it.

    Raises:
      ValueError: if no layout fits, or more than one.
    """
    shape = f"{x.dtype} {list(x.shape)}"
    known = _LAYOUTS.get(x.ndim, ())
    fitting = [layout for layout in known if _fits(x.shape, layout)]
    if not fitting:
        raise ValueError(
            f"{where}: expected [N, H, W] or [N, H, W, C] with 1 to 4 channels, found"
            f" {shape}; save one picture as x[None], flat ones with"
            " x.reshape(N, H, W, C) if its axes are in this order"
        )
    if x.size == 0:
        raise ValueError(f"{where}: expected pictures, found none in {shape}")
    labelled = [f for f in fitting if x.shape[f.axes[0]] == count]
    best, *others = labelled or fitting
    if best is known[0]:
        others = [other for other in others if _better(x.shape, other, best)]
    if others:
        raise ValueError(
            f"{where}: {shape} may be {_read_as(x.shape, best)} or"
            f" {_read_as(x.shape, others[0])}; save the one as {best.save}, the other"
            f" as {others[0].save}, or one picture as x[None]"
        )
    view = x.transpose(best.axes[: x.ndim])
    return view if x.ndim == 4 else view[..., None]


def _fits(shape: tuple[int, ...], layout: _Layout) -> bool:
    return len(shape) == 3 or shape[layout.axes[3]] in _CHANNELS


def _better(shape: tuple[int, ...], other: _Layout, documented: _Layout) -> bool:
    """Whether pictures read as `other` look so much more like pictures."""
    longer, shorter = _oblong(shape, documented), _oblong(shape, other)
    return shorter == 1 < longer or longer > _PLAUSIBLE * shorter


def _oblong(shape: tuple[int, ...], layout: _Layout) -> float:
    sides = [shape[axis] for axis in layout.axes[1:3]]
    return max(sides) / min(sides)


def _read_as(shape: tuple[int, ...], layout: _Layout) -> str:
    count, height, width = (shape[axis] for axis in layout.axes[:3])
    return f"{layout.name}, {count} pictures of {height}x{width}"
