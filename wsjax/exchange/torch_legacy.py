"""Reads the form that `torch.save` wrote before torch 1.6, as many public weights are.

The file is a row of pickles: a magic number, a version, facts of the machine, the
object, and the keys of its storages. Behind them lie the storages, each a count and its
numbers.
"""

import io
import pickletools
from collections.abc import Callable
from typing import Any, cast

import numpy as np

from wsjax.exchange.part import Refused
from wsjax.exchange.torch_pickle import STORAGES, unpickle

__all__ = ["is_legacy", "read_legacy"]

_MAGIC = 0x1950A86A20F9469CFC6C
_VERSION = 1001
_COUNT = np.dtype("<i8")


def is_legacy(data: bytes) -> bool:
    """Whether a file begins as torch began before 1.6, by its first 14 bytes."""
    # A pickle of protocol 2 that holds the magic number: opcode, length, little-endian.
    return data[2:14] == b"\x8a\n" + _MAGIC.to_bytes(10, "little")


def read_legacy(data: bytes) -> object:
    """Reads the object in a file, its tensors as arrays.

    Args:
      data: the whole file.

    Raises:
      Refused: if it asks for anything but tensors, numbers and containers, or is of
        another machine's byte order.
      Exception: of any kind, if it is damaged.
    """
    file, pickles = io.BytesIO(data), []
    for _ in range(5):
        begin = file.tell()
        for _ in pickletools.genops(file):
            pass
        pickles.append(data[begin : file.tell()])
    _, version, machine, content, keys = pickles
    if unpickle(version, _nothing) != _VERSION:
        raise Refused(
            "expected version 1001 of the form before torch 1.6; save it again"
        )
    if not cast(dict, unpickle(machine, _nothing)).get("little_endian", True):
        raise Refused("expected little-endian numbers; save it on another CPU")
    types: dict[str, tuple[str, int]] = {}
    unpickle(content, _noting(types, most=len(data)))
    names = cast(list[str], unpickle(keys, _nothing))
    storages = _storages(data, file.tell(), names, types)
    return unpickle(content, lambda identity: storages[cast(tuple, identity)[2]])


def _nothing(identity: object) -> np.ndarray:
    raise Refused(f"expected no tensor here, found {identity!r}; the file is damaged")


def _noting(types: dict, *, most: int) -> Callable[[Any], np.ndarray]:
    """Notes type and count of each storage, and gives zeros in its place."""

    def storage(identity: Any) -> np.ndarray:
        kind, dtype, key, _, count, view = identity
        known = kind == "storage" and view is None and dtype in STORAGES.values()
        if (
            not known
            or dtype == "bfloat16"
            or types.get(key, (dtype, count))
            != (
                dtype,
                count,
            )
        ):
            raise Refused(f"expected a storage of tensors, found {identity!r}")
        if count * np.dtype(dtype).itemsize > most:
            raise Refused(f"expected {count} numbers in storage {key}, found too few")
        types[key] = dtype, count
        return np.broadcast_to(np.zeros((), dtype), (count,)).copy()

    return storage


def _storages(
    data: bytes, begin: int, keys: list[str], types: dict[str, tuple[str, int]]
) -> dict[str, np.ndarray]:
    """The numbers behind the pickles, in the order of `keys`."""
    found = {}
    for key in keys:
        dtype, count = types[key]
        if np.frombuffer(data, _COUNT, 1, begin)[0] != count:
            raise Refused(
                f"expected {count} numbers in storage {key}, found another count; the "
                "file is damaged, save it again"
            )
        begin += _COUNT.itemsize
        found[key] = np.frombuffer(data, dtype, count, begin)
        begin += found[key].nbytes
    return found
