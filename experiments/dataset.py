"""The recipe's data set: pictures or shapes, seen in one way by every binary."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np
from chex import ArrayTree
from ml_collections import ConfigDict

from wsjax import coords, data
from wsjax.data import augment, images, shapes, split
from wsjax.data.shapes import Shapes
from wsjax.fit import autodecoder, losses
from wsjax.types import Signal

_LOSSES = {
    "pictures": losses.squared_error,
    "sdf": losses.clamped_error,
    "occupancy": losses.cross_entropy,
}
_CHANGES = ("copies", "flip", "shift", "colour")  # What `data.augment` may hold.


class Data(NamedTuple):
    """A data set and its fixed split.

    Every instance has values on one common grid of `size`: the pixels of a picture, a
    coarse grid of distances of a shape. A shape's field is fitted to points of its own.

    `kind`: "pictures", "sdf" or "occupancy"; `labels` `[N]` or None; `heldout` `[N]` is
    never trained on; `fingerprint` names the data; `read(rows) -> stacked`: dict of
    `values` `[n, P, C]` on the grid, of shapes also `points` `[n, M, 3]` and `targets`
    `[n, M, 1]` there; `train_on(rows, factor) -> (coords, values)`: what the base is
    trained on, pictures shrunk by `factor`; `n_originals`: instances before the changed
    copies that generators learn from besides, None: all.
    """

    kind: str
    size: tuple[int, ...]
    channels: int
    labels: np.ndarray | None
    heldout: np.ndarray
    names: list[str]
    skipped: dict[str, str]
    fingerprint: str
    read: Callable[[np.ndarray], dict[str, np.ndarray]]
    train_on: Callable[[np.ndarray, int], tuple[jax.Array, jax.Array]]
    shapes: Shapes | None = None
    n_originals: int | None = None

    @property
    def originals(self) -> np.ndarray:
        """`[N]` booleans: False for the changed copies of training pictures."""
        n = len(self.heldout)
        return np.arange(n) < (n if self.n_originals is None else self.n_originals)

    @property
    def grid(self) -> np.ndarray:
        """Coordinates `[P, D]` that all instances share."""
        return np.asarray(coords.grid(self.size))

    @property
    def loss(self) -> Callable[[jax.Array, jax.Array], jax.Array]:
        """What a fit minimises, besides the pull."""
        return _LOSSES[self.kind]

    @property
    def view(self) -> str:
        """What the values on the grid are called in the names of metrics: a noun."""
        return "pixels" if self.kind == "pictures" else "grid"

    def shown(self, values: np.ndarray) -> np.ndarray:
        """Values `[n, P, C]` on the grid as `[n, *size, C]`, cut to their range.

        Pixels lie in [0, 1], the values of shapes in [-1, 1].
        """
        if self.kind == "pictures":
            return images.to_pixels(values, self.size)
        values = np.clip(np.asarray(values, np.float32), -1.0, 1.0)
        return values.reshape(len(values), *self.size, self.channels)

    def notes(self, row: int) -> dict:
        """What the manifest says of an instance besides: of a shape, of its mesh.

        `quality` is what was wrong with it; the mesh lay at `scale` times the
        normalised one, plus `centre`.
        """
        if self.shapes is None:
            return {}
        frame = self.shapes.frames[row]
        return {
            "quality": self.shapes.quality[row],
            "centre": [float(x) for x in frame.centre],
            "scale": float(frame.scale),
        }

    def values(self, rows) -> np.ndarray:
        """Values `[n, P, C]` of some instances on the grid."""
        return self.read(rows)["values"]

    def signals(self, rows) -> tuple[np.ndarray, np.ndarray]:
        """Coordinates `[n, P, D]` and values `[n, P, C]` that fields are fitted to."""
        places, values = signal(self.grid, self.read(rows))
        return np.broadcast_to(places, (len(values), *places.shape[-2:])), values


def signal(grid: jax.Array, instance: ArrayTree) -> Signal:
    """What the field of one instance, or of many, of `Data.read` is fitted to."""
    if "points" in instance:
        return instance["points"], instance["targets"]
    return grid, instance["values"]


# Drawn again by every stage of a pipeline, they take longer than some of these do.
_drawn = functools.lru_cache(maxsize=1)(functools.partial(data.load, "shapes"))


def load(config: ConfigDict) -> Data:
    """Loads the recipe's data set and splits it."""
    options = config.data.to_dict()
    fraction, name = options.pop("heldout"), options.pop("name")
    changes = options.pop("augment", None)
    source = _drawn(**options) if name == "shapes" else data.load(name, **options)
    mask = split.heldout(len(source.names), fraction=fraction, seed=config.seed)
    if isinstance(source, images.Images):
        n, changes = len(mask), _checked(changes or {})
        source, mask = _with_copies(source, mask, seed=config.seed, **changes)
        return of_pictures(source, mask)._replace(n_originals=n)
    if changes:
        raise ValueError("data.augment changes pictures; leave it out for shapes")
    return of_shapes(source, mask)


def _checked(changes: dict) -> dict:
    """The section `data.augment`, refused if it has what pictures do not know."""
    for name in changes:
        if name not in _CHANGES:
            raise ValueError(f"data.augment has {name!r}; choose from {_CHANGES}")
    if changes.get("copies", 0) < 0:
        raise ValueError(
            f"data.augment.copies={changes['copies']} should not be negative; 0 is none"
        )
    return changes


def _with_copies(
    source: images.Images, heldout: np.ndarray, *, copies: int = 0, **changes
) -> tuple[images.Images, np.ndarray]:
    """Pictures, then changed copies of the training part; and what is held out."""
    if not copies:
        return source, heldout
    rows = np.flatnonzero(~heldout)
    pixels = [source.pixels] + [
        augment.augmented(source.pixels[rows], copy, **changes)
        for copy in range(copies)
    ]
    names = [f"{source.names[i]}, copy {k + 1}" for k in range(copies) for i in rows]
    labels = source.labels
    if labels is not None:
        labels = np.concatenate([labels, *[labels[rows]] * copies])
    grown = images.Images(
        np.concatenate(pixels), labels, source.names + names, source.skipped
    )
    return grown, np.concatenate([heldout, np.zeros(copies * len(rows), bool)])


def of_pictures(source: images.Images, heldout: np.ndarray) -> Data:
    """Pictures: what a field is fitted to are the pixels."""

    def train_on(rows, factor: int):
        pixels = source.pixels[rows]
        if pixels.dtype == np.uint8:
            pixels = pixels / np.float32(255)
        return autodecoder.at_resolution(pixels, factor)

    return Data(
        kind="pictures",
        size=source.pixels.shape[1:3],
        channels=source.pixels.shape[3],
        labels=source.labels,
        heldout=heldout,
        names=source.names,
        skipped=source.skipped,
        fingerprint=images.fingerprint(source),
        read=lambda rows: {"values": images.to_values(source.pixels[rows])},
        train_on=train_on,
    )


def of_shapes(source: Shapes, heldout: np.ndarray) -> Data:
    """Shapes: read from their samples on disk when they are needed."""

    def read(rows) -> dict[str, np.ndarray]:
        names = ("grid", "points", "values")
        values, points, targets = shapes.read(source, rows, *names)
        return {"values": values, "points": points, "targets": targets}

    def train_on(rows, factor: int):
        del factor  # Points have no resolution.
        return shapes.read(source, rows, "points", "values")

    return Data(
        kind=source.kind,
        size=(source.size,) * 3,
        channels=1,
        labels=source.labels,
        heldout=heldout,
        names=source.names,
        skipped=source.skipped,
        fingerprint=shapes.fingerprint(source),
        read=read,
        train_on=train_on,
        shapes=source,
    )
