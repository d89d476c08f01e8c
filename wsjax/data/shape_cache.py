"""Sampled shapes on disk: each is sampled once, by content, in parallel.

A file is named after a hash of the instance's content and of every option of the
sampling, and is written whole or not at all. So a killed run goes on where it
stopped, and nothing ever has to be invalidated.
"""

import functools
import hashlib
import io
import json
import os
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import joblib
import numpy as np
from tqdm import tqdm

from wsjax import files, machine
from wsjax.data.source import BadInstance
from wsjax.meshes import sampling
from wsjax.meshes.mesh import Frame
from wsjax.meshes.sampling import Preset

__all__ = [
    "Content",
    "FEW",
    "IDLE",
    "MEMBERS",
    "Origin",
    "Sampled",
    "Stored",
    "default_folder",
    "load",
    "store",
]

MEMBERS = ("points", "values", "grid", "surface", "inside", "vertices", "faces")
"""The arrays of one shape, see `wsjax.meshes.sampling`."""

FEW = 64
"""Below this many shapes, worker processes do not pay off."""

IDLE = 20.0
"""Seconds after which a worker process without work ends, even one without parent."""


class Sampled(NamedTuple):
    """What is stored of one instance.

    `arrays` by name; the `frame` that they are seen in; `quality`, what is wrong with
    it and was repaired, {} if nothing; `moments` `[COUNT]`, see `wsjax.meshes.moments`.
    """

    arrays: dict[str, np.ndarray]
    frame: Frame
    quality: dict
    moments: np.ndarray


class Content(NamedTuple):
    """One instance, which is built only if the cache does not have it.

    `digest` is a hash of its content; `build(preset, size, seed) -> Sampled` raises
    `BadInstance` if the instance cannot be used.
    """

    digest: str
    build: Callable[[Preset, int, list[int]], Sampled]


class Origin(NamedTuple):
    """Where instances come from.

    `where` names it in messages; `names` has N entries; `labels` is `[N]` int32, each
    an index of `classes`, or None; `batches` holds N items in the order of `names`,
    grouped so that those of a batch are best read together; `read(batch)` yields a
    `Content` or a `BadInstance` for each item. Items and `read` are pickled and sent to
    other processes.
    """

    where: str
    names: list[str]
    labels: np.ndarray | None
    classes: list[str]
    batches: list[list[Any]]
    read: Callable[[list[Any]], Iterator[Content | BadInstance]]


class Stored(NamedTuple):
    """A file of the cache and what it holds beside the arrays; see `Sampled`."""

    file: str
    frame: Frame
    quality: dict
    moments: np.ndarray


def default_folder() -> Path:
    """`$XDG_CACHE_HOME/wsjax/shapes`, or `~/.cache/wsjax/shapes`."""
    return files.cache_folder("shapes")


def store(
    origin: Origin, folder: Path, *, preset: Preset, size: int, seed: int
) -> list[Stored | BadInstance]:
    """Samples the instances of an origin that the cache does not have yet.

    Args:
      origin: of N instances.
      folder: of the cache; made if there is none.
      preset: see `wsjax.meshes.sampling.Preset`.
      size: side of the grid, in cells.
      seed: of the sampling.

    Returns:
      For each of the N instances a file, or the reason why it cannot be used.

    Raises:
      OSError: if the cache cannot be written.
      MemoryError: if another process was killed while it sampled.
    """
    constants = (sampling.VERSION, sampling.SURFACE, sampling.COMMON)
    options = json.dumps([preset, size, seed, *constants])
    job = functools.partial(
        _store, origin.read, folder, preset=preset, size=size, seed=seed
    )
    alone = len(origin.names) < FEW
    parallel = joblib.Parallel(
        1 if alone else machine.processors(),
        "loky",  # Starts processes without a copy of this one, where JAX has threads.
        return_as="generator",
        max_nbytes=None,  # Nothing is large enough to be shared through a file.
        idle_worker_timeout=IDLE,
    )
    done = parallel(
        joblib.delayed(job)(batch, options=options, alone=alone)
        for batch in origin.batches
    )
    bar = tqdm(total=len(origin.names), desc="shapes", unit="shape", delay=3)
    results = []
    try:
        with bar:
            for batch in done:
                results.extend(batch)
                bar.update(len(batch))
    except joblib.externals.loky.process_executor.TerminatedWorkerError as error:
        raise MemoryError(
            f"{origin.where}: a process that sampled shapes was killed, most likely for"
            " want of memory; run the command again where there is more of it, what was"
            " finished is kept"
        ) from error
    return results


def load(file: str, names: tuple[str, ...]) -> list[np.ndarray]:
    """Reads some arrays of one shape, and nothing else of its file.

    Raises:
      ValueError: if the file is damaged or gone, naming it and the way out.
    """
    try:
        with np.load(file) as arrays:
            return [arrays[name] for name in names]
    except Exception as error:  # Damaged bytes raise nearly anything.
        raise ValueError(
            f"{file}: expected the samples of a shape, found none that can be read"
            f" ({error}); load the shapes again, which samples what is missing"
        ) from error


def _store(
    read: Callable[[list[Any]], Iterator[Content | BadInstance]],
    folder: Path,
    batch: list[Any],
    *,
    preset: Preset,
    size: int,
    seed: int,
    options: str,
    alone: bool,
) -> list[Stored | BadInstance]:
    """Samples the items of one batch that are not in the cache."""
    if not alone:
        # There is a process for each processor, and none needs threads beside it.
        os.environ["IGL_NUM_THREADS"] = "1"
    results: list[Stored | BadInstance] = []
    for content in read(batch):
        if isinstance(content, BadInstance):
            results.append(content)
            continue
        key = hashlib.sha256(f"{content.digest} {options}".encode()).hexdigest()[:32]
        path = folder / f"{key}.npz"
        seeds = [seed, int(content.digest[:16], 16)]
        results.append(_stored(path) or _sample(content, path, preset, size, seeds))
    return results


def _sample(
    content: Content, path: Path, preset: Preset, size: int, seeds: list[int]
) -> Stored | BadInstance:
    try:
        sampled = content.build(preset, size, seeds)
    except BadInstance as error:
        return error
    except Exception as error:  # An unforeseen failure must stop no other instance.
        return BadInstance(f"cannot be sampled ({type(error).__name__}: {error})")
    if sampled.arrays["values"].min() >= 0.0:
        return BadInstance("its surface encloses nothing")
    members = {
        **sampled.arrays,
        "frame": np.array([*sampled.frame.centre, sampled.frame.scale]),
        "quality": np.frombuffer(json.dumps(sampled.quality).encode(), np.uint8),
        "moments": sampled.moments,
    }
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **members)
    files.write_bytes(path, file.getvalue())
    return Stored(str(path), sampled.frame, sampled.quality, sampled.moments)


def _stored(path: Path) -> Stored | None:
    """A file of the cache, None if it is missing or damaged."""
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.testzip() or not {f"{m}.npy" for m in MEMBERS} <= set(
                archive.namelist()
            ):
                return None
        frame, text, moments = load(str(path), ("frame", "quality", "moments"))
        quality = json.loads(text.tobytes())
    except Exception:  # Whatever is wrong with it, it is sampled again.
        return None
    return Stored(str(path), Frame(frame[:3], float(frame[3])), quality, moments)
