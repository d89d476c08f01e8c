"""The weight set on disk: safetensors shards of stacked adapters and a manifest.

A shard holds the leaves of some instances, `layer/factor` `[n, ...]`, and in its header
what happened to each of them. It is complete in itself and written whole, so that a
killed run continues behind its last shard. The manifest is written when all are there.
"""

import hashlib
import pathlib
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import safetensors
from chex import ArrayTree
from safetensors.numpy import save as to_bytes

from wsjax import costs, files, tree
from wsjax.files import AnyPath

__all__ = ["DONE", "Shard", "VERSION", "damaged", "done", "finish", "load"]
__all__ += ["load_row", "manifest", "packed", "path_of", "read_shard"]
__all__ += ["write_shard"]

VERSION = 1
DONE = "done"


class Shard(NamedTuple):
    """Weights of consecutive instances.

    `start`: row of the first; `weights`: stacked leaves `[n, ...]`; `instances`: one
    dict per instance with at least `name` and `status`; `cost`: of making them.
    """

    start: int
    weights: ArrayTree
    instances: list[dict]
    cost: dict


def path_of(folder: AnyPath, start: int) -> pathlib.Path:
    """File of the shard whose first row is `start`."""
    return pathlib.Path(folder) / f"weights_{start:08d}.safetensors"


def write_shard(folder: AnyPath, shard: Shard) -> None:
    """Writes a shard, whole or not at all."""
    files.write_bytes(path_of(folder, shard.start), packed(shard))


def packed(shard: Shard) -> bytes:
    """A shard as the bytes of its file."""
    named = tree.named(shard.weights).items()
    leaves = {name: np.ascontiguousarray(leaf) for name, leaf in named}
    header = {
        "version": str(VERSION),
        "start": str(shard.start),
        "instances": files.to_json(shard.instances),
        # Padded: the size of a file does not depend on the clock.
        "cost": files.to_json(shard.cost).ljust(80),
    }
    return to_bytes(leaves, header)


def read_shard(
    path: AnyPath, *, like: ArrayTree | None = None, rows: slice = slice(None)
) -> Shard:
    """Reads a shard, or some of its rows and no other bytes.

    Args:
      path: of the file.
      like: one instance's weights; names and shapes must agree with it.
      rows: a slice of step 1 inside the shard, counted from its first row.

    Raises:
      ValueError: if the file is cut short or damaged, of another version, or its
        leaves differ from `like`; the message names the file and the leaf.
    """
    again = "delete it and run the command that wrote it again"
    try:
        with safetensors.safe_open(path, "numpy") as file:
            header = file.metadata() or {}
            leaves = {name: file.get_slice(name)[rows] for name in file.keys()}
    except (safetensors.SafetensorError, OSError) as error:
        raise ValueError(f"{path} cannot be read ({error}); {again}") from error
    if header.get("version") != str(VERSION):
        found = header.get("version", "none")
        raise ValueError(f"{path} has version {found}, expected {VERSION}; {again}")
    if like is not None:
        _check_leaves(path, leaves, like)
        leaves = {name: leaves[name] for name in tree.named(like)}
    try:
        start = int(header["start"]) + (rows.start or 0)
        instances = files.from_json(header["instances"])
        cost = files.from_json(header["cost"])
    except (KeyError, ValueError) as error:
        raise ValueError(f"{path} cannot be read ({error!r}); {again}") from error
    return Shard(start, tree.from_named(leaves), instances[rows], cost)


def _check_leaves(path: AnyPath, leaves: dict[str, np.ndarray], like: ArrayTree):
    wanted = {name: leaf.shape for name, leaf in tree.named(like).items()}
    stored = {name: leaf.shape[1:] for name, leaf in leaves.items()}
    for name in sorted(set(wanted) | set(stored)):
        if wanted.get(name) != stored.get(name):
            raise ValueError(
                f"{path}: leaf {name} should have shape {wanted.get(name, 'none')} per "
                f"instance, found {stored.get(name, 'no such leaf')}; the weights "
                "are of another base or representation; use the recipe that wrote them"
            )


def finish(
    folder: AnyPath, description: dict, *, starts: Iterable[int] | None = None
) -> dict:
    """Writes `manifest.json` over the shards of a folder; returns it as read back.

    Args:
      folder: with the shards.
      description: what else a reader needs: recipe, representation, base and mask.
      starts: first rows of the shards that belong to the set; None takes all.

    Raises:
      ValueError: if a shard is missing or damaged.
    """
    folder = pathlib.Path(folder)
    shards, instances, spent, leaves = [], [], [], {}
    paths = sorted(folder.glob("weights_*.safetensors"))
    if starts is not None:
        paths = [path_of(folder, start) for start in sorted(starts)]
    for path in paths:
        shard = read_shard(path)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        place = {"start": shard.start, "rows": len(shard.instances)}
        shards.append({"file": path.name, **place, "sha256": digest})
        instances += shard.instances
        spent.append(shard.cost)
        for name, leaf in tree.named(shard.weights).items():
            leaves[name] = {"shape": leaf.shape[1:], "dtype": str(leaf.dtype)}
    contents = {
        "version": VERSION,
        **description,
        "n": len(instances),
        "leaves": leaves,
        "cost": costs.total(spent),
        "shards": shards,
        "instances": instances,
    }
    files.write_json(folder / "manifest.json", contents)
    return files.read_json(folder / "manifest.json")


def damaged(folder: AnyPath) -> list[pathlib.Path]:
    """Shards of a finished set that are gone or differ from their checksums."""
    bad = []
    for entry in manifest(folder)["shards"]:
        path = pathlib.Path(folder) / entry["file"]
        digest = path.exists() and hashlib.sha256(path.read_bytes()).hexdigest()
        if digest != entry["sha256"]:
            bad.append(path)
    return bad


def manifest(folder: AnyPath) -> dict:
    """Reads the manifest of a finished weight set.

    Raises:
      FileNotFoundError: if the set is absent or unfinished.
    """
    path = pathlib.Path(folder) / "manifest.json"
    if not path.exists():
        raise FileNotFoundError(
            f"no finished weight set in {folder}: manifest.json is missing; run the "
            "command that writes it, it resumes"
        )
    return files.read_json(path, keys=("n", "shards", "instances"))


def load(
    folder: AnyPath, *, like: ArrayTree | None = None, rows: slice = slice(None)
) -> tuple[ArrayTree, list[dict]]:
    """Reads some or all instances of a finished set, and of its shards no more.

    Args:
      folder: of the weight set.
      like: one instance's weights, to check names and shapes against.
      rows: a slice of step 1 over all instances, which lie in the order of the
        shards' starts.

    Returns:
      `(weights, instances)`: stacked leaves `[n, ...]` and one dict per instance.

    Raises:
      ValueError: if a shard is missing or damaged, or no instance is selected.
    """
    contents = manifest(folder)
    first, last, step = rows.indices(contents["n"])
    if step != 1:
        raise ValueError(f"rows needs a slice of step 1, got {rows}")
    if first >= last:
        raise ValueError(f"{folder} has {contents['n']} instances, none in {rows}")
    return _load(folder, contents, first, last, like)


def load_row(
    folder: AnyPath, i: int, *, like: ArrayTree | None = None
) -> tuple[ArrayTree, dict]:
    """Reads one instance of a finished set, and of its shard no more.

    Args:
      folder: of the weight set.
      i: its row; a negative one counts from the end.
      like: one instance's weights, to check names and shapes against.

    Returns:
      `(adapter, instance)`: leaves without an instance axis, and its dict.

    Raises:
      ValueError: if there is no such row, or its shard is missing or damaged.
    """
    contents = manifest(folder)
    n = contents["n"]
    if not -n <= i < n:
        raise ValueError(
            f"{folder} has {n} instances, found no row {i}; choose one of 0 to {n - 1},"
            " or a negative one to count from the end"
        )
    weights, instances = _load(folder, contents, i % n, i % n + 1, like)
    return tree.row(weights, 0), instances[0]


def _load(folder: AnyPath, contents: dict, first: int, last: int, like):
    """Instances `first` to `last - 1`, from the shards that hold them alone."""
    weights, instances, row = [], [], 0
    for entry in sorted(contents["shards"], key=lambda entry: entry["start"]):
        begin, end = max(first - row, 0), min(last - row, entry["rows"])
        row += entry["rows"]
        if begin < end:
            part = slice(begin, end)
            path = pathlib.Path(folder) / entry["file"]
            shard = read_shard(path, like=like, rows=part)
            weights.append(shard.weights)
            instances += shard.instances
    return tree.concatenate(weights), instances


def done(instances: list[dict]) -> np.ndarray:
    """`[N]` booleans: which instances were fitted."""
    return np.array([instance["status"] == DONE for instance in instances])
