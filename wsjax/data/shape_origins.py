"""Where shapes come from: drawn, meshes in files, point clouds in files."""

import functools
import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from wsjax.data import parametric, point_cloud_folder, split
from wsjax.data.mesh_folder import MeshSource, open_meshes
from wsjax.data.shape_cache import Content, Origin, Sampled
from wsjax.data.source import BadInstance
from wsjax.meshes import formats, sampling
from wsjax.meshes.mesh import Mesh, normalise
from wsjax.meshes.moments import moments, surface_moments
from wsjax.meshes.quality import inspect, repaired
from wsjax.meshes.sampling import Preset

__all__ = ["TOGETHER", "clouds", "digest_of", "drawn", "meshes"]

TOGETHER = 16
"""Files that one process takes at a time."""


def drawn(n: int, *, seed: int, categories: Sequence[str] | None) -> Origin:
    """The first n shapes of the built-in categories; see `load_parametric`.

    Raises:
      ValueError: if a category is unknown or there is none.
    """
    classes = list(parametric.CATEGORIES if categories is None else categories)
    if not classes or not set(classes) <= set(parametric.CATEGORIES):
        raise ValueError(
            f"categories= needs names from {list(parametric.CATEGORIES)}, got {classes}"
        )
    labels = np.arange(n, dtype=np.int32) % len(classes)
    # No two seeds share a shape, up to a million of each category.
    numbers = seed * 1_000_000 + np.arange(n) // len(classes)
    items = [(classes[k], int(i)) for k, i in zip(labels, numbers, strict=True)]
    names = [f"{category}/{number:05d}" for category, number in items]
    return Origin("parametric shapes", names, labels, classes, _grouped(items), _draw)


def meshes(
    path: Path,
    *,
    n: int | None,
    labels: str | os.PathLike | None,
    column: str | None,
) -> Origin:
    """The meshes of a folder; arguments and errors as `open_meshes`."""
    source = open_meshes(path, labels_csv=labels, class_column=column, n=n)
    return Origin(
        source.where,
        source.names,
        source.labels,
        source.classes,
        _grouped(range(len(source.names))),
        functools.partial(_read_meshes, source),
    )


def clouds(path: Path, *, n: int | None) -> Origin:
    """The point clouds of a folder; arguments and errors as `list_clouds`."""
    names, labels, classes = point_cloud_folder.list_clouds(path)
    rows = split.limited(len(names), n, labels)
    names = [names[row] for row in rows]
    return Origin(
        str(path),
        names,
        None if labels is None else labels[rows],
        classes,
        _grouped([path / name for name in names]),
        _read_clouds,
    )


def digest_of(mesh: Mesh) -> str:
    """SHA-256 of the vertices and faces of a mesh, as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    for array in mesh:
        digest.update(f"{array.dtype}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _grouped(items: Sequence) -> list[list]:
    return [list(items[i : i + TOGETHER]) for i in range(0, len(items), TOGETHER)]


def _draw(items: list[tuple[str, int]]) -> Iterator[Content]:
    for category, number in items:
        mesh = parametric.make(category, number)
        yield Content(digest_of(mesh), functools.partial(_sample_mesh, mesh, {}))


def _read_meshes(
    source: MeshSource, rows: list[int]
) -> Iterator[Content | BadInstance]:
    for row in rows:
        try:
            content, suffix = source.content(row)
        except BadInstance as error:
            yield error
            continue
        digest = hashlib.sha256(suffix.encode() + content).hexdigest()
        yield Content(digest, functools.partial(_sample_file, content, suffix))


def _read_clouds(paths: list[Path]) -> Iterator[Content | BadInstance]:
    for path in paths:
        try:
            if path.exists() and not path.is_file():  # A pipe would be waited for.
                raise BadInstance("no file, expected a point cloud")
            size = path.stat().st_size
            if size > formats.MOST_BYTES:
                raise BadInstance(
                    f"{size} bytes, expected at most {formats.MOST_BYTES}"
                )
            content, suffix = path.read_bytes(), path.suffix.lower()
        except BadInstance as error:
            yield error
            continue
        except OSError as error:
            yield BadInstance(f"cannot be opened: {error.strerror}")
            continue
        digest = hashlib.sha256(b"cloud" + suffix.encode() + content).hexdigest()
        yield Content(digest, functools.partial(_sample_cloud, content, suffix))


def _sample_file(
    content: bytes, suffix: str, preset: Preset, size: int, seed: list[int]
) -> Sampled:
    try:
        mesh = formats.decode(content, suffix)
    except formats.BadMesh as error:
        raise BadInstance(str(error)) from error
    seen = inspect(mesh)
    quality = {**seen._asdict(), "flags": list(seen.flags)} if seen.flags else {}
    return _sample_mesh(repaired(mesh), quality, preset, size, seed)


def _sample_mesh(
    mesh: Mesh, quality: dict, preset: Preset, size: int, seed: list[int]
) -> Sampled:
    normalised, frame = normalise(mesh)
    arrays = sampling.sample(normalised, preset, size=size, seed=seed)
    return Sampled(arrays, frame, quality, surface_moments(normalised))


def _sample_cloud(
    content: bytes, suffix: str, preset: Preset, size: int, seed: list[int]
) -> Sampled:
    points, normals = point_cloud_folder.decode(content, suffix)
    (points, _), frame = normalise(Mesh(points, np.zeros((0, 3), np.int64)))
    quality: dict = {}
    if point_cloud_folder.is_inside_out(points, normals):
        normals, quality = -normals, {"flags": ["inverted"]}
    arrays = sampling.from_point_cloud(points, normals, preset, size=size, seed=seed)
    return Sampled(arrays, frame, quality, moments(points, np.ones(len(points))))
