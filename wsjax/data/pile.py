"""A pile of pictures: in memory up to a limit, beyond it in a file on disk.

The file has no name: the operating system frees its space when the last array that
shows it is gone, and also if the process is killed.
"""

import contextlib
import functools
import math
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, NamedTuple, TypeAlias

import numpy as np

from wsjax import files
from wsjax.data.resample import as_float, recolour

__all__ = ["AT_ONCE", "MOST_BYTES", "Pile", "blocks", "opened"]

MOST_BYTES = 2**31
"""Bytes of pixels that are kept in memory, unless the caller gives another limit."""
AT_ONCE = 256
"""Pictures that are read at once where all of them are needed one after the other."""

_Kind: TypeAlias = tuple[tuple[int, ...], np.dtype]  # Shape and type of a picture.


class Pile(NamedTuple):
    """Pictures that are laid on one another.

    `add(picture)` takes pixels `[H, W, C]`, uint8 or float32, all of one height and
    width; `array()` returns all of them as one array `[N, H, W, C]`, with the most
    channels and the widest type that any has. An array beyond the limit is a read-only
    window on a file: what is indexed is read. Call `array` once, at the end.
    """

    add: Callable[[np.ndarray], None]
    array: Callable[[], np.ndarray]


@contextlib.contextmanager
def opened(
    *, most_bytes: int = MOST_BYTES, folder: files.AnyPath | None = None
) -> Iterator[Pile]:
    """Context with a pile that has no pictures yet; its array outlives the context.

    Args:
      most_bytes: of pixels that are kept in memory.
      folder: where the file of a larger pile lies; it is made when it is needed. None:
        `$XDG_CACHE_HOME/wsjax/pictures`.

    Raises:
      OSError: from `add` and `array`, if the file cannot be written.
    """
    place = files.cache_folder("pictures") if folder is None else Path(folder)
    kinds: list[_Kind] = []
    held: list[np.ndarray] = []
    size, file = 0, None

    def add(picture: np.ndarray) -> None:
        nonlocal size, file
        kinds.append((picture.shape, picture.dtype))
        held.append(picture)
        size += picture.nbytes
        if size > most_bytes:
            file = file or stack.enter_context(_file(place))
            _write(place, file, held)
            held.clear()

    def array() -> np.ndarray:
        channels = max(shape[-1] for shape, _ in kinds)
        mixed = len({dtype for _, dtype in kinds}) > 1
        alike = functools.partial(_alike, channels=channels, as_floats=mixed)
        first = alike(np.zeros(*kinds[0]))
        shape = (len(kinds), *first.shape)
        if len(kinds) * first.nbytes <= most_bytes:
            return np.stack([alike(picture) for picture in held])
        whole = file
        if whole is None or len(set(kinds)) > 1:
            whole = stack.enter_context(_file(place))
            _write(place, whole, map(alike, _read(file, kinds) if file else held))
        return np.memmap(whole, first.dtype, mode="r", shape=shape)

    with contextlib.ExitStack() as stack:
        yield Pile(add, array)


def blocks(array: np.ndarray, *, most: int = AT_ONCE) -> Iterable[np.ndarray]:
    """Cuts an array `[N, ...]` into blocks of at most `most` rows, in their order."""
    return (array[begin : begin + most] for begin in range(0, len(array), most))


def _alike(picture: np.ndarray, *, channels: int, as_floats: bool) -> np.ndarray:
    return recolour(as_float(picture) if as_floats else picture, channels)


def _file(folder: Path) -> IO[bytes]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return tempfile.TemporaryFile(dir=folder)
    except OSError as error:
        raise _unwritable(folder, error) from error


def _write(folder: Path, file: IO[bytes], pictures: Iterable[np.ndarray]) -> None:
    try:
        for picture in pictures:
            file.write(picture.tobytes())
        file.flush()
    except OSError as error:
        raise _unwritable(folder, error) from error


def _unwritable(folder: Path, error: OSError) -> OSError:
    return OSError(
        f"{folder}: expected room for the pixels of pictures that do not fit memory, "
        f"found {error.strerror or error}; free space there, or name another folder "
        "with cache="
    )


def _read(file: IO[bytes], kinds: list[_Kind]) -> Iterable[np.ndarray]:
    """The pictures in a file of pixels, one after the other."""
    file.seek(0)
    for shape, dtype in kinds:
        content = file.read(math.prod(shape) * dtype.itemsize)
        yield np.frombuffer(content, dtype).reshape(shape)
