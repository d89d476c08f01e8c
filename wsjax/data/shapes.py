"""Shapes as signals: from files or drawn, sampled once and kept on disk."""

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from wsjax.data import sdf_parquet, shape_cache, shape_lattice, shape_origins
from wsjax.data.point_cloud_folder import has_clouds
from wsjax.data.shape_cache import Origin
from wsjax.data.source import BadInstance, check_positive
from wsjax.meshes import sampling
from wsjax.meshes.mesh import Frame, Mesh
from wsjax.meshes.moments import alike
from wsjax.meshes.sampling import PRESETS, Preset

__all__ = [
    "Shapes",
    "fingerprint",
    "load_parametric",
    "load_path",
    "read",
    "read_mesh",
]


class Shapes(NamedTuple):
    """N shapes whose samples lie in files.

    `files` has N entries, read by `read`; `labels` `[N]` int32, indices of `classes`,
    or None; `names` has N entries; `skipped` gives, by name, the reason for each
    instance that was left out of all of these; `quality` tells for each shape what is
    wrong with its mesh, {} if nothing is; `frames` tell where each lay; `size` is the
    side of the grid; `kind` is "sdf", cut at the distance `clamp`, or "occupancy".

    `groups` `[N]` int32 has the same number for shapes that are the same object, such
    as a mesh that is there as .obj and as .stl; see `wsjax.meshes.moments` for the
    rule. A split that separated them would judge a fit by what it was trained on.
    """

    files: list[str]
    labels: np.ndarray | None
    classes: list[str]
    names: list[str]
    groups: np.ndarray
    skipped: dict[str, str]
    quality: list[dict]
    frames: list[Frame]
    size: int
    kind: str
    clamp: float


def read(shapes: Shapes, rows: Sequence[int], *names: str) -> tuple[np.ndarray, ...]:
    """Reads arrays of some shapes, and nothing else.

    Args:
      shapes: of N instances.
      rows: n numbers below N, in any order.
      *names: of arrays, see `wsjax.meshes.sampling`; "lattice" is measured when it is
        first asked for, see `wsjax.meshes.lattice`.

    Returns:
      An array `[n, ...]` for each name, as it was stored: float32, `inside` uint8,
      `lattice` int8.

    Raises:
      ValueError: if there is no such array, if it has another size for another shape
        (as meshes do), or if a file is damaged or gone.
    """
    for name in names:
        if name not in shape_lattice.MEMBERS:
            raise ValueError(
                f"unknown array {name!r}; choose from {shape_lattice.MEMBERS}"
            )
    loaded = [shape_lattice.load(shapes.files[row], names) for row in np.asarray(rows)]
    return tuple(
        _stack(name, [arrays[i] for arrays in loaded]) for i, name in enumerate(names)
    )


def read_mesh(shapes: Shapes, row: int) -> Mesh:
    """Reads the normalised mesh of one shape; it has no faces if there was no mesh.

    Raises:
      ValueError: if its file is damaged or gone.
    """
    vertices, faces = shape_cache.load(shapes.files[row], ("vertices", "faces"))
    return Mesh(vertices.astype(np.float64), faces.astype(np.int64))


def fingerprint(shapes: Shapes) -> str:
    """Hash of the data: 16 hexadecimal digits of content, options, labels and names."""
    keys = [Path(file).stem for file in shapes.files]
    labels = None if shapes.labels is None else shapes.labels.tolist()
    content = json.dumps([keys, labels, shapes.classes, shapes.names])
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def load_parametric(
    *,
    n: int = 1000,
    size: int = 24,
    preset: str | Preset = "compact",
    seed: int = 0,
    cache: str | os.PathLike | None = None,
    categories: Sequence[str] | None = None,
) -> Shapes:
    """Draws shapes of the ten built-in categories; see `wsjax.data.parametric`.

    Args:
      n: number of shapes; categories take turns, so that any run of rows has all.
      size: side of the grid, in cells.
      preset: how each is sampled, by name or your own.
      seed: another one draws other shapes.
      cache: folder of the samples; None: `$XDG_CACHE_HOME/wsjax/shapes`.
      categories: names of those to draw, all if None; a label is a place in this list.

    Returns:
      The shapes; equal arguments give equal ones.

    Raises:
      ValueError: if an option is wrong.
      OSError: if the cache cannot be written.
    """
    check_positive("n", n)
    origin = shape_origins.drawn(n, seed=seed, categories=categories)
    return _load(origin, size=size, preset=preset, seed=seed, cache=cache)


def load_path(
    path: str | os.PathLike | None,
    *,
    n: int | None = None,
    size: int = 24,
    preset: str | Preset = "compact",
    seed: int = 0,
    cache: str | os.PathLike | None = None,
    labels: str | os.PathLike | None = None,
    class_column: str | None = None,
) -> Shapes:
    """Loads the shapes of a folder: parquet, point clouds or meshes.

    It is parquet if a `.parquet` file lies anywhere in it (`open_parquet`), point
    clouds (`list_clouds`) if there are some and no mesh, else meshes (`open_meshes`).
    An instance that cannot be used is recorded in `skipped` and stops no other.

    Args:
      path: a folder, or one `.parquet` file.
      n: takes only the first n instances; those that are skipped are not replaced.
      size: side of the grid, in cells.
      preset: how each is sampled, by name or your own.
      seed: of the sampling.
      cache: folder of the samples; None: `$XDG_CACHE_HOME/wsjax/shapes`.
      labels: a CSV file that lists meshes and their classes, see `open_meshes`.
      class_column: the column of classes in it.

    Returns:
      The shapes, in the order of the source.

    Raises:
      FileNotFoundError: if there is nothing at `path`.
      ValueError: if an option or the source as a whole is wrong, or not one instance
        can be used.
      OSError: if the cache cannot be written.
    """
    check_positive("n", n)
    if path is None or not os.fspath(path):
        raise ValueError(
            "a data path is required, got none; set path= to a folder of meshes, point"
            " clouds or parquet files"
        )
    path, listed = Path(path), labels is not None or class_column is not None
    if path.exists() and not listed and _holds_parquet(path):
        origin = sdf_parquet.open_parquet(path, n=n)
    elif path.is_dir() and not listed and has_clouds(path):
        origin = shape_origins.clouds(path, n=n)
    else:
        origin = shape_origins.meshes(path, n=n, labels=labels, column=class_column)
    return _load(origin, size=size, preset=preset, seed=seed, cache=cache)


def _holds_parquet(path: Path) -> bool:
    return any(file.suffix.lower() == ".parquet" for file in [path, *path.rglob("*")])


def _load(
    origin: Origin,
    *,
    size: int,
    preset: str | Preset,
    seed: int,
    cache: str | os.PathLike | None,
) -> Shapes:
    check_positive("size", size)
    preset = _preset(preset)
    folder = shape_cache.default_folder() if cache is None else Path(cache)
    results = shape_cache.store(origin, folder, preset=preset, size=size, seed=seed)
    kept, rows, skipped = [], [], {}
    for row, result in enumerate(results):
        if isinstance(result, BadInstance):
            skipped[origin.names[row]] = str(result)
        else:
            kept.append(result)
            rows.append(row)
    if not kept:
        name, reason = next(iter(skipped.items()))
        raise ValueError(
            f"{origin.where}: expected shapes, found {len(skipped)} instances and not"
            f" one that can be used; the first, {name}: {reason}; replace them"
        )
    return Shapes(
        files=[stored.file for stored in kept],
        labels=None if origin.labels is None else origin.labels[rows],
        classes=origin.classes,
        names=[origin.names[row] for row in rows],
        groups=alike(np.stack([stored.moments for stored in kept])),
        skipped=skipped,
        quality=[stored.quality for stored in kept],
        frames=[stored.frame for stored in kept],
        size=size,
        kind=preset.kind,
        clamp=preset.clamp,
    )


def _preset(preset: str | Preset) -> Preset:
    if isinstance(preset, str) and preset not in PRESETS:
        raise ValueError(f"unknown preset {preset!r}; choose one of {sorted(PRESETS)}")
    preset = PRESETS[preset] if isinstance(preset, str) else preset
    sampling.check(preset)
    return preset


def _stack(name: str, arrays: list[np.ndarray]) -> np.ndarray:
    sizes = {array.shape for array in arrays}
    if len(sizes) > 1:
        raise ValueError(
            f"{name!r} has another size for another shape, e.g. {sorted(sizes)[:2]};"
            " read one row at a time, or take read_mesh"
        )
    return np.stack(arrays)
