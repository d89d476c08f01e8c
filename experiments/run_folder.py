"""The run folder: where each binary writes, and the recipe that it must keep to."""

import json
import pathlib
from importlib import metadata

import jax
from flax.traverse_util import flatten_dict
from ml_collections import ConfigDict

import wsjax
from experiments.parts import Data
from wsjax import records
from wsjax.data import images

# A study may fit several representations side by side, each in folders of its own.
_FREE = ("adapter.name",)


def open_run(config: ConfigDict, workdir: str, data: Data) -> pathlib.Path:
    """Creates or re-opens a run folder.

    Args:
      config: the resolved recipe.
      workdir: the folder.
      data: the data set that the recipe names.

    Returns:
      The folder, with `recipe.json` in it.

    Raises:
      ValueError: if the folder was made by another recipe, naming the keys that differ,
        or from other data.
      OSError: if the folder cannot be written.
    """
    folder = pathlib.Path(workdir)
    path = folder / "recipe.json"
    recipe = json.loads(config.to_json())
    fingerprint = images.fingerprint(data.pictures)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            records.write_json(path, _description(recipe, fingerprint))
    except OSError as error:
        raise OSError(
            f"cannot write in workdir {folder}: {error.strerror}; choose another "
            "--workdir"
        ) from error
    _compare(folder, records.read_json(path), recipe, fingerprint)
    return folder


def _description(recipe: dict, fingerprint: str) -> dict:
    versions = {name: metadata.version(name) for name in ("jax", "flax", "optax")}
    return {
        "recipe": recipe,
        "data_fingerprint": fingerprint,
        "versions": {"wsjax": wsjax.__version__, **versions},
        "devices": [str(device) for device in jax.devices()],
    }


def _compare(folder: pathlib.Path, old: dict, recipe: dict, fingerprint: str) -> None:
    before, after = (flatten_dict(x, sep=".") for x in (old["recipe"], recipe))
    differing = [
        f"{key}: {before.get(key)} -> {after.get(key)}"
        for key in sorted(set(before) | set(after))
        if key not in _FREE and before.get(key) != after.get(key)
    ]
    if differing:
        raise ValueError(
            f"{folder} was made by another recipe; these keys differ: "
            f"{'; '.join(differing)}. Use the old values or a fresh --workdir"
        )
    if old["data_fingerprint"] != fingerprint:
        raise ValueError(
            f"{folder} was made from other data (fingerprint "
            f"{old['data_fingerprint']}, now {fingerprint}). Restore the data or use a "
            "fresh --workdir"
        )


def finished(folder: pathlib.Path, stage: str) -> dict | None:
    """Metrics of a stage that is done already, or None."""
    path = folder / "metrics.json"
    if not path.exists():
        return None
    print(f"{stage}: finished before, kept", flush=True)
    return records.read_json(path)


def close(folder: pathlib.Path, stage: str, metrics: dict) -> dict:
    """Writes a stage's metrics, which marks it as finished, and says so."""
    records.write_json(folder / "metrics.json", metrics)
    shown = [f"{k} {_short(v)}" for k, v in metrics.items() if not isinstance(v, dict)]
    print(f"{stage}: {', '.join(shown[:12])}", flush=True)
    return metrics


def _short(value) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
