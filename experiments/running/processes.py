"""Several processes, on one machine or many, that share the work of one run folder.

Fits need the same file system and nothing else: each process takes every k-th group of
instances, writes its own shards, and waits for the files of the others. They need no
collectives, so a slow process holds nobody up in the middle. The training of a denoiser
is one program over the devices of all.
"""

import contextlib
import itertools
import os
import pathlib
import sys
import time
from collections.abc import Callable, Iterator

import jax
import numpy as np
from absl import flags
from chex import ArrayTree
from jax.experimental import multihost_utils
from orbax.checkpoint import multihost

__all__ = [
    "agreed",
    "define_flags",
    "fail",
    "first",
    "in_turn",
    "join",
    "mesh",
    "own",
    "wait_for",
    "wait_until",
]

_POLL = 0.2  # Seconds between two looks for a file.
_PATIENCE_MS = 24 * 3600 * 1000  # How long processes wait for the first.
_SILENCE = 30  # Seconds after which one that says nothing is taken for dead.
_TURNS = itertools.count()


def define_flags() -> None:
    """Flags that tell a process of the others; on a TPU pod `--distributed` will do."""
    flags.DEFINE_bool(
        "distributed", False, "Several processes; found out from the cluster."
    )
    flags.DEFINE_string("coordinator", None, "host:port of process 0.")
    flags.DEFINE_integer("processes", None, "How many there are.")
    flags.DEFINE_integer("process", None, "Which of them this is, from 0.")


def join() -> None:
    """Meets the other processes, if the flags name any.

    Raises:
      ValueError: if only some of `--coordinator --processes --process` are given, or
        they contradict each other.
    """
    names = ("coordinator", "processes", "process")
    values = [flags.FLAGS[name].value for name in names]
    given = [value is not None for value in values]
    if any(given) and not all(given):
        missing = [f"--{n}" for n, ok in zip(names, given, strict=True) if not ok]
        raise ValueError(
            f"several processes need --{', --'.join(names)}; {', '.join(missing)} not "
            "given"
        )
    if all(given):
        _, count, index = values
        if not 0 <= index < count:
            raise ValueError(
                f"--process={index} should be one of 0 to {count - 1}, for "
                f"--processes={count}; correct one of them"
            )
    if all(given) or flags.FLAGS.distributed:
        # In the end all wait for each other: not long, if one has met an error.
        jax.distributed.initialize(
            *values,
            heartbeat_timeout_seconds=_SILENCE,
            shutdown_timeout_seconds=_SILENCE,
        )


def first() -> bool:
    """Whether this process does what is done once."""
    return jax.process_index() == 0


def own(groups: list[int]) -> list[int]:
    """The part of the work that is this process's."""
    return groups[jax.process_index() :: jax.process_count()]


@contextlib.contextmanager
def in_turn() -> Iterator[None]:
    """The first process does what is inside before the others do."""
    ready = multihost.get_barrier_sync_fn()
    key = f"turn {next(_TURNS)}"
    if not first():
        ready(key=key, timeout_ms=_PATIENCE_MS)
    yield
    if first():
        ready(key=key, timeout_ms=_PATIENCE_MS)


def mesh(count: int, rows: int) -> jax.sharding.Mesh:
    """Devices that share the rows of one program, equally many of each process.

    Args:
      count: of each process; 0: as many as `rows` divide over. The devices of a CPU
        are its cores: there it is one, as a small program on all of them takes longer.
      rows: that the program works on at once.

    Raises:
      ValueError: if there are not as many devices.
    """
    local, total = jax.local_device_count(), jax.process_count()
    if not 0 <= count <= local:
        raise ValueError(
            f"devices={count} of each process should be at most the {local} that it "
            "has, or 0 for as many as serve"
        )
    if not count:
        most = 1 if jax.default_backend() == "cpu" else local
        count = next(n for n in range(most, 0, -1) if n == 1 or not rows % (n * total))
    chosen = [
        [device for device in jax.devices() if device.process_index == process][:count]
        for process in range(total)
    ]
    return jax.sharding.Mesh(np.concatenate(chosen), ("data",))


def agreed(values: ArrayTree) -> ArrayTree:
    """The numbers that the first process has found, in all; none goes on before it."""
    return multihost_utils.broadcast_one_to_all(values)


def wait_for(*paths: pathlib.Path) -> None:
    """Waits until other processes have written all files."""
    for path in paths:
        wait_until(path.exists)


def wait_until(ready: Callable[[], bool]) -> None:
    """Waits for other processes.

    When one of them dies, JAX's coordinator ends those that wait.
    """
    while not ready():
        time.sleep(_POLL)


def fail(line: str) -> None:
    """Ends this process with a line that says why."""
    if not jax.distributed.is_initialized():
        raise SystemExit(line)
    # An ordinary exit would wait for the others, which wait for this one.
    print(line, file=sys.stderr, flush=True)
    os._exit(1)
