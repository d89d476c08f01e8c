"""HDF5 files of fit-a-nef: all instances in one dataset, a row of numbers for each."""

import json
import math
import pathlib
from types import ModuleType
from typing import Any

import numpy as np

from wsjax.exchange.part import Part, Refused, check_size, known, nested

__all__ = ["read_hdf5"]

_OWN = ("params", "param_config")


def read_hdf5(path: pathlib.Path) -> Part:
    """Reads a file of fit-a-nef.

    `params` `[n, d]` are split into the leaves that `param_config` `[1]` lists as
    `[name, shape]`, in that order; the dots of a name nest. A dataset of n numbers,
    such as `labels`, becomes a fact of each instance; others are left out.

    Raises:
      ValueError: if h5py is not installed, or the file is cut short, of another layout
        or claims to hold far more than its size.
    """
    h5py = _h5py()
    try:
        with h5py.File(path, "r") as file:
            sets = _datasets(h5py, file)
            shapes = {key: list(value.shape) for key, value in sets.items()}
            if not set(_OWN) <= set(sets) or len(shapes["params"]) != 2:
                raise Refused(
                    f"expected datasets {_OWN[0]} [n, d] and {_OWN[1]} [1], found"
                    f" {shapes}; is it a file of fit-a-nef?"
                )
            n = shapes["params"][0]
            columns = {
                key: value
                for key, value in sets.items()
                if shapes[key] == [n] and value.dtype.kind in "iufb"
            }
            wanted = [*(sets[key] for key in _OWN), *columns.values()]
            check_size(path, sum(map(_claimed, wanted)))
            params = sets["params"][:]
            listed = [
                (str(name), [int(width) for width in shape])
                for name, shape in json.loads(sets["param_config"][0])
            ]
            facts = _facts({key: value[:] for key, value in columns.items()}, n)
    except Refused:
        raise
    except (KeyError, OSError, RuntimeError, TypeError, ValueError) as error:
        raise ValueError(
            "expected a whole HDF5 file of fit-a-nef, found something else or part of"
            f" one ({error}); copy it again"
        ) from error
    return Part(nested(_leaves(params, listed)), facts)


def _h5py() -> ModuleType:
    try:
        import h5py
    except ImportError as error:
        raise ValueError(
            "HDF5 files need h5py, which is not installed; run `pip install h5py`"
        ) from error
    return h5py


def _datasets(h5py: ModuleType, file: Any) -> dict[str, Any]:
    """The datasets whose numbers are in the file itself, not in one it points to."""
    own = [k for k in file if isinstance(file.get(k, getlink=True), h5py.HardLink)]
    return {
        key: file[key]
        for key in own
        if isinstance(file[key], h5py.Dataset)
        and not file[key].is_virtual
        and not file[key].external
    }


def _claimed(dataset: Any) -> int:
    """Bytes that a dataset or, if they are larger, one of its pieces unpacks to."""
    if dataset.dtype.kind == "O" and dataset.shape != (1,):
        raise Refused(
            f"expected numbers in {dataset.name}, found objects; leave it out"
        )
    numbers = max(math.prod(dataset.shape), math.prod(dataset.chunks or (0,)))
    return numbers * dataset.dtype.itemsize


def _leaves(
    params: np.ndarray, listed: list[tuple[str, list[int]]]
) -> dict[str, np.ndarray]:
    sizes = [math.prod(shape) for _, shape in listed]
    negative = any(width < 0 for _, shape in listed for width in shape)
    if negative or sum(sizes) != params.shape[1]:
        raise ValueError(
            f"expected {sum(sizes)} numbers per instance, as {_OWN[1]} lists, found"
            f" {params.shape[1]} in {_OWN[0]}; the file is damaged"
        )
    pieces = np.split(params, np.cumsum(sizes)[:-1], axis=1)
    return {
        name.replace(".", "/"): piece.reshape(len(params), *shape)
        for (name, shape), piece in zip(listed, pieces, strict=True)
    }


def _facts(columns: dict[str, np.ndarray], n: int) -> list[dict]:
    if "labels" in columns:
        columns["label"] = columns.pop("labels")
    ours = {key: x for key, x in columns.items() if key not in ("name", "status")}
    rows = [{key: value[i].item() for key, value in ours.items()} for i in range(n)]
    return [row | known(row) for row in rows]
