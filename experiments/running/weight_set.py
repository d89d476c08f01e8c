"""Weight sets that a second run takes up again: what of them is still good."""

import pathlib
from collections.abc import Sequence

import numpy as np
from absl import logging
from chex import ArrayTree

from wsjax import files, store

__all__ = ["kept", "reopen"]


def reopen(
    folder: pathlib.Path, n: int, *, beside: Sequence[pathlib.Path] = ()
) -> None:
    """Marks a finished set as unfinished if part of it is missing or damaged.

    Deletes manifest.json, metrics.json and the damaged shards, so that the binary which
    wrote the set computes these instances again; whole shards stay.

    Args:
      folder: of the set.
      n: number of instances that are wanted.
      beside: further files that the set needs.
    """
    manifest, metrics = folder / "manifest.json", folder / "metrics.json"
    bad = store.damaged(folder) if manifest.exists() else []
    for path in bad:
        logging.warning("%s is damaged or gone: its instances are made again", path)
        path.unlink(missing_ok=True)
    whole = all(path.exists() for path in (manifest, metrics, *beside)) and not bad
    if not whole or files.read_json(manifest, keys=("n",))["n"] < n:
        # Once a shard is rewritten, the checksums in the manifest are wrong.
        metrics.unlink(missing_ok=True)
        manifest.unlink(missing_ok=True)


def kept(folder: pathlib.Path, rows: np.ndarray, like: ArrayTree) -> list[dict] | None:
    """Manifest entries of the shard for `rows`, or None if they must be made again.

    They must be if the shard cannot be read, differs from `like` in names or shapes of
    leaves, or has fewer instances than `rows`.

    Args:
      folder: of the set.
      rows: `[n]`, consecutive rows of the whole set, of which a shard begins with the
        first.
      like: one instance's weights.
    """
    path = store.path_of(folder, int(rows[0]))
    if not path.exists():
        return None
    try:
        shard = store.read_shard(path, like=like)
    except ValueError:
        return None
    return shard.instances if len(shard.instances) >= len(rows) else None
