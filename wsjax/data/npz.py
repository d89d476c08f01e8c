"""Pictures in an `.npz`: an array `x`, or encoded bytes `jpeg` with `offsets`.

Arrays are read without pickle. Labels are the optional array `y`.
"""

import contextlib
import zipfile
import zlib
from pathlib import Path

import numpy as np

from wsjax.data.source import BadInstance, Source, decode

UNREADABLE = (
    ValueError,
    OSError,
    EOFError,
    MemoryError,
    zipfile.BadZipFile,
    zlib.error,
)
# Resampled pictures overshoot [0, 1] a little; anything further is another unit.
LOWEST, HIGHEST = -0.5, 1.5


def open_npz(path: Path) -> Source:
    """Opens an `.npz` of pictures.

    Args:
      path: a file with `x` `[N, H, W]` or `[N, H, W, C]`, uint8 or float in [0, 1];
        or with `jpeg` `[bytes]` uint8 and `offsets` `[N + 1]`, picture i being
        `jpeg[offsets[i]:offsets[i + 1]]`. Labels `y` `[N]` are optional.

    Returns:
      A source whose names are the row numbers. Float rows are clipped to [0, 1].

    Raises:
      ValueError: if the file is no readable `.npz`, or an array is missing or has
        the wrong rank, type or length, or more than half of the float rows are out
        of range; fewer of them are bad instances.
    """
    arrays = _load(path)
    if "x" in arrays:
        count, read = _rows(path, arrays["x"])
    else:
        count, read = _encoded(path, arrays["jpeg"], arrays["offsets"])
    labels = _labels(path, arrays["y"], count) if "y" in arrays else None
    return Source(str(path), [str(i) for i in range(count)], labels, read)


def _load(path: Path) -> dict[str, np.ndarray]:
    """The arrays that matter; of `x` and `jpeg`, `x` is taken."""
    with contextlib.ExitStack() as stack:
        try:
            # Opened here: numpy leaves a damaged zip file open.
            file = stack.enter_context(path.open("rb"))
            archive = np.load(file, allow_pickle=False)
        except UNREADABLE as error:
            raise ValueError(
                f"{path}: expected an .npz file, found something else or part of one"
                f" ({error}); write it again with numpy.savez"
            ) from error
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise ValueError(
                f"{path}: expected an .npz file, found a single array {archive.shape};"
                " write it with numpy.savez(path, x=array)"
            )
        stack.enter_context(archive)
        return {key: _member(path, archive, key) for key in _keys(path, archive.files)}


def _keys(path: Path, found: list[str]) -> list[str]:
    labels = ["y"] if "y" in found else []
    if "x" in found:
        return ["x", *labels]
    if {"jpeg", "offsets"} <= set(found):
        return ["jpeg", "offsets", *labels]
    raise ValueError(
        f"{path}: expected an array 'x' or arrays 'jpeg' and 'offsets', found"
        f" {sorted(found)}; save the pictures under one of these names"
    )


def _member(path: Path, archive, key: str) -> np.ndarray:
    try:
        array = archive[key]
    except UNREADABLE as error:
        raise ValueError(
            f"{path}: expected a readable plain array {key!r}, found one that is"
            f" damaged or pickled ({error}); save it again with a numeric dtype"
        ) from error
    if not isinstance(array, np.ndarray):
        raise ValueError(f"{path}: expected an array {key!r}, found other bytes")
    return array


def _rows(path: Path, x: np.ndarray):
    shape = f"{x.dtype} {list(x.shape)}"
    if x.ndim not in (3, 4) or (x.ndim == 4 and not 1 <= x.shape[-1] <= 4):
        raise ValueError(
            f"{path}: expected 'x' as [N, H, W] or [N, H, W, C] with 1 to 4 channels,"
            f" found {shape}; reshape it, channels last"
        )
    if x.size == 0:
        raise ValueError(f"{path}: expected pictures in 'x', found none in {shape}")
    if x.dtype != np.uint8 and x.dtype.kind != "f":
        raise ValueError(
            f"{path}: expected 'x' as uint8 or as float in [0, 1], found {shape};"
            " save 0..255 with astype(numpy.uint8)"
        )
    if x.dtype == np.uint8:
        return len(x), lambda i: x[i] if x.ndim == 4 else x[i, ..., None]
    low, high = _ranges(path, x)

    def read(i):
        row = x[i] if x.ndim == 4 else x[i, ..., None]
        bad = int(np.sum(~np.isfinite(row)))
        if bad:
            raise BadInstance(f"{bad} of {row.size} pixel values are NaN or infinite")
        if low[i] < LOWEST or high[i] > HIGHEST:
            found = f"values from {low[i]:g} to {high[i]:g}"
            raise BadInstance(f"{found}, expected [0, 1]")
        return np.clip(row, 0.0, 1.0).astype(np.float32)

    return len(x), read


def _ranges(path: Path, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest finite value of each row; most have to be in range.

    A few rows out of range are bad ones, many are a file in another unit.
    """
    pixels, finite = tuple(range(1, x.ndim)), np.isfinite(x)
    low = x.min(axis=pixels, where=finite, initial=np.inf)
    high = x.max(axis=pixels, where=finite, initial=-np.inf)
    if 2 * np.sum((low < LOWEST) | (high > HIGHEST)) > len(x):
        raise ValueError(
            f"{path}: expected float 'x' in [0, 1], found {low.min():g} to"
            f" {high.max():g}; rescale it to [0, 1], or save 0..255 as uint8"
        )
    return low, high


def _encoded(path: Path, jpeg: np.ndarray, offsets: np.ndarray):
    if jpeg.ndim != 1 or jpeg.dtype != np.uint8:
        raise ValueError(
            f"{path}: expected 'jpeg' as uint8 [bytes], found {jpeg.dtype}"
            f" {list(jpeg.shape)}; join the files with numpy.frombuffer(bytes, 'u1')"
        )
    if offsets.ndim != 1 or offsets.dtype.kind not in "iu" or len(offsets) < 2:
        raise ValueError(
            f"{path}: expected 'offsets' as integers [N + 1] with N > 0, found"
            f" {offsets.dtype} {list(offsets.shape)}; save where each picture starts,"
            " and the end of the last"
        )
    start = offsets.astype(np.int64)  # Differences of unsigned numbers wrap around.
    falls = np.flatnonzero(np.diff(start) < 0)
    if falls.size:
        i = int(falls[0])
        raise ValueError(
            f"{path}: expected 'offsets' that increase, found {start[i]} then"
            f" {start[i + 1]} at entry {i + 1}; save the running sum of the lengths"
        )
    if start[0] < 0 or start[-1] > len(jpeg):
        raise ValueError(
            f"{path}: expected 'offsets' within the {len(jpeg)} bytes of 'jpeg', found"
            f" {start[0]} to {start[-1]}; 'jpeg' may be cut short, save both again"
        )
    return len(start) - 1, lambda i: decode(jpeg[start[i] : start[i + 1]].tobytes())


def _labels(path: Path, y: np.ndarray, count: int) -> np.ndarray:
    if y.shape != (count,) or y.dtype.kind not in "iub":
        raise ValueError(
            f"{path}: expected labels 'y' as integers [{count}], one per picture, found"
            f" {y.dtype} {list(y.shape)}; correct or leave out 'y'"
        )
    labels = y.astype(np.int32)
    if not np.array_equal(labels, y):
        raise ValueError(
            f"{path}: expected labels 'y' within int32, found {y.min()} to {y.max()};"
            " number the classes from 0"
        )
    return labels
