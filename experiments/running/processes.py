"""Several processes, on one or more machines, that share the work of one run folder.

For fits, the processes only need a shared file system: each of K processes fits every
K-th group of instances, writes its own shards, and at the end waits for the files of
the others. There are no collectives, so a slow process does not stall the others.
Denoiser training is a single program that runs on the devices of all processes.
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

_POLL = 0.2  # Seconds between two checks for a file.
_PATIENCE_MS = 24 * 3600 * 1000  # How long the others wait for the first process.
_SILENCE = 30  # Seconds without a heartbeat after which a process counts as dead.
_TURNS = itertools.count()


def define_flags() -> None:
    """Defines the flags that tell a process about the others.

    The first of two processes gets `--coordinator=host:12321 --processes=2
    --process=0`; on a TPU pod, `--distributed` is enough.
    """
    flags.DEFINE_bool(
        "distributed", False, "Join the other processes of the cluster, such as a pod."
    )
    flags.DEFINE_string("coordinator", None, "Address of process 0, as host:port.")
    flags.DEFINE_integer("processes", None, "Number of processes.")
    flags.DEFINE_integer("process", None, "Index of this process, from 0.")


def join() -> None:
    """Connects this process to the others, if the flags name any.

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
        # At exit, processes wait for each other: keep it short in case one has failed.
        jax.distributed.initialize(
            *values,
            heartbeat_timeout_seconds=_SILENCE,
            shutdown_timeout_seconds=_SILENCE,
        )


def first() -> bool:
    """Whether this is the first process, which does the work that is done only once."""
    return jax.process_index() == 0


def own(groups: list[int]) -> list[int]:
    """This process's share of the groups: process i of K takes items i, i + K, ..."""
    return groups[jax.process_index() :: jax.process_count()]


@contextlib.contextmanager
def in_turn() -> Iterator[None]:
    """Context whose body runs in the first process, then in all others."""
    ready = multihost.get_barrier_sync_fn()
    key = f"turn {next(_TURNS)}"
    if not first():
        ready(key=key, timeout_ms=_PATIENCE_MS)
    yield
    if first():
        ready(key=key, timeout_ms=_PATIENCE_MS)


def mesh(count: int, rows: int) -> jax.sharding.Mesh:
    """A one-axis mesh, "data", with equally many devices of each process.

    Args:
      count: devices per process. 0 takes the most that divide `rows` evenly; on a CPU,
        whose devices are its cores, it takes one: a small program is slower on more.
      rows: batch size of the program, to be split over the devices.

    Raises:
      ValueError: if `count` is negative or exceeds the devices of this process.
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
    """Returns the first process's `values` in every process; a blocking broadcast."""
    return multihost_utils.broadcast_one_to_all(values)


def wait_for(*paths: pathlib.Path) -> None:
    """Blocks until other processes have written all files at `paths`."""
    for path in paths:
        wait_until(path.exists)


def wait_until(ready: Callable[[], bool]) -> None:
    """Blocks until `ready()` is true, because other processes made it so.

    There is no timeout: if another process dies, JAX's coordinator ends this one.
    """
    while not ready():
        time.sleep(_POLL)


def fail(line: str) -> None:
    """Ends this process with exit code 1 and prints `line`, the reason, to stderr."""
    if not jax.distributed.is_initialized():
        raise SystemExit(line)
    # A normal exit would deadlock: it waits for the others, and they wait for us.
    print(line, file=sys.stderr, flush=True)
    os._exit(1)
