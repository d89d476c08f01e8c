"""Writes a weight set for programs that do not know this project.

Both forms name the leaves by their paths, `layer/factor`, and keep their numbers bit
for bit.
"""

import io
import os
import pathlib
from typing import Any

import numpy as np
from chex import ArrayTree
from safetensors.numpy import save as to_bytes

from wsjax import files, store, tree
from wsjax.exchange.readers import UNKNOWN

__all__ = ["to_npz", "to_safetensors"]

_COLUMNS = ("names", "labels", "status", "psnr_db")
_ENDING = ".safetensors"


def to_npz(folder: str | os.PathLike, path: str | os.PathLike) -> None:
    """Writes a finished weight set as one `.npz`, whole or not at all.

    The file holds an array `[N, ...]` per leaf, and arrays `[N]` called `names`,
    `status`, `psnr_db` (NaN where unknown) and, if any instance has a label, `labels`
    (-1 where unknown). Failed instances keep their rows. The set must fit in memory.

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
    columns: dict[str, Any] = {
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

    The files are called `<row>_<name>.safetensors`. Their headers hold `files`, how
    many the export has, so that readers notice if some are missing, and as far as they
    are known name, label, psnr_db, representation and base_fingerprint. A header is
    UTF-8: a name that is not stands there as JSON, `name_json`. Each file is written
    whole or not at all; memory does not grow with the set.

    Returns:
      How many were written.

    Raises:
      ValueError: if a shard is missing or damaged, an instance cannot be written, or
        `out_dir` holds other files of the kind, which readers would take for part of
        the set.
      OSError: if a file cannot be written.
    """
    folder, out_dir = pathlib.Path(folder), pathlib.Path(out_dir)
    contents = store.manifest(folder)
    count = int(store.done(contents["instances"]).sum())
    written, row = set(), 0
    for entry in sorted(contents["shards"], key=lambda entry: entry["start"]):
        shard = store.read_shard(folder / entry["file"])
        for i, instance in enumerate(shard.instances):
            if instance["status"] == store.DONE:
                path = out_dir / _file_name(row + i, instance["name"])
                header = _header(instance, contents) | {"files": str(count)}
                files.write_bytes(path, _packed(tree.row(shard.weights, i), header))
                written.add(path)
        row += len(shard.instances)
    if others := set(out_dir.glob("*.safetensors")) - written:
        raise ValueError(
            f"{out_dir} holds {len(others)} files that are not of this set, such as"
            f" {min(others).name}; delete them or choose an empty folder"
        )
    return len(written)


def _file_name(row: int, name: str) -> str:
    if not name:
        return f"{row:08d}{_ENDING}"
    room = files.MOST - len(f"{row:08d}_{_ENDING}")
    return f"{row:08d}_{files.safe_name(name, most=room)}{_ENDING}"


def _header(instance: dict, contents: dict) -> dict[str, str]:
    facts = {key: instance.get(key) for key in ("name", "label", "psnr_db")}
    for key in ("representation", "base_fingerprint"):
        facts[key] = contents.get(key)
    header = {key: str(value) for key, value in facts.items() if value is not None}
    try:
        header["name"].encode()
    except UnicodeEncodeError:
        header["name_json"] = files.to_json(header.pop("name"))
    return header


def _packed(weights: ArrayTree, header: dict[str, str]) -> bytes:
    leaves = tree.named(weights).items()
    arrays = {name: np.asarray(leaf, order="C") for name, leaf in leaves}
    try:
        return to_bytes(arrays, header)
    except Exception as error:  # Of a type that safetensors does not know, for example.
        raise ValueError(
            f"instance {header.get('name', header.get('name_json'))} cannot be written"
            f" as safetensors ({error}); export an .npz instead"
        ) from error
