"""Reads what `torch.save` writes, without torch and without running what is in it.

The file is a zip: `data.pkl` describes the object, `data/<key>` hold the storages of
its tensors. `torch_pickle` reads the description, `torch_legacy` the older form.
"""

import pathlib
import zipfile
from typing import Any

import numpy as np

from wsjax.exchange.part import Refused, check_size
from wsjax.exchange.torch_legacy import is_legacy, read_legacy
from wsjax.exchange.torch_pickle import STORAGES, Storage, unpickle

__all__ = ["read_torch"]


def read_torch(path: pathlib.Path) -> object:
    """Reads the object that torch saved in a file, its tensors as read-only arrays.

    bfloat16, which NumPy does not have, is widened to float32.

    Raises:
      ValueError: if the file is cut short, damaged, would fill the memory, or names
        anything but tensors, numbers and containers; nothing of it is run.
      OSError: if the file cannot be opened.
    """
    with path.open("rb") as file:
        old = is_legacy(file.read(64))
    try:
        if old:
            return read_legacy(path.read_bytes())
        with zipfile.ZipFile(path) as archive:
            # Members may overlap, and so hold more than the file.
            check_size(path, sum(info.file_size for info in archive.infolist()))
            names = [n for n in archive.namelist() if n.count("/") <= 1]
            pickled = [n for n in names if n.rpartition("/")[2] == "data.pkl"]
            if len(pickled) != 1:
                raise Refused(f"expected one data.pkl, found {names}; is it of torch?")
            root = pickled[0].removesuffix("data.pkl")
            order = f"{root}byteorder"
            if order in names and _stored(archive, order) != b"little":
                raise Refused("expected little-endian numbers; save it on another CPU")
            return unpickle(_stored(archive, pickled[0]), _storages(archive, root))
    except (Refused, OSError):
        raise
    except Exception as error:  # A damaged pickle can raise anything.
        raise ValueError(
            "expected a whole file of torch.save, found something else or part of one"
            f" ({error}); save it again"
        ) from error


def _stored(archive: zipfile.ZipFile, name: str) -> bytes:
    """A member of the zip. Torch never compresses; a compressed one may be a bomb."""
    info = archive.getinfo(name)
    if info.compress_type != zipfile.ZIP_STORED:
        raise Refused(f"expected {name} uncompressed; save it again with torch")
    return archive.read(info)


def _storages(archive: zipfile.ZipFile, root: str) -> Storage:
    read: dict[tuple[str, str], np.ndarray] = {}  # Tensors may share their storage.

    def storage(identity: Any) -> np.ndarray:
        kind, dtype, key, _, count = identity
        if kind != "storage" or dtype not in STORAGES.values():
            raise Refused(f"expected a storage of tensors, found {identity!r}")
        if (dtype, key) not in read:
            read[dtype, key] = _numbers(_stored(archive, f"{root}data/{key}"), dtype)
        numbers = read[dtype, key]
        if len(numbers) != count:
            raise Refused(
                f"expected {count} numbers in storage {key}, found {len(numbers)}; the"
                " file is damaged, save it again"
            )
        return numbers

    return storage


def _numbers(data: bytes, dtype: str) -> np.ndarray:
    if dtype != "bfloat16":
        return np.frombuffer(data, dtype)
    # bfloat16 is the upper half of a float32.
    return (np.frombuffer(data, "<u2").astype("<u4") << 16).view("<f4")
