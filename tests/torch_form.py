"""Files as `torch.save` writes them, made without torch."""

import collections
import io
import pickle
import sys
import types
import unittest.mock
import zipfile

import numpy as np

STORAGES = {
    "float64": "DoubleStorage",
    "float32": "FloatStorage",
    "float16": "HalfStorage",
    "int64": "LongStorage",
    "bool": "BoolStorage",
    "uint16": "BFloat16Storage",  # The bits of bfloat16.
    "uint8": "UntypedStorage",  # The bytes of newer types.
}


class Storage:
    """Numbers that tensors share, with the key of their member."""

    def __init__(self, numbers, key):
        self.numbers, self.key = numbers, key


class Tensor:
    """A view into a storage, pickled as torch does; strides in numbers."""

    def __init__(self, storage, size, stride, offset=0):
        self.parts = (storage, offset, tuple(size), tuple(stride), False)

    def __reduce__(self):
        rebuild = sys.modules["torch._utils"]._rebuild_tensor_v2
        return rebuild, (*self.parts, collections.OrderedDict())


class TypedTensor:
    """A tensor of a type that has no storages of its own, pickled as torch does."""

    def __init__(self, array, key):
        storage = Storage(np.frombuffer(array.tobytes(), np.uint8), key)
        stride = tuple(step // array.itemsize for step in array.strides)
        self.name = array.dtype.name
        self.parts = (storage, 0, array.shape, stride, False, collections.OrderedDict())

    def __reduce__(self):
        rebuild = sys.modules["torch._utils"]._rebuild_tensor_v3
        return rebuild, (*self.parts, getattr(sys.modules["torch"], self.name))


class Parameter:
    """A tensor that is trained, pickled as torch does."""

    def __init__(self, tensor):
        self.parts = (tensor, True, collections.OrderedDict())

    def __reduce__(self):
        return sys.modules["torch._utils"]._rebuild_parameter, self.parts


def tensor(array, key):
    """A whole array as a tensor with a storage of its own, strides as they are."""
    base = array if array.flags.c_contiguous else array.T
    stride = [step // array.itemsize for step in array.strides]
    return Tensor(Storage(base.ravel(), key), array.shape, stride)


def state(arrays, first=0):
    """Arrays by key as tensors by key."""
    pairs = enumerate(arrays.items(), first)
    return collections.OrderedDict((k, tensor(x, str(i))) for i, (k, x) in pairs)


def _modules():
    """Just enough of torch for a pickle to name its parts."""
    utils, torch = types.ModuleType("torch._utils"), types.ModuleType("torch")
    for name in ("_rebuild_tensor_v2", "_rebuild_tensor_v3", "_rebuild_parameter"):
        setattr(utils, name, type(name, (), {"__module__": "torch._utils"}))
    for name in (*STORAGES.values(), "float8_e4m3fn", "float8_e5m2"):
        setattr(torch, name, type(name, (), {"__module__": "torch"}))
    return {"torch": torch, "torch._utils": utils}


class _Pickler(pickle.Pickler):
    def __init__(self, file, storages, behind=()):
        super().__init__(file, protocol=2)
        self.storages, self.behind = storages, behind

    def persistent_id(self, obj):
        if not isinstance(obj, Storage):
            return None
        self.storages[obj.key] = obj.numbers
        kind = getattr(sys.modules["torch"], STORAGES[str(obj.numbers.dtype)])
        place = "storage", kind, obj.key, "cuda:0", len(obj.numbers)
        return (*place, *self.behind)


def to_bytes(content):
    """A whole `.pt` file of an object with tensors in it."""
    file, storages = io.BytesIO(), {}
    with unittest.mock.patch.dict(sys.modules, _modules()):
        _Pickler(file, storages).dump(content)
    return archive(file.getvalue(), storages)


def to_legacy(content):
    """The same in the form before torch 1.6: pickles, then the storages."""
    file, storages = io.BytesIO(), {}
    with unittest.mock.patch.dict(sys.modules, _modules()):
        _Pickler(file, storages, (None,)).dump(content)
    machine = {"protocol_version": 1001, "little_endian": True}
    keys = list(storages)
    head = [pickle.dumps(x, 2) for x in (0x1950A86A20F9469CFC6C, 1001, machine)]
    stored = [
        np.int64(len(storages[key])).tobytes() + storages[key].tobytes() for key in keys
    ]
    return b"".join([*head, file.getvalue(), pickle.dumps(keys, 2), *stored])


def archive(pickled, storages, compression=zipfile.ZIP_STORED):
    """The zip around a pickle and its storages."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as members:
        members.writestr("model/data.pkl", pickled)
        members.writestr("model/byteorder", "little")
        for key, numbers in storages.items():
            members.writestr(f"model/data/{key}", np.asarray(numbers).tobytes())
        members.writestr("model/version", "3\n")
    return file.getvalue()
