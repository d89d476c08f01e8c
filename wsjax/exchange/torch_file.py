"""Reads what `torch.save` writes, without torch and without running what is in it.

The file is a zip: `data.pkl` describes the object, `data/<key>` hold the storages of
its tensors. A pickle may name any function for the reader to call; this reader knows
those that tensors and dicts need and refuses every other.
"""

import collections
import io
import math
import pathlib
import pickle
import zipfile
from collections.abc import Callable

import numpy as np

_TYPES = {
    "DoubleStorage": "<f8",
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ByteStorage": "|u1",
    "BoolStorage": "|b1",
}


def read_torch(path: pathlib.Path) -> object:
    """Reads the object of a `.pt` or `.pth` file, its tensors as arrays.

    bfloat16, which NumPy does not have, is widened to float32.

    Raises:
      ValueError: if the file is cut short, damaged or of the form before torch 1.6, or
        names anything but tensors and dicts; nothing of it is run.
      OSError: if the file cannot be opened.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = [n for n in archive.namelist() if n.count("/") <= 1]
            pickled = [n for n in names if n.rpartition("/")[2] == "data.pkl"]
            if len(pickled) != 1:
                raise _Refused(f"expected one data.pkl, found {names}; is it of torch?")
            root = pickled[0].removesuffix("data.pkl")
            order = f"{root}byteorder"
            if order in names and archive.read(order) != b"little":
                raise _Refused("expected little-endian numbers; save it on another CPU")
            data = io.BytesIO(archive.read(pickled[0]))
            return _Unpickler(data, _storages(archive, root)).load()
    except (_Refused, OSError):
        raise
    except Exception as error:  # A damaged pickle can raise anything.
        raise ValueError(
            "expected a whole file in the zip form that torch.save writes since 1.6,"
            f" found something else or part of one ({error}); save it again"
        ) from error


class _Refused(ValueError):
    """The file is whole and of the right form, but asks for what is not given."""


class _Unpickler(pickle.Unpickler):
    """Knows dicts and tensors; `storage` reads the numbers of a persistent id."""

    def __init__(self, file: io.BytesIO, storage: Callable[[object], np.ndarray]):
        super().__init__(file)
        self._storage = storage

    def persistent_load(self, pid: object) -> np.ndarray:
        return self._storage(pid)

    def find_class(self, module: str, name: str) -> object:
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            # One of its own for every file: a pickle can set attributes of it.
            return lambda *arguments: _rebuild(*arguments)
        if (module, name) == ("torch._utils", "_rebuild_parameter"):
            return lambda tensor, *_: tensor
        if module == "torch" and name in _TYPES:
            return _TYPES[name]
        raise _Refused(
            f"expected tensors and dicts only, found a pickle that asks for {module}."
            f"{name}; nothing of it was run, save the state dict alone"
        )


def _storages(archive: zipfile.ZipFile, root: str) -> Callable[[object], np.ndarray]:
    read = {}  # Tensors of one file may share their storage.

    def storage(identity: object) -> np.ndarray:
        kind, dtype, key, _, count = identity
        if kind != "storage" or dtype not in _TYPES.values():
            raise _Refused(f"expected a storage of tensors, found {identity!r}")
        if (dtype, key) not in read:
            read[dtype, key] = _numbers(archive, f"{root}data/{key}", dtype)
        found = len(read[dtype, key])
        if found != count:
            raise _Refused(
                f"expected {count} numbers in storage {key}, found {found}; the file is"
                " damaged, save it again"
            )
        return read[dtype, key]

    return storage


def _numbers(archive: zipfile.ZipFile, name: str, dtype: str) -> np.ndarray:
    info = archive.getinfo(name)
    # Torch stores as is; a few compressed bytes could fill the memory.
    if info.compress_type != zipfile.ZIP_STORED:
        raise _Refused(f"expected {name} uncompressed; save it again with torch")
    data = archive.read(info)
    if dtype != "bfloat16":
        return np.frombuffer(data, dtype)
    # The upper half of a float32.
    return (np.frombuffer(data, "<u2").astype("<u4") << 16).view("<f4")


def _rebuild(storage: np.ndarray, offset: int, size: tuple, stride: tuple, *_):
    """A tensor as a view into its storage, copied; it must not reach outside."""
    count = math.prod(size)
    steps = zip(size, stride, strict=True)
    last = offset + sum((n - 1) * step for n, step in steps) if count else offset
    inside = count <= len(storage) and last < len(storage) + (count == 0)
    if min((0, offset, *size, *stride)) < 0 or not inside:
        raise _Refused(
            f"expected a tensor inside its storage of {len(storage)} numbers, found"
            f" size {size}, stride {stride} at {offset}; the file is damaged, or an"
            " expanded tensor should be saved as a copy"
        )
    strides = [step * storage.itemsize for step in stride]
    return np.lib.stride_tricks.as_strided(storage[offset:], size, strides).copy()
