"""Shapes that come as samples of signed distance in parquet, such as ShapeNetSDF.

A row is a shape: `model_id`, and `groundtruth` (points of the surface), `uniform`
(points anywhere) and any others with "near" in their name, each P rows of x, y, z and
signed distance, float32, nested, flat or as raw bytes; see `wsjax.data.sdf_samples` for
what becomes of them.

Coordinates lie in [-1, 1]. The cache identifies a file by its name, size and time of
change, not by its content, which is far too large to be read each time.
"""

import functools
import hashlib
import importlib
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from wsjax.data import split
from wsjax.data.sdf_samples import AROUND, COLUMNS, to_arrays
from wsjax.data.shape_cache import Content, Origin, Sampled
from wsjax.data.source import BadInstance
from wsjax.meshes.mesh import Frame
from wsjax.meshes.moments import moments
from wsjax.meshes.sampling import Preset

__all__ = [
    "FARTHEST",
    "MOST_PACKED",
    "Row",
    "open_parquet",
]

FARTHEST = 1.01  # A coordinate beyond it is of another box.
MOST_PACKED = 100  # Times that a file of floats may grow when it is unpacked.


class Row(NamedTuple):
    """Where a shape lies: a row of a row group of a file.

    `group` is None if the file is damaged.
    """

    file: Path
    group: int | None
    row: int
    name: str


def open_parquet(path: Path, *, n: int | None = None) -> Origin:
    """Lists the shapes of parquet files; each is read when it is sampled.

    Args:
      path: a parquet file, or a folder with some anywhere below. If those lie in
        several folders, each such folder is a class, in sorted order.
      n: shapes to take, see `split.limited`.

    Returns:
      The origin of the shapes, in sorted order of the files. A file that is damaged or
      lacks a column stands for one shape that cannot be used.

    Raises:
      ValueError: if there is no such file.
    """
    files = sorted(path.rglob("*.parquet")) if path.is_dir() else [path]
    if not files:
        raise ValueError(f"{path}: expected parquet files, found none")
    _check_installed()
    classes = sorted({file.parent.name for file in files})
    rows = [row for file in files for row in _list(file)]
    many = len(classes) > 1
    kinds = np.array([classes.index(row.file.parent.name) for row in rows], np.int32)
    kept = split.limited(len(rows), n, kinds if many else None)
    rows, labels = [rows[row] for row in kept], kinds[kept]
    names = [f"{r.file.parent.name}/{r.name}" if many else r.name for r in rows]
    groups = itertools.groupby(rows, key=lambda row: (row.file, row.group))
    return Origin(
        where=str(path),
        names=names,
        labels=labels if many else None,
        classes=classes if many else [],
        batches=[list(group) for _, group in groups],
        read=_read,
    )


def _check_installed() -> None:
    try:
        importlib.import_module("pyarrow.parquet")
    except ImportError as error:
        raise ValueError(
            "parquet files need pyarrow, which is not installed; run `pip install"
            " pyarrow`"
        ) from error


def _opened(file: Path) -> Any:
    from pyarrow.parquet import ParquetFile

    return ParquetFile(file)


def _list(file: Path) -> list[Row]:
    """The rows of one file, from its index and the column of names alone."""
    try:
        with _opened(file) as parquet:
            _check_columns(parquet)
            _check_size(parquet, file)
            names = [
                parquet.read_row_group(group, columns=["model_id"]).column(0)
                for group in range(parquet.num_row_groups)
            ]
    except (OSError, ValueError, BadInstance):
        return [Row(file, None, 0, file.name)]
    return [
        Row(file, group, row, str(name))
        for group, column in enumerate(names)
        for row, name in enumerate(column.to_pylist())
    ]


def _read(rows: list[Row]) -> Iterator[Content | BadInstance]:
    """The rows of one row group from first to last; decodes those that are built."""
    file, group = rows[0].file, rows[0].group
    try:
        with _opened(file) as parquet:
            columns = _check_columns(parquet)
            _check_size(parquet, file)
            status = file.stat()
            decoded = enumerate(
                parquet.iter_batches(1, row_groups=[group], columns=columns)
            )
            for row in rows:
                what = [file.name, status.st_size, status.st_mtime_ns, *row[1:]]
                digest = hashlib.sha256(repr(what).encode()).hexdigest()
                yield Content(digest, functools.partial(_build, decoded, row.row))
    except (OSError, ValueError, BadInstance) as error:
        yield BadInstance(f"no usable parquet file: {error}")


def _check_columns(parquet: Any) -> list[str]:
    names = parquet.schema_arrow.names
    if not {"model_id", *COLUMNS} <= set(names):
        raise BadInstance(
            f"expected columns model_id, {', '.join(COLUMNS)}, found {sorted(names)}"
        )
    return [name for name in names if name in COLUMNS or "near" in name]


def _check_size(parquet: Any, file: Path) -> None:
    """Raises unless as much as the file promises can be in it."""
    size, meta = file.stat().st_size, parquet.metadata
    unpacked = sum(
        meta.row_group(k).total_byte_size for k in range(meta.num_row_groups)
    )
    least = meta.num_rows * len(COLUMNS) * 4 * AROUND * np.dtype(np.float32).itemsize
    if max(unpacked, least) > MOST_PACKED * size:
        raise BadInstance(
            f"promises {meta.num_rows} rows of {unpacked} bytes in {size} bytes; it is"
            " damaged"
        )


def _build(decoded, row: int, preset: Preset, size: int, seed: list[int]) -> Sampled:
    batch = next((batch for k, batch in decoded if k == row), None)
    if batch is None:
        raise BadInstance("its row cannot be read, the file is damaged")
    samples = {name: _cell(name, batch.column(name)) for name in batch.schema.names}
    quality = {}
    uniform = samples["uniform"]
    far = np.square(uniform[:, :3]).sum(axis=1).argsort()[-len(uniform) // 20 :]
    if uniform[far, 3].mean() < 0.0:
        for rows in samples.values():
            rows[:, 3] *= -1.0
        quality = {"turned": "distances were positive inside"}
    ground = samples["groundtruth"][:, :3]
    arrays = to_arrays(samples, preset, size, _generator(seed[0], ground))
    same = moments(ground, np.ones(len(ground)))
    return Sampled(arrays, Frame(np.zeros(3), 1.0), quality, same)


def _generator(seed: int, points: np.ndarray) -> np.random.Generator:
    """Draws alike for equal points, wherever and since whenever their file lies."""
    digest = hashlib.sha256(points.tobytes()).digest()
    return np.random.default_rng([seed, int.from_bytes(digest[:8], "big")])


def _cell(name: str, column) -> np.ndarray:
    """One cell as `[P, 4]` float64, however it is nested."""
    while hasattr(column.type, "value_type"):
        column = column.flatten()
    numbers = column.to_numpy(zero_copy_only=False)
    if numbers.dtype == object:  # Raw bytes, or nothing.
        numbers = np.frombuffer(b"".join(filter(None, numbers)), np.float32)
    if len(numbers) % 4 or len(numbers) < 4 * AROUND:
        raise BadInstance(
            f"expected {AROUND} or more rows of x, y, z, distance in {name}, found"
            f" {len(numbers)} numbers"
        )
    rows = numbers.reshape(-1, 4).astype(np.float64)
    if not np.isfinite(rows).all():
        raise BadInstance(
            f"{np.sum(~np.isfinite(rows))} of {rows.size} numbers in {name} are NaN or"
            " infinite"
        )
    reach = np.abs(rows[:, :3]).max()
    if name in COLUMNS and reach > FARTHEST:
        raise BadInstance(
            f"expected coordinates in [-1, 1] in {name}, found up to {reach:.3g}"
        )
    return rows
