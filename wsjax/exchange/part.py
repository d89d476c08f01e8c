"""The contents of one foreign file, and limits on what a file may hold."""

import pathlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import numpy as np
from chex import ArrayTree

from wsjax import tree

__all__ = [
    "Kinds",
    "Part",
    "Refused",
    "check_same",
    "check_size",
    "kinds",
    "known",
    "memory",
    "nested",
    "numeric",
]

# Weights hardly compress: a file that unpacks to more than this holds something else,
# or was made to fill the memory.
_ALWAYS = 64 * 2**20  # Bytes.
_GROWTH = 20  # Times the size of the file.
_OBJECT = 1024  # Bytes that Python needs for an array, its names and its facts.


Kinds = Mapping[str, tuple[list[int], str]]
"""`{leaf: (shape of one instance, type)}`."""


class Refused(ValueError):
    """The file is whole and of the right form, but holds what is not read."""


class Part(NamedTuple):
    """Weights of n instances, and what their file says about each.

    `weights`: leaves `[n, ...]`; `facts`: n dicts that may hold `name`, `label`,
    `psnr_db`, `status` and more; `files`: how many files the export consists of that
    this one belongs to, None if it does not say.
    """

    weights: ArrayTree
    facts: list[dict]
    files: int | None = None


def nested(leaves: dict[str, np.ndarray]) -> ArrayTree:
    """Nested dicts from path names, `layer/factor`.

    Raises:
      ValueError: if there are no leaves, one holds no numbers, or a name is both a
        leaf and a module.
    """
    if not leaves:
        raise ValueError("expected tensors, found none; save the weights themselves")
    for name, leaf in leaves.items():
        if not numeric(leaf):
            raise ValueError(
                f"expected numbers in {name}, found {leaf.dtype}; leave it out"
            )
        above = name.rpartition("/")[0]
        while above:
            if above in leaves:
                raise ValueError(
                    f"expected {above} as a tensor or as a module, found both (it holds"
                    f" {name}); rename one of them"
                )
            above = above.rpartition("/")[0]
    return tree.from_named(leaves)


def numeric(array: np.ndarray) -> bool:
    """Whether an array holds numbers or booleans."""
    return array.dtype.kind in "biufc"


def known(content: Mapping[Any, Any]) -> dict:
    """Name, label and PSNR in dB of an instance, where a file states them."""
    name = content.get("name")
    facts: dict = {"name": name} if isinstance(name, str) else {}
    for key, ours, kind in (
        ("label", "label", int),
        ("psnr", "psnr_db", float),
        ("psnr_db", "psnr_db", float),
    ):
        try:
            facts[ours] = kind(content[key])
        except (KeyError, OverflowError, TypeError, ValueError):
            continue  # Another project means something else by the word.
    return facts


def kinds(weights: ArrayTree) -> Kinds:
    """Shape per instance and type of each leaf of stacked weights."""
    leaves = tree.named(weights).items()
    return {name: (list(leaf.shape[1:]), str(leaf.dtype)) for name, leaf in leaves}


def check_same(weights: ArrayTree, wanted: Kinds) -> None:
    """Checks weights against the `kinds` of those that were read first.

    Raises:
      ValueError: naming the first leaf that differs, with both shapes and types.
    """
    ours = kinds(weights)
    for name in sorted(set(wanted) | set(ours)):
        if ours.get(name) != wanted.get(name):
            expected, got = (
                "{1} {0}".format(*each[name]) if name in each else "none"
                for each in (wanted, ours)
            )
            raise ValueError(
                f"leaf {name}: expected {expected}, as in the first that was read,"
                f" found {got}; read weights of another kind on their own"
            )


def memory(weights: ArrayTree) -> int:
    """Bytes that weights occupy, with a share for the objects around them."""
    return sum(leaf.nbytes + _OBJECT for leaf in jax.tree.leaves(weights))


def check_size(path: pathlib.Path, unpacked: int) -> None:
    """Refuses a file that unpacks to far more memory than it occupies.

    Args:
      path: of the file.
      unpacked: bytes of what is in it, as it claims or as they were read.

    Raises:
      Refused: above 64 MiB and 20 times the size of the file.
    """
    size = path.stat().st_size
    most = _ALWAYS + _GROWTH * size
    if unpacked > most:
        raise Refused(
            f"expected at most {most / 2**20:.0f} MiB in a file of {size / 2**20:.1f}"
            f" MiB, found {unpacked / 2**20:.0f} MiB; it is damaged, or save its"
            " weights uncompressed and each tensor once"
        )
