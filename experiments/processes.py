"""Several processes, on one machine or many, that share the work of one run folder.

They need the same file system and nothing else: each takes every k-th group of
instances, writes its own shards, and waits for the files of the others. Fits need no
collectives, so a slow process holds nobody up in the middle.
"""

import contextlib
import itertools
import os
import pathlib
import sys
import time
from collections.abc import Callable, Iterator

import jax
from absl import flags
from orbax.checkpoint import multihost

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
