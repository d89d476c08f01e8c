"""Sets that the audit of files compares: pictures, shapes, weights or rows."""

import os
import pathlib
import zipfile
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from experiments.judging.spaces import imported
from wsjax import data, store, tree
from wsjax.data import shapes
from wsjax.meshes import formats
from wsjax.metrics import copy_measures, features
from wsjax.metrics.random_conv import random_conv

__all__ = ["Rows", "different", "read_rows", "some", "spaces_of"]

_COMPONENTS = 32  # Most features of a space.
_SUFFIXES = {*formats.SUFFIXES, ".parquet"}
_Space = Callable[[np.ndarray], np.ndarray]


class Rows(NamedTuple):
    """A set of N things.

    `things` `[N, *S]`: pictures in [0, 1] or signed distances on a grid, float32;
    weights or other rows, float32 or float64; `labels` `[N]` or None; `names`: N of
    them; `skipped`: reasons by name of what could not be used; `origin`: what two sets
    must share to be compared, such as the representation of weights, "" if nothing.
    """

    things: np.ndarray
    labels: np.ndarray | None
    names: list[str]
    skipped: dict[str, str]
    origin: str = ""


def read_rows(
    path: str | os.PathLike,
    *,
    size: int | None = None,
    span: tuple[float, float] | None = None,
    part: str | None = None,
) -> Rows:
    """Reads a set of things.

    Args:
      path: an `.npz` of pictures or of rows `x` `[N, F]`, a folder of pictures or of
        meshes, or a weight set that `experiments.fit` or `experiments.sample` wrote.
      size: side in pixels or cells to which pictures and shapes are brought; None
        keeps the size of pictures and takes 24 cells for shapes.
      span: values of black and white in pictures; None: as `wsjax.data.ranges` says.
      part: "train", "validation" or "test", of weights that were fitted; None: all.

    Raises:
      FileNotFoundError: if there is nothing at `path`.
      ValueError: if it holds nothing of these, or nothing of `part`.
    """
    if not str(path):
        raise FileNotFoundError("an empty path: expected a file or folder")
    path = pathlib.Path(path).expanduser()
    if not path.exists():
        raise FileNotFoundError(f"{path}: expected a file or folder, found nothing")
    if (path / "manifest.json").exists():
        return _weights(path, part)
    if path.suffix == ".npz" and (rows := _plain(path)) is not None:
        return rows
    if path.suffix == ".parquet" or _has_meshes(path):
        found = shapes.load_path(path, **({} if size is None else {"size": size}))
        (grid,) = shapes.read(found, np.arange(len(found.names)), "grid")
        return Rows(grid.astype(np.float32), found.labels, found.names, found.skipped)
    pictures = data.images.load_path(path, size=size, range=span)
    scale = 255 if pictures.pixels.dtype == np.uint8 else 1
    things = np.asarray(pictures.pixels, np.float32) / scale
    unused = {k: why for k, why in pictures.skipped.items() if k not in pictures.others}
    return Rows(things, pictures.labels, pictures.names, unused)


def _weights(path: pathlib.Path, part: str | None) -> Rows:
    weights, instances = store.load(path)
    done = store.done(instances)
    # A fit that failed taught no generator, and nothing can copy it; samples count all.
    bad = [i for i, good in zip(instances, done, strict=True) if not good]
    skipped = {} if part else {i["name"]: i["status"] for i in bad}
    if part is not None:
        parts = np.array([i.get("part", part) for i in instances])
        done &= parts == part
        if not done.any():
            raise ValueError(f"{path}: expected fits of the part {part}, found none")
    leaves = tree.named(tree.row(weights, done)).values()
    rows = np.concatenate([leaf.reshape(len(leaf), -1) for leaf in leaves], axis=1)
    kept = [i for i, good in zip(instances, done, strict=True) if good]
    labels = [i.get("label") for i in kept]
    known = np.array(labels) if all(x is not None for x in labels) else None
    names = [i["name"] for i in kept]
    origin = f"weights of {store.manifest(path).get('representation')}"
    return Rows(rows.astype(np.float32), known, names, skipped, origin)


def _plain(path: pathlib.Path) -> Rows | None:
    """The rows `x` `[N, F]` of an npz, None if it holds anything else."""
    try:
        with np.load(path) as file:
            if "x" not in file.files or file["x"].ndim != 2:
                return None
            rows = file["x"]
            named = [name for name in ("y", "labels") if name in file.files]
            labels = file[named[0]] if named else None
    except (EOFError, OSError, TypeError, ValueError, zipfile.BadZipFile):
        return None  # The loader of pictures says what is wrong with it.
    if rows.dtype.kind not in "fiub":
        raise ValueError(f"{path}: x should be real numbers, found {rows.dtype}")
    if labels is not None and labels.shape != (len(rows),):
        raise ValueError(
            f"{path}: {named[0]} should have one class for each of {len(rows)} rows, "
            f"found {labels.shape}"
        )
    if labels is not None and labels.dtype.kind not in "iubUS":
        raise ValueError(
            f"{path}: {named[0]} should have classes, whole numbers or strings, found "
            f"{labels.dtype}"
        )
    # Numbers of more digits keep them: an offset must not make rows equal.
    rows = rows.astype(np.float64 if rows.dtype.itemsize > 4 else np.float32)
    good = np.isfinite(rows).all(axis=1)
    skipped = {str(i): "a number that is not finite" for i in np.flatnonzero(~good)}
    every = Rows(rows, labels, [str(i) for i in range(len(rows))], skipped)
    return some(every, np.flatnonzero(good))


def _has_meshes(path: pathlib.Path) -> bool:
    files = (file for file in path.rglob("*") if file.is_file())
    return any(file.suffix.lower() in _SUFFIXES for file in files)


def some(rows: Rows, kept: np.ndarray) -> Rows:
    """The things at `kept` `[n]`."""
    labels = None if rows.labels is None else rows.labels[kept]
    names = [rows.names[i] for i in kept]
    return rows._replace(things=rows.things[kept], labels=labels, names=names)


def different(rows: Rows) -> Rows:
    """Each thing once, the first time that it is there."""
    return some(rows, copy_measures.different(rows.things))


def spaces_of(
    lesson: np.ndarray,
    labels: np.ndarray | None,
    named: list[str],
    *,
    fewest: int,
    seed: int,
    restored: Callable[[np.ndarray], np.ndarray] = lambda things: things,
) -> dict[str, _Space]:
    """Feature spaces for things of one shape.

    Args:
      lesson: `[L, *S]` things to learn from, which are compared with none.
      labels: `[L]` their classes, or None.
      named: further ones, each `module:function` with `function(things [n, *S]) ->
        [n, F]`.
      fewest: things in the smallest set that is compared.
      seed: of the classifier.
      restored: brings things to what `named` ones are made for.

    Returns:
      By name: principal components; for rows, what these do not see, and a random
      network of them; the features of a classifier, where there are classes; a random
      convolutional network, for pictures and grids of 8 cells or more; `named`. Of more
      features than 32, or than one for four of `fewest`, these are the main axes.

    Raises:
      ValueError: if a name cannot be imported.
    """
    most = min(_COMPONENTS, features.most_features(fewest))
    components = min(most, features.most_components(lesson))
    spaces = {"pca": features.pixel_pca(lesson, components=components)}
    if lesson.ndim == 2:
        spaces["network"] = features.random_network(lesson, components=components)
        # What an axis of rounding sees is no more than what is off all axes.
        own = int(features.live(spaces["pca"](lesson).std(axis=0)).sum())
        if 0 < own < lesson.shape[1]:
            spaces["residual"] = features.residual(lesson, components=own)
    if features.has_classes(labels):
        spaces["classifier"] = features.classifier(lesson, labels, seed=seed).features
    try:
        spaces["random_conv"] = random_conv(lesson.shape[1:])
    except ValueError:
        pass  # Rows, or too small.
    own = {name: imported(name) for name in named}
    spaces |= {
        name: lambda things, space=space: space(restored(things))
        for name, space in own.items()
    }
    return {
        name: features.reduced(space, lesson, components=most)
        for name, space in spaces.items()
    }
