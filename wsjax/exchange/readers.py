"""Readers of single files, by how their names end."""

import pathlib

import numpy as np
import safetensors

from wsjax.exchange.hdf5 import read_hdf5
from wsjax.exchange.part import Part, known, nested
from wsjax.exchange.state_dict import to_part
from wsjax.exchange.torch_file import read_torch

UNKNOWN = -1
"""The label, among those of other instances, of one that has none."""


def _torch(path: pathlib.Path) -> Part:
    return to_part(read_torch(path))


def _safetensors(path: pathlib.Path) -> Part:
    """One state dict; name, label and PSNR may stand in the header."""
    try:
        with safetensors.safe_open(path, "numpy") as file:
            header = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in file.keys()}
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
    weights, (facts,) = to_part(tensors)
    return Part(weights, [facts | known(header)])


def _npz(path: pathlib.Path) -> Part:
    """One state dict, or the set that `to_npz` wrote."""
    try:
        # Opened here: numpy leaves a damaged zip file open.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {k: v for k, v in archive.items() if isinstance(v, np.ndarray)}
    except Exception as error:  # A damaged zip can raise anything.
        raise ValueError(
            "expected a whole .npz file of plain arrays, found something else or part"
            f" of one ({error}); write it again with numpy.savez"
        ) from error
    return _set(arrays) if {"names", "status"} <= set(arrays) else to_part(arrays)


def _set(arrays: dict[str, np.ndarray]) -> Part:
    n = arrays["names"].size
    for key, array in arrays.items():
        if array.shape[:1] != (n,):
            raise ValueError(
                f"expected {key} with a row for each of {n} names, found shape"
                f" {list(array.shape)}; export the set again"
            )
    named = zip(arrays.pop("names"), arrays.pop("status"), strict=True)
    facts = [{"name": str(name), "status": str(status)} for name, status in named]
    labels = arrays.pop("labels", np.full(n, UNKNOWN)).astype(int)
    quality = arrays.pop("psnr_db", np.full(n, np.nan)).astype(float)
    for i, fact in enumerate(facts):
        fact |= {"label": labels[i].item()} if labels[i] != UNKNOWN else {}
        fact |= {"psnr_db": quality[i].item()} if not np.isnan(quality[i]) else {}
    return Part(nested(arrays), facts)


READERS = {
    ".safetensors": _safetensors,
    ".npz": _npz,
    ".pt": _torch,
    ".pth": _torch,
    ".h5": read_hdf5,
    ".hdf5": read_hdf5,
}
