"""Writes a weight set for programs that do not know this project.

Both forms name the leaves by path, `layer/factor`, and keep their numbers bit for bit.
"""

import io
import os
import pathlib
import re

import numpy as np
from safetensors.numpy import save as to_bytes

from wsjax import files, store, tree
from wsjax.exchange.readers import UNKNOWN

_COLUMNS = ("names", "labels", "status", "psnr_db")
_LONGEST = 80  # Characters of an instance's name in the name of its file.


def to_npz(folder: str | os.PathLike, path: str | os.PathLike) -> None:
    """Writes a finished weight set as one `.npz`, whole or not at all.

    It holds one array `[N, ...]` per leaf, and `[N]` each of `names`, `status`,
    `psnr_db` (NaN where there is none) and, if any instance has one, `labels` (-1 where
    there is none). Failed instances keep their rows. The set must fit in memory.

    Raises:
      ValueError: if a shard is missing or damaged, or a leaf has the name of a column.
    """
    weights, instances = store.load(pathlib.Path(folder))
    leaves = tree.named(weights)
    if taken := set(_COLUMNS) & set(leaves):
        raise ValueError(
            f"{folder}: expected leaves with other names than {', '.join(_COLUMNS)},"
            f" found {min(taken)}; export safetensors instead"
        )
    quality = [i.get("psnr_db") for i in instances]
    columns = {
        "names": np.array([i["name"] for i in instances]),
        "status": np.array([i["status"] for i in instances]),
        "psnr_db": np.array([np.nan if db is None else db for db in quality]),
    }
    labels = [i.get("label") for i in instances]
    if any(label is not None for label in labels):
        filled = [UNKNOWN if label is None else label for label in labels]
        columns["labels"] = np.array(filled)
    file = io.BytesIO()
    np.savez(file, **leaves, **columns)
    files.write_bytes(pathlib.Path(path), file.getvalue())


def to_safetensors(folder: str | os.PathLike, out_dir: str | os.PathLike) -> int:
    """Writes each fitted instance of a finished weight set as a file of its own.

    The files are called `<row>_<name>.safetensors`; name, label, psnr_db,
    representation and base_fingerprint, as far as they are known, stand in their
    headers. Each is written whole or not at all; memory does not grow with the set.

    Returns:
      How many were written.

    Raises:
      ValueError: if a shard is missing or damaged, or `out_dir` holds other files of
        the kind, which readers would take for part of the set.
    """
    folder, out_dir = pathlib.Path(folder), pathlib.Path(out_dir)
    contents = store.manifest(folder)
    written, row = set(), 0
    for entry in sorted(contents["shards"], key=lambda entry: entry["start"]):
        shard = store.read_shard(folder / entry["file"])
        for i, instance in enumerate(shard.instances):
            if instance["status"] == store.DONE:
                path = out_dir / _file_name(row + i, instance["name"])
                leaves = tree.named(tree.row(shard.weights, i)).items()
                arrays = {name: np.asarray(leaf, order="C") for name, leaf in leaves}
                data = to_bytes(arrays, _header(instance, contents))
                files.write_bytes(path, data)
                written.add(path)
        row += len(shard.instances)
    if others := set(out_dir.glob("*.safetensors")) - written:
        raise ValueError(
            f"{out_dir} holds {len(others)} files that are not of this set, such as"
            f" {min(others).name}; delete them or choose an empty folder"
        )
    return len(written)


def _file_name(row: int, name: str) -> str:
    safe = re.sub(r"[^A-Za-z0-9.-]+", "_", name).strip("._")[:_LONGEST]
    return f"{row:08d}_{safe}.safetensors" if safe else f"{row:08d}.safetensors"


def _header(instance: dict, contents: dict) -> dict[str, str]:
    facts = {key: instance.get(key) for key in ("name", "label", "psnr_db")}
    for key in ("representation", "base_fingerprint"):
        facts[key] = contents.get(key)
    return {key: str(value) for key, value in facts.items() if value is not None}
