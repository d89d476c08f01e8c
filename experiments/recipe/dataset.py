"""The data set that a recipe names, and its split."""

import contextlib
import functools
import re
from collections.abc import Callable, Iterator

import numpy as np
from ml_collections import ConfigDict

from experiments.domain import pictures, shapes
from experiments.domain.data import Data
from experiments.domain.surfaces import Meshing
from experiments.recipe import ranges
from wsjax import data
from wsjax.data import augment, images, pile, split
from wsjax.data.pile import MOST_BYTES
from wsjax.data.shapes import Shapes, fingerprint

_CHANGES = ("copies", "flip", "shift", "colour")  # Keys that `data.augment` may have.

# Every stage of a pipeline loads the data. Drawing these shapes anew would take longer
# than some stages do.
_drawn = functools.lru_cache(maxsize=1)(functools.partial(data.load, "shapes"))


def load(config: ConfigDict) -> Data:
    """Loads the data set that a recipe names and splits it.

    Raises:
      ValueError: if a number of the recipe is out of range, such as the seed, which
        splits the data; if `data.augment` has an unknown key or a negative number, or
        is given for shapes; or as the loader of the data set.
    """
    ranges.check(config)
    options = config.data.to_dict()
    fractions = {part: options.pop(part) for part in ("validation", "test")}
    name = options.pop("name")
    changes = options.pop("augment", None)
    with _flags_in_messages(options):
        source = _drawn(**options) if name == "shapes" else data.load(name, **options)
        part = split.parts(
            len(source.names), **fractions, seed=config.seed, groups=source.groups
        )
    if isinstance(source, images.Images):
        n, changes = len(part), _checked(changes or {})
        kept = {key: options[key] for key in ("most_bytes", "cache") if key in options}
        source, part = _with_copies(source, part, kept, seed=config.seed, **changes)
        found = of_pictures(source, part, most_bytes=kept.get("most_bytes", MOST_BYTES))
        return found._replace(n_originals=n)
    if changes:
        raise ValueError("data.augment changes pictures; leave it out for shapes")
    return of_shapes(source, part, meshing_of(config))


@contextlib.contextmanager
def _flags_in_messages(options: dict) -> Iterator[None]:
    """Names options in errors by their flags: `path=` becomes `--config.data.path=`."""
    try:
        yield
    except ValueError as error:
        keys = "|".join(map(re.escape, {*options, "validation", "test"} - {"seed"}))
        text = re.sub(rf"(?<![\w.-])({keys})=", r"--config.data.\1=", str(error))
        raise ValueError(text) from error


def meshing_of(config: ConfigDict) -> Meshing:
    """How the recipe extracts surfaces from fields and compares them."""
    options, judged = config.mesh, config.evaluate
    return Meshing(**options, points=judged.points, references=judged.references)


def _checked(changes: dict) -> dict:
    """Checks the keys of the section `data.augment`, and its number of copies."""
    for name in changes:
        if name not in _CHANGES:
            raise ValueError(f"data.augment has {name!r}; choose from {_CHANGES}")
    if changes.get("copies", 0) < 0:
        raise ValueError(
            f"data.augment.copies={changes['copies']} should not be negative; 0 is none"
        )
    return changes


def _with_copies(
    source: images.Images, part: np.ndarray, kept: dict, *, copies: int = 0, **changes
) -> tuple[images.Images, np.ndarray]:
    """Appends augmented copies of the training pictures, all of the training part.

    Those that do not fit memory go to a file, as the options `kept` of the loader say.
    """
    if not copies:
        return source, part
    rows = np.flatnonzero(part == split.TRAIN)
    names = [f"{source.names[i]}, copy {k + 1}" for k in range(copies) for i in rows]
    labels = source.labels
    if labels is not None:
        labels = np.concatenate([labels, *[labels[rows]] * copies])
    grown = source._replace(
        pixels=_grown(source.pixels, rows, kept, copies, changes),
        labels=labels,
        names=source.names + names,
        groups=None,  # Only the split needs them, and it is made.
    )
    return grown, np.pad(part, (0, copies * len(rows)), constant_values=split.TRAIN)


def _grown(
    pixels: np.ndarray, rows: np.ndarray, kept: dict, copies: int, changes: dict
) -> np.ndarray:
    """The pixels `[N, H, W, C]`, then those of each changed copy of some rows."""
    options = {"most_bytes": kept.get("most_bytes"), "folder": kept.get("cache")}
    given = {key: value for key, value in options.items() if value is not None}
    with pile.opened(**given) as (add, array):
        for block in pile.blocks(pixels):
            _each(add, block)
        for copy in range(copies):
            drawn = augment.drawn(len(rows), pixels.shape[-1], copy, **changes)
            for begin in range(0, len(rows), pile.AT_ONCE):
                some = slice(begin, begin + pile.AT_ONCE)
                _each(add, augment.changed(pixels[rows[some]], drawn, some))
        return array()


def _each(add: Callable[[np.ndarray], None], pictures: np.ndarray) -> None:
    for picture in pictures:
        add(picture)


def of_pictures(
    source: images.Images, part: np.ndarray, *, most_bytes: int = MOST_BYTES
) -> Data:
    """A data set of pictures; `part` `[N]` says which part each belongs to."""
    return Data(
        size=source.pixels.shape[1:3],
        channels=source.pixels.shape[3],
        labels=source.labels,
        part=part,
        names=source.names,
        skipped=source.skipped,
        fingerprint=images.fingerprint(source),
        domain=pictures.domain(source, most_bytes=most_bytes),
        others=source.others,
        most_bytes=most_bytes,
    )


def of_shapes(source: Shapes, part: np.ndarray, meshing: Meshing) -> Data:
    """A data set of shapes; `part` `[N]` says which part each belongs to."""
    return Data(
        size=(source.size,) * 3,
        channels=1,
        labels=source.labels,
        part=part,
        names=source.names,
        skipped=source.skipped,
        fingerprint=fingerprint(source),
        domain=shapes.domain(source, meshing),
    )
