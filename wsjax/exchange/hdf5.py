"""HDF5 files of fit-a-nef: all instances in one dataset, a row of numbers for each."""

import json
import math
import pathlib

import numpy as np

from wsjax.exchange.part import Part, known, nested

_OWN = ("params", "param_config")


def read_hdf5(path: pathlib.Path) -> Part:
    """Reads a file of fit-a-nef.

    `params` `[n, d]` are split into the leaves that `param_config` lists as
    `[name, shape]`, in that order; the dots of a name nest. A dataset of n numbers,
    such as `labels`, becomes a fact of each instance; others are left out.

    Raises:
      ValueError: if h5py is not installed, or the file is cut short or of another
        layout.
    """
    h5py = _h5py()
    try:
        with h5py.File(path, "r") as file:
            sets = {k: v for k, v in file.items() if isinstance(v, h5py.Dataset)}
            found = {key: list(value.shape) for key, value in sets.items()}
            if fits := set(_OWN) <= set(found) and len(found["params"]) == 2:
                params = sets["params"][:]
                listed = [
                    (str(name), [int(width) for width in shape])
                    for name, shape in json.loads(sets["param_config"][0])
                ]
                columns = {
                    key: value[:]
                    for key, value in sets.items()
                    if value.shape == params.shape[:1] and value.dtype.kind in "iufb"
                }
    except (KeyError, OSError, RuntimeError, TypeError, ValueError) as error:
        raise ValueError(
            "expected a whole HDF5 file of fit-a-nef, found something else or part of"
            f" one ({error}); copy it again"
        ) from error
    if not fits:
        raise ValueError(
            f"expected datasets {_OWN[0]} [n, d] and {_OWN[1]} [1], found {found}; is"
            " it a file of fit-a-nef?"
        )
    return Part(nested(_leaves(params, listed)), _facts(columns, len(params)))


def _h5py():
    try:
        import h5py
    except ImportError as error:
        raise ValueError(
            "HDF5 files need h5py, which is not installed; run `pip install h5py`"
        ) from error
    return h5py


def _leaves(params: np.ndarray, listed: list) -> dict[str, np.ndarray]:
    sizes = [math.prod(shape) for _, shape in listed]
    if sum(sizes) != params.shape[1]:
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
