"""Pictures in an `.npz`: arrays of pixels, or the bytes of JPEG files.

Arrays are read without pickle, and only if what they unpack to is bounded.
"""

import contextlib
import lzma
import math
import os
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib import format as npy
from numpy.lib.npyio import NpzFile

from wsjax.data import labels, layout, ranges
from wsjax.data.decode import decode
from wsjax.data.ranges import Range
from wsjax.data.source import Source

__all__ = ["MOST_BYTES", "open_npz"]

MOST_BYTES = 2**31
"""Bytes that a compressed array may unpack to, unless the file itself is larger."""

_UNREADABLE = (
    ValueError,
    OSError,
    EOFError,
    MemoryError,
    RuntimeError,  # A password, or a compression that Python does not know.
    lzma.LZMAError,
    zipfile.BadZipFile,
    zlib.error,
)
# The pictures, and the labels that belong to them; the first key that there is.
_KEYS = {
    "x": ("y", "labels"),
    "images": ("labels", "y"),
    "x_train": ("y_train",),
    "train_images": ("train_labels",),
    "jpeg": ("y", "labels"),
    "arr_0": ("arr_1",),
}


def open_npz(
    path: Path,
    *,
    limits: Range | None = None,
    most_bytes: int = MOST_BYTES,
    held_bytes: int = MOST_BYTES,
) -> Source:
    """Opens an `.npz` of pictures.

    Args:
      path: a file with pictures under `x`, `images`, `x_train`, `train_images` or
        `arr_0`: `[N, H, W]` or `[N, H, W, C]`, or another order of axes if
        `wsjax.data.layout` knows it without doubt. Of 2 or 4 channels the last is an
        opacity: the pictures are laid on white. Or with `jpeg` `[bytes]` uint8 and
        `offsets` `[N + 1]`, picture i being `jpeg[offsets[i]:offsets[i + 1]]`. Labels
        are optional: `y` or `labels`, for the last three keys `y_train`,
        `train_labels` and `arr_1`; see `wsjax.data.labels`.
      limits: the values of black and white; None takes those that `wsjax.data.ranges`
        finds for the type and values of the array.
      most_bytes: what an array may unpack to if it is larger than the file.
      held_bytes: a larger array that is not compressed is not read into memory; its
        pictures are read from the file, each when it is needed.

    Returns:
      A source whose names are the row numbers. Arrays that are not read are left out
      with a line each.

    Raises:
      ValueError: if the file is no readable `.npz`, an array would unpack to more than
        `most_bytes`, or is missing, or has the wrong rank, type or length, or more than
        half of the pictures are out of range; fewer of them are bad instances.
    """
    arrays, unread = _load(path, most_bytes, held_bytes)
    key, *_ = arrays
    names_of_labels = [name for name in arrays if name in _KEYS[key]]
    y = arrays[names_of_labels[0]] if names_of_labels else None
    if key == "jpeg":
        count, read = _encoded(path, arrays["jpeg"], arrays["offsets"], limits)
    else:
        length = None if y is None or not y.ndim else len(y)
        count, read = _rows(f"{path}: {key!r}", arrays[key], length, limits)
    numbers, classes = None, None
    if y is not None:
        where = f"{path}: {names_of_labels[0]!r}"
        numbers, classes = labels.numbered(where, y, count)
    names = [str(i) for i in range(count)]
    others = frozenset(unread)
    return Source(str(path), names, numbers, read, classes, unread, others)


def _load(
    path: Path, most_bytes: int, held_bytes: int
) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """The arrays that are read, the pictures first, and a line for each other one."""
    with contextlib.ExitStack() as stack:
        try:
            # Opened here: numpy leaves a damaged zip file open.
            file = stack.enter_context(path.open("rb"))
            archive = np.load(file, allow_pickle=False)
        except _UNREADABLE as error:
            raise ValueError(
                f"{path}: expected an .npz file, found something else or part of one"
                f" ({error}); write it again with numpy.savez"
            ) from error
        if not isinstance(archive, NpzFile):
            raise ValueError(
                f"{path}: expected an .npz file, found a single array {archive.shape};"
                " write it with numpy.savez(path, x=array)"
            )
        stack.enter_context(archive)
        wanted = _wanted(path, archive.files)
        most = max(most_bytes, path.stat().st_size)
        bounds = most, held_bytes
        arrays = {key: _member(path, archive, key, *bounds) for key in wanted}
        unread = f"another array; the pictures are read from {wanted[0]!r}"
        return arrays, {k: unread for k in archive.files if k not in wanted}


def _wanted(path: Path, found: list[str]) -> list[str]:
    for key, names_of_labels in _KEYS.items():
        parts = ["jpeg", "offsets"] if key == "jpeg" else [key]
        if set(parts) <= set(found):
            return parts + [name for name in names_of_labels if name in found][:1]
    raise ValueError(
        f"{path}: expected an array 'x' or arrays 'jpeg' and 'offsets', found"
        f" {sorted(found)}; save the pictures under one of these names"
    )


def _member(path: Path, archive: NpzFile, key: str, most: int, held: int) -> np.ndarray:
    try:
        size, plain = _promised(path, key)
        if plain and held < size <= most:
            return _window(path, key)
        array = None if size > most else archive[key]
    except _UNREADABLE as error:
        raise ValueError(
            f"{path}: expected a readable plain array {key!r}, found one that is"
            f" damaged or pickled ({error}); save it again with a numeric dtype"
        ) from error
    if array is None:
        raise ValueError(
            f"{path}: expected an array {key!r} of at most {most} bytes, found one that"
            f" would unpack to {size}; save it uncompressed with numpy.savez if it is"
            " so large, or as a folder of pictures"
        )
    if not isinstance(array, np.ndarray):
        raise ValueError(f"{path}: expected an array {key!r}, found other bytes")
    return array


@contextlib.contextmanager
def _opened(path: Path, key: str) -> Iterator[tuple[zipfile.ZipInfo, IO[bytes]]]:
    """Context with what the zip file says of an array, and the bytes of its file."""
    with zipfile.ZipFile(path) as archive:
        name = f"{key}.npy" if f"{key}.npy" in archive.namelist() else key
        with archive.open(info := archive.getinfo(name)) as file:
            yield info, file


def _promised(path: Path, key: str) -> tuple[int, bool]:
    """Bytes that reading an array allocates: what its header and the zip file claim.

    Also whether these bytes lie in the file as they are.
    """
    with _opened(path, key) as (info, file):
        shape, _, dtype = _header(file)
    plain = info.compress_type == zipfile.ZIP_STORED and not info.flag_bits & 1
    return max(info.file_size, math.prod(shape) * dtype.itemsize), plain


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    version = npy.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"version {version} of the npy format")
    if version == (1, 0):
        return npy.read_array_header_1_0(file)
    return npy.read_array_header_2_0(file)


def _window(path: Path, key: str) -> np.ndarray:
    """A read-only window on an array that lies in the file as it is."""
    with _opened(path, key) as (info, content):
        while content.read(2**20):  # To its end, where its sum is compared.
            pass
    with path.open("rb") as file:
        # Of 30 bytes, the last four are the lengths of what stands before the content.
        file.seek(info.header_offset + 26)
        file.seek(int(np.frombuffer(file.read(4), "<u2").sum()), os.SEEK_CUR)
        shape, fortran, dtype = _header(file)
        if dtype.hasobject:
            raise ValueError("Object arrays cannot be loaded")
        return np.memmap(file, dtype, "r", file.tell(), shape, "F" if fortran else "C")


def _rows(
    where: str, x: np.ndarray, count: int | None, limits: Range | None
) -> tuple[int, Callable[[int], np.ndarray]]:
    if x.dtype.kind not in "biuf":
        raise ValueError(
            f"{where}: expected integers, bools or floats, found {x.dtype}"
            f" {list(x.shape)}; save 0..255 with astype(numpy.uint8)"
        )
    pictures = layout.pictures_first(where, x, count)
    chosen = limits or ranges.of_array(where, pictures)
    return len(pictures), lambda i: ranges.to_picture(pictures[i], chosen)


def _encoded(
    path: Path, jpeg: np.ndarray, offsets: np.ndarray, limits: Range | None
) -> tuple[int, Callable[[int], np.ndarray]]:
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

    def read(i: int) -> np.ndarray:
        return decode(jpeg[start[i] : start[i + 1]].tobytes(), limits=limits)

    return len(start) - 1, read
