"""Reads weights that other projects fitted, and writes them as a weight set of ours."""

import os
import pathlib
from typing import NamedTuple

import jax
import numpy as np
from chex import ArrayTree

from wsjax import costs, store, tree
from wsjax.exchange.readers import READERS


class Foreign(NamedTuple):
    """N instances that could be read.

    `weights`: nested dicts, leaves `[N, ...]`; `instances`: N dicts with `name`,
    `status` and what else the files say, such as `label` and `psnr_db`; `skipped` gives
    the reason for each file left out of both, by name.
    """

    weights: ArrayTree
    instances: list[dict]
    skipped: dict[str, str]


def read_foreign(path: str | os.PathLike) -> Foreign:
    """Reads the weights in a file, or in all files of a folder and its subfolders.

    Known are the state dicts of torch with factors `lora_A` and `lora_B` (the paper's
    authors, PEFT), those with `A` and `B` and a PSNR (mlora-neural-fields) and those of
    plain networks, one instance per `.safetensors`, `.npz`, `.pt` or `.pth`; the
    `.hdf5` of fit-a-nef, many in each; and what `to_npz` and `to_safetensors` wrote.
    `state_dict` tells how names and shapes become ours.

    A file that cannot be read, or whose leaves differ in name, shape or type from those
    of the first, is recorded in `skipped` and stops no other. An instance with weights
    that are not finite keeps its row, and its status says so.

    Args:
      path: of the file or folder. Files are taken in the order of their names.

    Returns:
      The instances; each bears the name in its file, or else the file's own.

    Raises:
      FileNotFoundError: if there is nothing at `path`.
      ValueError: if not one file can be read.
    """
    parts, instances, skipped, first = [], [], {}, {}
    for name, file in _files(pathlib.Path(path)).items():
        try:
            part = READERS[file.suffix.lower()](file)
            if not part.facts:
                raise ValueError("expected instances, found none; leave the file out")
            kinds = _kinds(part.weights)
            _check_same(kinds, first.setdefault("kinds", kinds))
        except (ValueError, OSError) as error:
            skipped[name] = str(error)
            continue
        parts.append(part.weights)
        instances += _instances(name, *part)
    if not parts:
        name, reason = next(iter(skipped.items()))
        raise ValueError(
            f"{path}: expected weights, found {len(skipped)} files and not one that can"
            f" be read; the first, {name}: {reason}"
        )
    return Foreign(tree.concatenate(parts), instances, skipped)


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
    found = [path] if path.is_file() else sorted(path.rglob("*"))
    files = [x for x in found if x.suffix.lower() in READERS and x.is_file()]
    if not files:
        raise ValueError(
            f"{path}: expected files of weights, found none that end in"
            f" {', '.join(READERS)}; give the folder they lie in"
        )
    start = path.parent if path.is_file() else path
    return {file.relative_to(start).as_posix(): file for file in files}


def _kinds(weights: ArrayTree) -> dict[str, tuple]:
    """Shape and type per instance of each leaf."""
    leaves = tree.named(weights).items()
    return {name: (list(leaf.shape[1:]), str(leaf.dtype)) for name, leaf in leaves}


def _check_same(found: dict[str, tuple], wanted: dict[str, tuple]) -> None:
    for name in sorted(set(wanted) | set(found)):
        if found.get(name) != wanted.get(name):
            expected, got = (
                "{1} {0}".format(*kinds[name]) if name in kinds else "none"
                for kinds in (wanted, found)
            )
            raise ValueError(
                f"leaf {name}: expected {expected}, as in the first file that was read,"
                f" found {got}; read weights of another kind on their own"
            )


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

    A second run after an interrupted one completes the set.

    Args:
      foreign: what to write.
      folder: of the new set.
      representation: its name, for the manifest; None if it is not known.
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
