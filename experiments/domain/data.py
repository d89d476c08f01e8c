"""The data set of a run: its instances, its split, and what depends on their kind."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

import jax
import numpy as np
from chex import ArrayTree

from experiments.domain.views import Views
from wsjax import coords
from wsjax.data import split
from wsjax.data.pile import MOST_BYTES
from wsjax.data.shapes import Shapes
from wsjax.types import Signal

Rows: TypeAlias = Sequence[int] | np.ndarray


class Domain(NamedTuple):
    """Everything that differs between pictures and shapes, as a record of functions.

    `pictures.domain` and `shapes.domain` each build one.

    Reading instances:
      kind: "pictures", "sdf" or "occupancy".
      view: name in metrics of the values on the common grid: "pixels" or "grid".
      classes: class names, indexed by label; None if the data name no classes.
      loss: the loss of a fit, `(predicted, true) -> []`.
      read: `(rows [n], also=()) -> dict` with `values` `[n, P, C]` on the grid; for
        shapes also `points` `[n, M, 3]` and `targets` `[n, M, 1]`, the values at these
        points. `also` names what else an adapter reads, such as the "lattice" of a
        shape, which is measured when it is first asked for.
      train_on: `(rows, factor) -> (coords, values)` for training the base; pictures
        are downsampled by `factor`, shapes ignore it.
      shown: `(values [n, P, C]) -> [n, *size, C]`, clipped: pixels to [0, 1], values of
        shapes to [-1, 1].
      notes: `(row) -> dict` of extra entries for an instance in the manifest.
      shapes: the data set of shapes on disk; None for pictures.

    Rendering and measuring fields of a `Representation`:
      views: `(form) -> Views`.
      fidelity: `(form) -> measure`; `measure(rows, adapters)` returns one dict of
        metrics per instance, which the manifest holds beside the PSNR.
      overlap: `(form) -> measure`; `measure(rows, adapters)` returns the IoU `[n]` of
        shapes, NaN for one that has none; None for pictures.
      nearness: `(form) -> near`; `near(adapters, rows)` returns a second quality `[n]`
        for the structure study; None where PSNR is the only one.
      few: `(dict of read) -> dict` with fewer points, to measure a PSNR faster.
      places: `(rows, points, shrink) -> [n, P, D]`, the coordinates at which the
        decoder's Gram matrix is computed.

    Judging samples:
      whole: `(values [n, *size, C]) -> [n]` booleans, False for an empty sample, such
        as a shape without a surface.
      finish: `(form, folder, adapters) -> metrics`; writes extra files for samples,
        such as meshes.
      compare: `(folder, rows, heldout, pairs) -> metrics` that only this domain has.
        `folder` holds the samples; `heldout` `[N]` marks the held-out ones among the
        fitted `rows` `[N]`; `pairs()` returns the held-out instances and their fits,
        both `[n, *size, C]`.
      examples: `(form, folder, adapters, rows)`; writes extra files for the fits of
        held-out instances.
    """

    kind: str
    view: str
    classes: list[str] | None
    loss: Callable[[jax.Array, jax.Array], jax.Array]
    read: Callable[..., dict[str, np.ndarray]]
    train_on: Callable[[Rows, int], tuple[jax.Array, jax.Array]]
    shown: Callable[[np.ndarray], np.ndarray]
    notes: Callable[[int], dict]
    shapes: Shapes | None
    views: Callable[..., Views]
    fidelity: Callable[..., Callable[[np.ndarray, ArrayTree], list[dict]]]
    overlap: Callable[..., Callable[[np.ndarray, ArrayTree], np.ndarray]] | None
    nearness: Callable[..., Callable[[ArrayTree, np.ndarray], np.ndarray]] | None
    few: Callable[[dict], dict]
    places: Callable[..., np.ndarray]
    whole: Callable[[np.ndarray], np.ndarray]
    finish: Callable[..., dict[str, float]]
    compare: Callable[..., dict[str, float]]
    examples: Callable[..., None]


class Data(NamedTuple):
    """A data set and its fixed split.

    Every instance has values on one common grid of shape `size`: the pixels of a
    picture, or a coarse grid of distances (or occupancy) of a shape. The field of a
    shape is not fitted to that grid, but to random points of its own.

    `labels` `[N]`, or None; `part` `[N]`: the part that each instance belongs to, as
    `wsjax.data.split` numbers them; `skipped`: reasons by file that was not read;
    `others`: the keys of `skipped` that are not instances, such as a stray text file;
    `fingerprint`: hash of the data; `domain`: how to read, render and measure the
    instances; `n_originals`: the number of originals, behind which come augmented
    copies that only generators learn from; None if there are no copies; `most_bytes`:
    of values that a training holds in memory; of more it reads what its steps draw.
    """

    size: tuple[int, ...]
    channels: int
    labels: np.ndarray | None
    part: np.ndarray
    names: list[str]
    skipped: dict[str, str]
    fingerprint: str
    domain: Domain
    n_originals: int | None = None
    others: frozenset[str] = frozenset()
    most_bytes: int = MOST_BYTES

    @property
    def shape(self) -> tuple[int, ...]:
        """Cells per axis of the common grid, and C."""
        return (*self.size, self.channels)

    @property
    def heldout(self) -> np.ndarray:
        """`[N]` booleans, True for instances that nothing is trained on."""
        return self.part != split.TRAIN

    def rows(self, part: str) -> np.ndarray:
        """Indices of the instances of "train", "validation" or "test"."""
        return np.flatnonzero(self.part == split.PARTS.index(part))

    def part_of(self, row: int) -> str:
        """Name of the part that an instance belongs to."""
        return split.PARTS[self.part[row]]

    @property
    def originals(self) -> np.ndarray:
        """`[N]` booleans, False for augmented copies of training pictures."""
        n = len(self.part)
        return np.arange(n) < (n if self.n_originals is None else self.n_originals)

    @property
    def unreadable(self) -> dict[str, str]:
        """Instances that could not be read: reasons by name."""
        return {k: why for k, why in self.skipped.items() if k not in self.others}

    @property
    def grid(self) -> np.ndarray:
        """Coordinates `[P, D]` of the grid that all instances share."""
        return np.asarray(coords.grid(self.size))

    def values(self, rows: Rows) -> np.ndarray:
        """Values `[n, P, C]` of the instances `rows` on the grid."""
        return self.domain.read(rows)["values"]

    def pictures(self, rows: Rows) -> np.ndarray:
        """Values on the grid as `[n, *size, C]`, clipped as `Domain.shown` says."""
        return self.domain.shown(self.values(rows))

    def signals(self, rows: Rows) -> tuple[np.ndarray, np.ndarray]:
        """Coordinates `[n, P, D]` and values `[n, P, C]` to fit fields to."""
        places, values = signal(self.grid, self.domain.read(rows))
        return np.broadcast_to(places, (len(values), *places.shape[-2:])), values


def signal(grid: ArrayTree, instance: dict) -> Signal:
    """Returns the coordinates and values to fit a field to.

    Args:
      grid: `[P, D]` coordinates that pictures share.
      instance: result of `Domain.read`, for one instance or stacked.

    Returns:
      The points of a shape and its values there, `[..., M, 3]` and `[..., M, 1]`; for a
      picture the grid and its pixels, `[P, D]` and `[..., P, C]`.
    """
    if "points" in instance:
        return instance["points"], instance["targets"]
    return grid, instance["values"]
