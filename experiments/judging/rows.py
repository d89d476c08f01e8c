"""Sets that the audit of files compares: pictures, shapes, weights or rows."""

import os
import pathlib
import zipfile
from collections.abc import Callable

import numpy as np

from experiments.judging.spaces import imported
from wsjax import data, store, tree
from wsjax.data import shapes
from wsjax.meshes import formats
from wsjax.metrics import features
from wsjax.metrics.random_conv import random_conv

__all__ = ["read_rows", "spaces_of"]

_COMPONENTS = 32  # Most components of the first feature space.
_SUFFIXES = {*formats.SUFFIXES, ".parquet"}
_Space = Callable[[np.ndarray], np.ndarray]


def read_rows(
    path: str | os.PathLike, *, size: int | None = None
) -> tuple[np.ndarray, np.ndarray | None]:
    """Reads a set of things.

    Args:
      path: an `.npz` of pictures or of rows `x` `[N, F]`, a folder of pictures or of
        meshes, or a weight set that `experiments.fit` or `experiments.sample` wrote.
      size: side in pixels or cells to which pictures and shapes are brought; None
        keeps the size of pictures and takes 24 cells for shapes.

    Returns:
      `(things [N, *S] float32, labels [N] or None)`: pictures in [0, 1], shapes as
      signed distances on a grid, weights as flattened rows.

    Raises:
      FileNotFoundError: if there is nothing at `path`.
      ValueError: if it holds nothing of these.
    """
    path = pathlib.Path(path).expanduser()
    if not path.exists():
        raise FileNotFoundError(f"{path}: expected a file or folder, found nothing")
    if (path / "manifest.json").exists():
        return _weights(path)
    if path.suffix == ".npz" and (rows := _plain(path)) is not None:
        return rows
    if path.suffix == ".parquet" or _has_meshes(path):
        found = shapes.load_path(path, **({} if size is None else {"size": size}))
        (grid,) = shapes.read(found, np.arange(len(found.names)), "grid")
        return grid.astype(np.float32), found.labels
    pictures = data.images.load_path(path, size=size)
    scale = 255 if pictures.pixels.dtype == np.uint8 else 1
    return np.asarray(pictures.pixels, np.float32) / scale, pictures.labels


def _weights(path: pathlib.Path) -> tuple[np.ndarray, np.ndarray | None]:
    weights, instances = store.load(path)
    done = store.done(instances)
    leaves = tree.named(tree.row(weights, done)).values()
    rows = np.concatenate([leaf.reshape(len(leaf), -1) for leaf in leaves], axis=1)
    labels = [i.get("label") for i, good in zip(instances, done, strict=True) if good]
    known = all(label is not None for label in labels)
    return rows.astype(np.float32), np.array(labels) if known else None


def _plain(path: pathlib.Path) -> tuple[np.ndarray, np.ndarray | None] | None:
    """The rows `x` `[N, F]` of an npz, None if it holds anything else."""
    try:
        with np.load(path) as file:
            if "x" not in file.files or file["x"].ndim != 2:
                return None
            rows = np.asarray(file["x"], np.float32)
            labels = file["y"] if "y" in file.files else None
    except (OSError, ValueError, zipfile.BadZipFile):
        return None  # The loader of pictures says what is wrong with it.
    if not np.isfinite(rows).all():
        raise ValueError(f"{path}: x holds numbers that are not finite; remove them")
    return rows, labels


def _has_meshes(path: pathlib.Path) -> bool:
    files = (file for file in path.rglob("*") if file.is_file())
    return any(file.suffix.lower() in _SUFFIXES for file in files)


def spaces_of(
    train: np.ndarray, labels: np.ndarray | None, named: list[str], *, seed: int
) -> dict[str, _Space]:
    """Feature spaces for things of one shape.

    Args:
      train: `[T, *S]` training things.
      labels: `[T]` their classes, or None.
      named: further ones, each `module:function` with `function(things [n, *S]) ->
        [n, F]`.
      seed: of the classifier.

    Returns:
      By name: principal components; those of a classifier, where there are classes; a
      random convolutional network, for pictures and grids of 8 cells or more; `named`.

    Raises:
      ValueError: if a name cannot be imported.
    """
    components = min(_COMPONENTS, features.most_components(train))
    spaces = {"pca": features.pixel_pca(train, components=components)}
    if features.has_classes(labels):
        spaces["classifier"] = features.classifier(train, labels, seed=seed).features
    try:
        spaces["random_conv"] = random_conv(train.shape[1:])
    except ValueError:
        pass  # Rows, or too small.
    return spaces | {name: imported(name) for name in named}
