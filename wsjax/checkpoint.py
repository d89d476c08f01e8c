"""Training checkpoints; the only file of the library that knows Orbax."""

import contextlib
import os
import pathlib
from collections.abc import Iterator

from chex import ArrayTree
from orbax.checkpoint import v1 as ocp

from wsjax import tree

__all__ = ["latest", "restore", "save"]


def save(
    folder: str | os.PathLike, step: int, state: ArrayTree, *, keep: int = 2
) -> None:
    """Writes `state` as checkpoint `step` of a folder, whole or not at all.

    Args:
      folder: of all checkpoints of one training.
      step: its number.
      state: any pytree of arrays, dataclasses included.
      keep: how many of the newest checkpoints stay; older ones are deleted.
    """
    policy = ocp.training.preservation_policies.LatestN(keep)
    with ocp.training.Checkpointer(
        pathlib.Path(folder).absolute(), preservation_policy=policy
    ) as checkpointer:
        checkpointer.save(step, state, overwrite=True)


def latest(folder: str | os.PathLike) -> int | None:
    """Number of the newest whole checkpoint, None if there is none."""
    folder = pathlib.Path(folder)
    if not folder.is_dir():
        return None
    with ocp.training.Checkpointer(folder.absolute()) as checkpointer:
        newest = checkpointer.latest
    return None if newest is None else newest.step


def restore(folder: str | os.PathLike, step: int, like: ArrayTree) -> ArrayTree:
    """Reads a checkpoint into the structure and shapes of `like`.

    Raises:
      ValueError: if names or shapes differ, naming the first that does, or if the
        checkpoint cannot be read.
    """
    path = pathlib.Path(folder).absolute() / str(step)
    with _readable(path):
        stored = _shapes(ocp.metadata(path).metadata)
        if not stored:  # How Orbax reports metadata that it could not parse.
            raise EOFError(path)
    wanted = _shapes(like)
    for name in sorted(set(wanted) | set(stored)):
        if wanted.get(name) != stored.get(name):
            raise ValueError(
                f"{path}: {name} should be {wanted.get(name, 'absent')}, found "
                f"{stored.get(name, 'nothing')}; use the recipe that wrote it or a "
                "fresh workdir"
            )
    with _readable(path):
        return ocp.load(path, like)


@contextlib.contextmanager
def _readable(path: pathlib.Path) -> Iterator[None]:
    """Turns the many kinds of errors that Orbax raises into one `ValueError`."""
    try:
        yield
    except Exception as error:
        raise ValueError(
            f"{path} is no readable checkpoint ({type(error).__name__}); delete it and "
            "run the command that wrote it again"
        ) from error


def _shapes(state: ArrayTree) -> dict[str, tuple[int, ...]]:
    return {_plain(name): leaf.shape for name, leaf in tree.named(state).items()}


def _plain(name: str) -> str:
    """Path name as Orbax stores it; to Orbax attributes and keys look alike."""
    return name.replace(".", "/").strip("/")
