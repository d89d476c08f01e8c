"""Training checkpoints; the only file of the library that knows Orbax."""

import contextlib
import pathlib
from collections.abc import Iterator

from chex import ArrayTree
from orbax.checkpoint import v1 as ocp

from wsjax import tree


def save(folder: pathlib.Path, step: int, state: ArrayTree, *, keep: int = 2) -> None:
    """Writes `state` as checkpoint `step` of a folder; a crash leaves no half one.

    Args:
      folder: of all checkpoints of one training.
      step: its number.
      state: any pytree of arrays, dataclasses included.
      keep: newest checkpoints that stay.
    """
    policy = ocp.training.preservation_policies.LatestN(keep)
    with ocp.training.Checkpointer(
        folder.absolute(), preservation_policy=policy
    ) as checkpointer:
        checkpointer.save(step, state, overwrite=True)


def latest(folder: pathlib.Path) -> int | None:
    """Number of the newest whole checkpoint, None if there is none."""
    if not folder.is_dir():
        return None
    with ocp.training.Checkpointer(folder.absolute()) as checkpointer:
        newest = checkpointer.latest
    return None if newest is None else newest.step


def restore(folder: pathlib.Path, step: int, like: ArrayTree) -> ArrayTree:
    """Reads a checkpoint into the structure and shapes of `like`.

    Raises:
      ValueError: if names or shapes differ, naming the first that does, or if the
        checkpoint cannot be read.
    """
    path = folder.absolute() / str(step)
    with _readable(path):
        found = _shapes(ocp.metadata(path).metadata)
        if not found:  # How Orbax reports metadata that it could not parse.
            raise EOFError(path)
    wanted = _shapes(like)
    for name in sorted(set(wanted) | set(found)):
        if wanted.get(name) != found.get(name):
            raise ValueError(
                f"{path}: {name} should be {wanted.get(name, 'absent')}, found "
                f"{found.get(name, 'nothing')}; use the recipe that wrote it or a "
                "fresh workdir"
            )
    with _readable(path):
        return ocp.load(path, like)


@contextlib.contextmanager
def _readable(path: pathlib.Path) -> Iterator[None]:
    """Makes one error of the many kinds that Orbax raises for a damaged folder."""
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
    """Path names as Orbax stores them, where attributes and keys look alike."""
    return name.replace(".", "/").strip("/")
