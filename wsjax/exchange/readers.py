"""Readers of single files, by how their names end."""

import math
import pathlib
import re
import zipfile
from collections.abc import Callable

import jax.numpy as jnp
import numpy as np
import safetensors
from numpy.lib import format as npy

from wsjax import files
from wsjax.exchange.hdf5 import read_hdf5
from wsjax.exchange.part import Part, Refused, check_size, known, memory, nested
from wsjax.exchange.state_dict import to_part
from wsjax.exchange.torch_file import read_torch

__all__ = ["ENDINGS", "UNKNOWN", "read"]

UNKNOWN = -1
"""The label of an instance that has none, in an array with the labels of others."""

# Types that safetensors does not turn into arrays of NumPy.
_SHORT = {"F8_E4M3": jnp.float8_e4m3fn, "F8_E5M2": jnp.float8_e5m2}
_SLICE = re.compile(r".*-\d{5}-of-\d{5}\..*")
_HEADERS = {
    (1, 0): npy.read_array_header_1_0,
    (2, 0): npy.read_array_header_2_0,
}


def read(path: pathlib.Path) -> Part:
    """Reads a file whose name has one of the `ENDINGS`.

    Memory stays in proportion to the size of the file, whatever it claims to hold.

    Raises:
      ValueError: if the file is damaged or does not hold whole instances.
      OSError: if it cannot be opened.
    """
    if _SLICE.fullmatch(path.name):
        raise ValueError(
            "expected a whole state dict, found one of several files of one; join them"
            " and save a single file"
        )
    part = _READERS[path.suffix.lower()](path)
    if not part.facts:
        raise ValueError("expected instances, found none; leave the file out")
    check_size(path, memory(part.weights))  # Tensors may share their memory until now.
    return part


def _torch(path: pathlib.Path) -> Part:
    return to_part(read_torch(path), path)


def _safetensors(path: pathlib.Path) -> Part:
    """One state dict; name, label and PSNR may stand in the header."""
    try:
        with safetensors.safe_open(path, "numpy") as file:
            header = file.metadata() or {}
            types = {key: file.get_slice(key).get_dtype() for key in file.keys()}
            usual = [key for key, kind in types.items() if kind not in _SHORT]
            tensors = {key: file.get_tensor(key) for key in usual}
        if len(usual) < len(types):
            tensors |= _short(path)
    except Exception as error:  # NumPy has not all types: each raises in its own way.
        raise ValueError(
            "expected a whole safetensors file of common types, found something else or"
            f" part of one ({error}); copy it again or convert it to float32"
        ) from error
    if "instances" in header:
        raise ValueError(
            "expected one instance, found a shard of a weight set; read its folder with"
            " wsjax.store.load"
        )
    if "name_json" in header:  # A name that is not UTF-8; see `to_safetensors`.
        header["name"] = files.from_json(header["name_json"])
    weights, (facts,), _ = to_part(tensors, path)
    count = header.get("files", "")
    return Part(
        weights, [facts | known(header)], int(count) if count.isdecimal() else None
    )


def _short(path: pathlib.Path) -> dict[str, np.ndarray]:
    """The tensors of 8-bit floats in a safetensors file."""
    return {
        name: np.frombuffer(x["data"], _SHORT[x["dtype"]]).reshape(x["shape"])
        for name, x in safetensors.deserialize(path.read_bytes())
        if x["dtype"] in _SHORT
    }


def _npz(path: pathlib.Path) -> Part:
    """One state dict, or the set that `to_npz` wrote."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = [i for i in archive.infolist() if i.filename.endswith(".npy")]
            check_size(path, sum(member.file_size for member in members))
            arrays = {
                member.filename.removesuffix(".npy"): _array(archive, member)
                for member in members
            }
    except (Refused, OSError):
        raise
    except Exception as error:  # A damaged zip can raise anything.
        raise ValueError(
            "expected a whole .npz file of plain arrays, found something else or part"
            f" of one ({error}); write it again with numpy.savez"
        ) from error
    return _set(arrays) if {"names", "status"} <= set(arrays) else to_part(arrays, path)


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
    """An array of the zip; NumPy would reserve memory for all that it claims."""
    with archive.open(member) as file:
        shape, _, dtype = _HEADERS[npy.read_magic(file)](file)
        if dtype.hasobject:
            raise ValueError(f"{member.filename} holds Python objects")
        claimed = math.prod(shape) * dtype.itemsize
        if claimed != member.file_size - file.tell():
            raise ValueError(
                f"{member.filename} claims {claimed} bytes, and has"
                f" {member.file_size - file.tell()}"
            )
    with archive.open(member) as file:
        return npy.read_array(file, allow_pickle=False)


def _set(arrays: dict[str, np.ndarray]) -> Part:
    n = arrays["names"].size
    for key, array in arrays.items():
        if array.shape[:1] != (n,):
            raise ValueError(
                f"expected {key} with a row for each of {n} names, found shape"
                f" {list(array.shape)}; export the set again"
            )
    named = zip(arrays.pop("names"), arrays.pop("status"), strict=True)
    facts: list[dict] = [{"name": str(name), "status": str(x)} for name, x in named]
    labels = arrays.pop("labels", np.full(n, UNKNOWN)).astype(int)
    quality = arrays.pop("psnr_db", np.full(n, np.nan)).astype(float)
    for i, fact in enumerate(facts):
        fact |= {"label": labels[i].item()} if labels[i] != UNKNOWN else {}
        fact |= {"psnr_db": quality[i].item()} if not np.isnan(quality[i]) else {}
    return Part(nested(arrays), facts)


_READERS: dict[str, Callable[[pathlib.Path], Part]] = {
    ".safetensors": _safetensors,
    ".npz": _npz,
    ".pt": _torch,
    ".pth": _torch,
    ".bin": _torch,
    ".ckpt": _torch,
    ".h5": read_hdf5,
    ".hdf5": read_hdf5,
}
ENDINGS = tuple(_READERS)
"""How the names of files end that are read, in lower case."""
