"""Reads weights that other projects fitted, and writes them as a weight set of ours."""

import collections
import os
import pathlib
from typing import NamedTuple

import jax
import numpy as np
from chex import ArrayTree

from wsjax import costs, files, store, tree
from wsjax.exchange.part import Kinds, check_same, kinds
from wsjax.exchange.readers import ENDINGS, read

__all__ = ["Foreign", "read_foreign", "to_set"]


class Foreign(NamedTuple):
    """N instances that could be read.

    `weights`: nested dicts, leaves `[N, ...]`; `instances`: N dicts with `name`,
    `status` and whatever else the files say, such as `label` and `psnr_db`; `skipped`:
    the reason for each file that is in neither, by its name.
    """

    weights: ArrayTree
    instances: list[dict]
    skipped: dict[str, str]


def read_foreign(path: str | os.PathLike) -> Foreign:
    """Reads the weights in a file, or in all files of a folder and its subfolders.

    It knows the state dicts of torch with factors `lora_A` and `lora_B` (the paper's
    authors, PEFT with its `adapter_config.json`), with factors `A` and `B`
    (mlora-neural-fields) and of plain networks, as one instance per `.safetensors`,
    `.npz`, `.pt`, `.pth`, `.bin` or `.ckpt`, or as a list of instances; the `.hdf5` of
    fit-a-nef, with many instances each; and what `to_npz` and `to_safetensors` wrote.
    The module `state_dict` says how it translates names and shapes.

    A file that cannot be read, or whose leaves differ in name, shape or type from those
    of the first, is recorded in `skipped` and does not stop the others; an export of
    which files are missing is recorded there as well. An instance with weights that are
    not finite keeps its row, and its status says so.

    Args:
      path: of the file or folder. Files are read in the order of their names, `2.pt`
        before `10.pt`.

    Returns:
      The instances, each with the name that its file states, or else the file's own.

    Raises:
      FileNotFoundError: if there is nothing at `path`.
      ValueError: if not one file can be read.
    """
    parts, instances, skipped = [], [], {}
    first: Kinds | None = None
    exports: collections.Counter = collections.Counter()
    for name, file in _files(pathlib.Path(path)).items():
        try:
            part = read(file)
            first = first or kinds(part.weights)
            check_same(part.weights, first)
        except (ValueError, OSError) as error:
            skipped[name] = str(error)
            continue
        parts.append(part.weights)
        instances += _instances(name, part.weights, part.facts)
        if part.files is not None and file != pathlib.Path(path):
            exports[name.rpartition("/")[0], part.files] += 1
    if not parts:
        name, reason = next(iter(skipped.items()))
        raise ValueError(
            f"{path}: expected weights, found {len(skipped)} files and not one that can"
            f" be read; the first, {name}: {reason}"
        )
    return Foreign(tree.concatenate(parts), instances, skipped | _missing(exports))


def _missing(exports: dict[tuple[str, int], int]) -> dict[str, str]:
    """Exports that say how many files they have, and have fewer, by their folders."""
    return {
        f"{folder or '.'}/": f"expected the {wanted} files of an export, found {n} that"
        " can be read; export again"
        for (folder, wanted), n in exports.items()
        if n < wanted
    }


def _files(path: pathlib.Path) -> dict[str, pathlib.Path]:
    """Files by name, relative to a folder."""
    if not path.exists():
        raise FileNotFoundError(
            f"{path}: expected a file or folder of weights, found nothing; correct it"
        )
    if (path / "manifest.json").exists():
        raise ValueError(
            f"{path} is a weight set already; read it with wsjax.store.load"
        )
    start = path.parent if path.is_file() else path
    every = [path] if path.is_file() else path.rglob("*")
    chosen = {
        file.relative_to(start).as_posix(): file
        for file in every
        if file.suffix.lower() in ENDINGS and file.is_file()
    }
    if not chosen:
        raise ValueError(
            f"{path}: expected files of weights, found none that end in"
            f" {', '.join(ENDINGS)}; give the folder they lie in"
        )
    return {name: chosen[name] for name in sorted(chosen, key=files.natural)}


def _instances(name: str, weights: ArrayTree, facts: list[dict]) -> list[dict]:
    n = len(facts)
    finite = np.ones(n, bool)
    for leaf in jax.tree.leaves(weights):
        finite &= np.isfinite(leaf).reshape(n, -1).all(axis=1)
    return [
        {
            "name": name if n == 1 else f"{name}:{i}",
            "status": store.DONE if finite[i] else "failed: weights not finite",
            **facts[i],
        }
        for i in range(n)
    ]


def to_set(
    foreign: Foreign,
    folder: str | os.PathLike,
    *,
    representation: str | None = None,
    group: int = 1024,
) -> dict:
    """Writes a weight set, for `store.load` to read, and returns its manifest.

    A second call completes the set of a call that was interrupted.

    Args:
      foreign: the instances.
      folder: of the new set.
      representation: its name, such as "lora", for the manifest; None if unknown.
      group: instances per shard.

    Raises:
      ValueError: if the folder holds another set.
    """
    folder, clock = pathlib.Path(folder), costs.now()
    starts = range(0, len(foreign.instances), group)
    ours = {store.path_of(folder, start) for start in starts}
    others = set(folder.glob("weights_*.safetensors")) - ours
    others |= set(folder.glob("manifest.json"))
    if others:
        raise ValueError(
            f"{folder} holds another weight set, such as {min(others).name}; choose an"
            " empty folder"
        )
    for start in starts:
        rows = slice(start, start + group)
        weights, instances = tree.row(foreign.weights, rows), foreign.instances[rows]
        cost, clock = costs.since(clock), costs.now()
        store.write_shard(folder, store.Shard(start, weights, instances, cost))
    description = {"representation": representation, "skipped": foreign.skipped}
    return store.finish(folder, description)
