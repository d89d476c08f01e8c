"""The data set of a run: which instances there are, and which are held out."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

import jax
import numpy as np
from chex import ArrayTree

from experiments.domain.views import Views
from wsjax import coords
from wsjax.data.shapes import Shapes
from wsjax.types import Signal

Rows: TypeAlias = Sequence[int] | np.ndarray


class Domain(NamedTuple):
    """What differs between pictures and shapes; each gives one such record.

    How instances are read:
      kind: "pictures", "sdf" or "occupancy".
      view: what metrics call the values on the common grid: "pixels" or "grid".
      classes: names of the classes that labels count, None if only numbers are known.
      loss: what a fit minimises, `(predicted, true) -> []`.
      read: `(rows [n]) -> dict` of `values` `[n, P, C]` on the grid; of shapes also
        `points` `[n, M, 3]` and `targets` `[n, M, 1]` there.
      train_on: `(rows, factor) -> (coords, values)` that a base is trained on;
        pictures are shrunk by `factor`.
      shown: `(values [n, P, C]) -> [n, *size, C]`, cut to their range: pixels in
        [0, 1], values of shapes in [-1, 1].
      notes: `(row) -> dict` that the manifest holds besides.
      shapes: the samples of shapes on disk, None of pictures.

    How fields are shown and measured, given a `Representation`:
      views: `(form) -> Views`.
      fidelity: `(form) -> measure`; `measure(rows, adapters)` gives a dict of measures
        per instance, by which the manifest describes a fit besides its PSNR.
      nearness: `(form) -> near`; `near(adapters, rows)` gives a second quality `[n]`
        for the structure study; None where PSNR is all there is.
      few: `(read dict) -> read dict` with fewer points, enough to judge a fit.
      places: `(rows, points, shrink) -> [n, P, D]` where a decoder's Gram matrix is
        measured.

    How samples are judged:
      whole: `(values [n, *size, C]) -> [n]` booleans: whether these show anything.
      finish: `(form, folder, adapters) -> metrics`: writes what samples are besides.
      compare: `(folder, rows, heldout, pairs) -> metrics` of the samples in `folder`
        against held-out ones of the fitted `rows`; `pairs()` gives these and their
        fits, both `[n, *size, C]`.
      examples: `(form, folder, adapters, rows)`: writes fits of held-out instances.
    """

    kind: str
    view: str
    classes: list[str] | None
    loss: Callable[[jax.Array, jax.Array], jax.Array]
    read: Callable[[Rows], dict[str, np.ndarray]]
    train_on: Callable[[Rows, int], tuple[jax.Array, jax.Array]]
    shown: Callable[[np.ndarray], np.ndarray]
    notes: Callable[[int], dict]
    shapes: Shapes | None
    views: Callable[..., Views]
    fidelity: Callable[..., Callable[[np.ndarray, ArrayTree], list[dict]]]
    nearness: Callable[..., Callable[[ArrayTree, np.ndarray], np.ndarray]] | None
    few: Callable[[dict], dict]
    places: Callable[..., np.ndarray]
    whole: Callable[[np.ndarray], np.ndarray]
    finish: Callable[..., dict[str, float]]
    compare: Callable[..., dict[str, float]]
    examples: Callable[..., None]


class Data(NamedTuple):
    """A data set and its fixed split.

    Every instance has values on one common grid of `size`: the pixels of a picture, a
    coarse grid of distances of a shape. A shape's field is fitted to points of its own.

    `labels` `[N]` or None; `heldout` `[N]` is never trained on; `fingerprint` names the
    data; `domain`: how these are read, shown and measured; `n_originals`: instances
    before the augmented copies that only generators learn from, None: all; `others`:
    those keys of `skipped` that stand for files which are no instances.
    """

    size: tuple[int, ...]
    channels: int
    labels: np.ndarray | None
    heldout: np.ndarray
    names: list[str]
    skipped: dict[str, str]
    fingerprint: str
    domain: Domain
    n_originals: int | None = None
    others: frozenset[str] = frozenset()

    @property
    def originals(self) -> np.ndarray:
        """`[N]` booleans: False for the augmented copies of training pictures."""
        n = len(self.heldout)
        return np.arange(n) < (n if self.n_originals is None else self.n_originals)

    @property
    def unreadable(self) -> dict[str, str]:
        """Instances that cannot be used, each with the reason."""
        return {k: why for k, why in self.skipped.items() if k not in self.others}

    @property
    def grid(self) -> np.ndarray:
        """Coordinates `[P, D]` that all instances share."""
        return np.asarray(coords.grid(self.size))

    def values(self, rows: Rows) -> np.ndarray:
        """Values `[n, P, C]` of some instances on the grid."""
        return self.domain.read(rows)["values"]

    def pictures(self, rows: Rows) -> np.ndarray:
        """The same as `[n, *size, C]`, cut to their range."""
        return self.domain.shown(self.values(rows))

    def signals(self, rows: Rows) -> tuple[np.ndarray, np.ndarray]:
        """Coordinates `[n, P, D]` and values `[n, P, C]` that fields are fitted to."""
        places, values = signal(self.grid, self.domain.read(rows))
        return np.broadcast_to(places, (len(values), *places.shape[-2:])), values


def signal(grid: ArrayTree, instance: dict) -> Signal:
    """What the field of one instance, or of many, of `Domain.read` is fitted to."""
    if "points" in instance:
        return instance["points"], instance["targets"]
    return grid, instance["values"]
