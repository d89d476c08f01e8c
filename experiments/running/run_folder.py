"""The run folder: where each binary writes, and the recipe that it must keep to."""

import contextlib
import fcntl
import hashlib
import os
import pathlib
import socket
from collections.abc import Iterator
from importlib import metadata

import jax
from absl import logging
from flax.traverse_util import flatten_dict

import wsjax
from experiments.running import processes
from wsjax import files

__all__ = ["close", "finished", "held", "need", "open_run", "versions"]

# A study may fit several representations side by side, each in folders of its own.
# A sweep keeps what it tried, and goes by that; a benchmark measures anew.
# So may one run draw samples in several ways, on as many devices as there are, and
# have more generators than it began with. Data may move: their fingerprint decides.
_FREE = (
    ("adapter.name", "generator", "generators.", "sweep.", "benchmark.")
    + ("sample.label", "sample.near", "sample.strength")
    + ("sample.calls", "sample.weights", "diffusion.devices")
)
_PLACES = ("data.path", "data.cache")


@contextlib.contextmanager
def held(workdir: str) -> Iterator[None]:
    """Keeps a run folder to this process, or to those that it shares the work with.

    The operating system frees it when the process ends, however it ends. What killed
    processes left half written is removed.

    Raises:
      ValueError: if another process holds it.
      OSError: if the folder cannot be written.
    """
    if not processes.first():
        yield
        return
    path = pathlib.Path(workdir) / ".lock"
    with _opened(path) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise ValueError(
                f"{workdir} is in use by {file.read().decode() or 'another process'}; "
                "wait for it to end, or choose another --workdir"
            ) from None
        except OSError as error:  # Some network file systems have no locks.
            logging.warning("%s: %s; start no second run there", path, error.strerror)
        with contextlib.suppress(OSError):  # Without space it is held all the same.
            file.truncate(0)
            file.write(f"process {os.getpid()} on {socket.gethostname()}".encode())
        files.remove_temporary(path.parent)
        yield


def _opened(path: pathlib.Path):
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("a+b", buffering=0)
    except OSError as error:
        raise _unwritable(path.parent, error) from error


def _unwritable(folder: pathlib.Path, error: OSError) -> OSError:
    return OSError(
        f"cannot write in workdir {folder}: {error.strerror or error}; choose another "
        "--workdir"
    )


def open_run(recipe: dict, workdir: str, fingerprint: str) -> pathlib.Path:
    """Creates or re-opens a run folder.

    Args:
      recipe: the resolved recipe, as JSON holds it.
      workdir: the folder.
      fingerprint: of the data set that the recipe names.

    Returns:
      The folder, with `recipe.json` in it.

    Raises:
      ValueError: if the folder was made by another recipe, naming the keys that differ,
        or from other data.
      OSError: if the folder cannot be written.
    """
    folder = pathlib.Path(workdir)
    path = folder / "recipe.json"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            files.write_json(path, _description(recipe, fingerprint))
    except OSError as error:
        raise _unwritable(folder, error) from error
    _compare(folder, files.read_json(path), recipe, fingerprint)
    return folder


def _description(recipe: dict, fingerprint: str) -> dict:
    return {
        "recipe": recipe,
        "data_fingerprint": fingerprint,
        "versions": versions(),
        "devices": [str(device) for device in jax.devices()],
    }


def versions() -> dict[str, str]:
    """Versions of what computes; `code` is a hash of the library's sources."""
    found = {name: metadata.version(name) for name in ("jax", "flax", "optax")}
    digest = hashlib.sha256()
    root = pathlib.Path(wsjax.__file__).parent
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    return {"wsjax": wsjax.__version__, "code": digest.hexdigest()[:16], **found}


def _compare(folder: pathlib.Path, old: dict, recipe: dict, fingerprint: str) -> None:
    before, after = (flatten_dict(x, sep=".") for x in (old["recipe"], recipe))
    differing = [
        f"{key}: {before.get(key)} -> {after.get(key)}"
        for key in sorted(set(before) | set(after))
        if not key.startswith(_FREE)
        and not (key in _PLACES and old["data_fingerprint"] == fingerprint)
        and before.get(key) != after.get(key)
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


def need(path: pathlib.Path, binary: str) -> None:
    """Checks for what an earlier binary writes.

    Raises:
      FileNotFoundError: naming the file and the binary to run first.
    """
    if not path.exists():
        raise FileNotFoundError(
            f"{path} is missing; run `python -m experiments.{binary}` with this "
            "--config and --workdir first, or `experiments.pipeline` for everything"
        )


def finished(folder: pathlib.Path, stage: str) -> dict | None:
    """Metrics of a stage that is done already, or None."""
    path = folder / "metrics.json"
    if not path.exists():
        return None
    print(f"{stage}: finished before, kept", flush=True)
    return files.read_json(path)


def close(folder: pathlib.Path, stage: str, metrics: dict) -> dict:
    """Writes a stage's metrics, which marks it as finished, and says so.

    Returns the metrics as a later run reads them: figures that do not exist are None.
    """
    metrics = files.finite(metrics)
    files.write_json(folder / "metrics.json", metrics)
    shown = [f"{k} {_short(v)}" for k, v in metrics.items() if not isinstance(v, dict)]
    print(f"{stage}: {', '.join(shown[:12])}", flush=True)
    return metrics


def _short(value) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
