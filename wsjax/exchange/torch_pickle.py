"""Unpickles tensors and plain containers without torch, and runs nothing of a pickle.

A pickle may name any function for the reader to call. This reader has a substitute for
each name that tensors, dicts and numbers need, and refuses every other.
"""

import collections
import io
import math
import pickle
import pickletools
import re
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np

from wsjax.exchange.part import Refused

__all__ = ["STORAGES", "Storage", "unpickle"]

STORAGES = {
    "DoubleStorage": "<f8",
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "BFloat16Storage": "bfloat16",
    "ComplexDoubleStorage": "<c16",
    "ComplexFloatStorage": "<c8",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "|i1",
    "ByteStorage": "|u1",
    "BoolStorage": "|b1",
    "UntypedStorage": "|u1",  # Of the types below, in bytes.
}
"""Types of the numbers in a storage, by torch's name."""

_TYPES = {"uint16": np.uint16, "uint32": np.uint32, "uint64": np.uint64} | {
    name: getattr(jnp, name)
    for name in ("float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2")
    + ("float8_e5m2fnuz", "float8_e8m0fnu")
}
# Dicts under another name; what else they do is not needed.
_DICTS = {
    ("__builtin__", "dict"),
    ("builtins", "dict"),
    ("collections", "OrderedDict"),
    ("easydict", "EasyDict"),
    ("lightning.fabric.utilities.data", "AttributeDict"),
    ("lightning_fabric.utilities.data", "AttributeDict"),
    ("pytorch_lightning.utilities.parsing", "AttributeDict"),
}
Storage = Callable[[object], np.ndarray]
"""The numbers `[n]` of a storage, by the id that the pickle gives it."""


def unpickle(data: bytes, storage: Storage) -> object:
    """Reads a pickle.

    Args:
      data: the pickle.
      storage: gives the numbers of a storage, by its persistent id.

    Returns:
      Its object; tensors are views `[...]` of their storages.

    Raises:
      Refused: if it asks for anything but tensors, numbers and containers.
      Exception: of any kind, if it is damaged.
    """
    for code, argument, _ in pickletools.genops(data):
        # The reader would reserve memory for as much as these two claim.
        if "PUT" in code.name and isinstance(argument, int) and argument > len(data):
            raise Refused(
                f"expected fewer than {len(data)} objects, found number {argument}; the"
                " file is damaged, save it again"
            )
        if code.name == "BYTEARRAY8":
            raise Refused("expected no bytearrays; save the state dict alone")
    return _Unpickler(io.BytesIO(data), storage).load()


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, storage: Storage):
        super().__init__(file)
        self._storage = storage

    def persistent_load(self, pid: object) -> np.ndarray:
        return self._storage(pid)

    def find_class(self, module: str, name: str) -> Any:
        """The substitute for a name, made anew: a pickle can set its attributes."""
        if (module, name) in _DICTS:
            return collections.OrderedDict
        if (module, name) in _CALLS:
            call = _CALLS[module, name]
            return lambda *arguments: call(*arguments)
        if (module, name) == ("argparse", "Namespace"):
            return type("Namespace", (), {})
        if module in ("torch", "torch.storage") and name in STORAGES:
            return STORAGES[name]
        if module == "torch" and re.fullmatch(r"(b?float|u?int|complex|bool)\w*", name):
            return name  # The name of a type, which a tensor may refer to.
        raise Refused(
            f"expected tensors and dicts only, found a pickle that asks for {module}."
            f"{name}; nothing of it was run, save the state dict alone"
        )


def _rebuild(storage: np.ndarray, *place: Any) -> np.ndarray:
    return _view(storage, storage.dtype, *place)


def _rebuild_typed(storage: np.ndarray, *place: Any) -> np.ndarray:
    """A tensor of a type that has no storages of its own, so that they hold bytes."""
    name = place[5]
    if name not in _TYPES or storage.dtype != np.uint8:
        raise Refused(
            f"expected one of {sorted(_TYPES)}, found {name}; save as float32"
        )
    return _view(storage, np.dtype(_TYPES[name]), *place)


def _view(
    storage: np.ndarray,
    dtype: np.dtype,
    offset: int,
    size: tuple[int, ...],
    stride: tuple[int, ...],
    *_: object,
) -> np.ndarray:
    """A tensor as a view of its storage; it must not reach outside."""
    length = storage.nbytes // dtype.itemsize
    count = math.prod(size)
    steps = zip(size, stride, strict=True)
    last = offset + sum((n - 1) * step for n, step in steps) if count else offset
    inside = count <= length and last < length + (count == 0)
    if min((0, offset, *size, *stride)) < 0 or not inside:
        raise Refused(
            f"expected a tensor inside its storage of {length} numbers, found size"
            f" {size}, stride {stride} at {offset}; the file is damaged, or an expanded"
            " tensor should be saved as a copy"
        )
    if not count:
        return np.empty(size, dtype)
    strides = [step * dtype.itemsize for step in stride]
    return np.ndarray(size, dtype, storage, offset * dtype.itemsize, strides)


class _Type:
    """What a NumPy scalar says about its type, such as `f8` and its byte order."""

    def __init__(self, code: str, *_: object):
        self.code, self.order = code, "="

    def __setstate__(self, state: tuple) -> None:
        self.order = state[1]


def _scalar(kind: _Type, data: bytes) -> object:
    if not isinstance(kind, _Type) or not re.fullmatch("[biufc][0-9]+", kind.code):
        raise Refused("expected NumPy's numbers only; save the state dict alone")
    return np.frombuffer(data, kind.order + kind.code, count=1).item()


_CALLS: dict[tuple[str, str], Callable[..., Any]] = {
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild,
    ("torch._utils", "_rebuild_tensor_v3"): _rebuild_typed,
    ("torch._utils", "_rebuild_parameter"): lambda tensor, *_: tensor,
    ("torch", "Size"): lambda sizes=(): tuple(sizes),
    ("torch", "device"): lambda *names: ":".join(map(str, names)),
    ("collections", "defaultdict"): lambda *_: collections.OrderedDict(),
    ("__builtin__", "set"): lambda items=(): set(items),
    ("builtins", "set"): lambda items=(): set(items),
    ("_codecs", "encode"): lambda text, *_: text.encode("latin1"),
    ("numpy", "dtype"): _Type,
    ("numpy.core.multiarray", "scalar"): _scalar,
    ("numpy._core.multiarray", "scalar"): _scalar,
}
