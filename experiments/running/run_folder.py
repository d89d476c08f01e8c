"""The run folder: its lock, the recipe it is bound to, and the metrics of stages."""

import contextlib
import fcntl
import hashlib
import os
import pathlib
import socket
from collections.abc import Iterator, Sequence
from importlib import metadata

import jax
from absl import logging

import wsjax
from experiments.running import binding, processes
from wsjax import files

__all__ = ["close", "finished", "held", "lines_until", "need", "open_run"]
__all__ += ["same_recipe", "told", "versions"]

# Keys of a recipe, or beginnings of keys, that may change between runs in one run
# folder. Each representation, generator and kind of sample has its own folder; studies
# and rivals bind their own folders to their settings (`binding`); a benchmark measures
# anew each time; and the number of devices is no part of the result.
_FREE = (
    ("adapter.name", "generator", "generators.", "sweep.", "tune.", "plan.")
    + ("reconstruction.", "benchmark.")
    + ("sample.label", "sample.near", "sample.strength")
    + ("sample.calls", "sample.weights", "diffusion.devices")
)
# These may change, too, as long as the data have the same fingerprint.
_PLACES = ("data.path", "data.cache", "data.most_bytes")


@contextlib.contextmanager
def held(workdir: str) -> Iterator[None]:
    """Context that locks a run folder, so that no second run writes to it.

    The first process holds the lock for all processes that share the work. The
    operating system releases it when that process ends, even by a kill. Temporary files
    that killed processes left behind are removed.

    Raises:
      ValueError: if another run holds the lock.
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
        except OSError as error:  # Some network file systems do not support locks.
            logging.warning("%s: %s; start no second run there", path, error.strerror)
        with contextlib.suppress(OSError):  # The lock holds even if the disk is full.
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
    """Creates a run folder, or re-opens one of the same recipe and data.

    Args:
      recipe: the resolved recipe, as JSON types.
      workdir: the folder.
      fingerprint: hash of the data set that the recipe names.

    Returns:
      Path of the folder, which holds `recipe.json`.

    Raises:
      ValueError: if the folder was made by another recipe (the message names the keys
        that differ) or from other data.
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
    kept = files.read_json(path, keys=("recipe", "data_fingerprint"))
    _compare(folder, kept, recipe, fingerprint)
    return folder


def _description(recipe: dict, fingerprint: str) -> dict:
    return {
        "recipe": recipe,
        "data_fingerprint": fingerprint,
        "versions": versions(),
        "devices": [str(device) for device in jax.devices()],
    }


def versions() -> dict[str, str]:
    """Versions of JAX, Flax, Optax and wsjax; `code` is a hash of wsjax's sources."""
    installed = {name: metadata.version(name) for name in ("jax", "flax", "optax")}
    digest = hashlib.sha256()
    root = pathlib.Path(wsjax.__file__).parent
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    return {"wsjax": wsjax.__version__, "code": digest.hexdigest()[:16], **installed}


def same_recipe(folder: pathlib.Path, recipe: dict) -> None:
    """Refuses a recipe other than that of a run folder, wherever its data may lie.

    Args:
      folder: a run folder.
      recipe: the resolved recipe, as JSON types.

    Raises:
      ValueError: if keys differ; the message names them.
    """
    kept = files.read_json(folder / "recipe.json", keys=("recipe",))
    _refuse(folder, kept["recipe"], recipe, free=(*_FREE, *_PLACES))


def _refuse(folder: pathlib.Path, old: dict, new: dict, *, free: tuple) -> None:
    """Raises a ValueError if keys differ that do not begin with one of `free`."""
    differing = [
        line
        for key, line in binding.differing(old, new).items()
        if not key.startswith(free)
    ]
    if differing:
        raise ValueError(
            f"{folder} was made by another recipe; these keys differ: "
            f"{'; '.join(differing)}. Use the old values or a fresh --workdir"
        )


def _compare(folder: pathlib.Path, old: dict, recipe: dict, fingerprint: str) -> None:
    same = old["data_fingerprint"] == fingerprint
    _refuse(folder, old["recipe"], recipe, free=(*_FREE, *(_PLACES if same else ())))
    if not same:
        raise ValueError(
            f"{folder} was made from other data (fingerprint "
            f"{old['data_fingerprint']}, now {fingerprint}). Restore the data or use a "
            "fresh --workdir"
        )


def need(path: pathlib.Path, binary: str) -> None:
    """Checks that a file or folder exists that an earlier binary writes.

    Raises:
      FileNotFoundError: if it does not; the message names the binary to run first.
    """
    if not path.exists():
        raise FileNotFoundError(
            f"{path} is missing; run `python -m experiments.{binary}` with this "
            "--config and --workdir first, or `experiments.pipeline` for everything"
        )


def finished(
    folder: pathlib.Path, stage: str, makes: Sequence[str] = ()
) -> dict | None:
    """Returns the metrics of a stage that an earlier run finished, else None.

    Args:
      folder: of the stage.
      stage: its name in messages.
      makes: files and folders in `folder` that later stages read. A stage that lost one
        of them is not finished; its binary makes the lost ones again.
    """
    path = folder / "metrics.json"
    if not path.exists():
        return None
    for name in makes:
        if not (folder / name).exists():
            logging.warning("%s is gone: %s is run again", folder / name, stage)
            return None
    print(f"{stage}: finished before, kept", flush=True)
    return files.read_json(path)


def lines_until(path: pathlib.Path, step: int) -> list[dict]:
    """Reads the JSON lines of a training up to `step`, that of its newest checkpoint.

    Raises:
      ValueError: if the line of that step is missing, which no interruption leaves.
    """
    lines = [line for line in files.read_lines(path) if line["step"] <= step]
    last = lines[-1]["step"] if lines else 0
    if last != step:
        raise ValueError(
            f"{path}: expected the line of step {step}, that of the newest "
            f"checkpoint beside it, found {last or 'none'} to be the last; restore the "
            f"file, or delete {path.parent} and run the stage again"
        )
    return lines


def close(folder: pathlib.Path, stage: str, metrics: dict) -> dict:
    """Writes metrics.json, which marks the stage as finished, and prints the metrics.

    Returns the metrics as a later run reads them: NaN and infinity become None.
    """
    metrics = files.finite(metrics)
    files.write_json(folder / "metrics.json", metrics)
    told(stage, metrics)
    return metrics


def told(stage: str, metrics: dict) -> None:
    """Prints the first twelve metrics of a stage, or of a trial, in one line."""
    shown = [f"{k} {_short(v)}" for k, v in metrics.items() if not isinstance(v, dict)]
    print(f"{stage}: {', '.join(shown[:12])}", flush=True)


def _short(value) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
