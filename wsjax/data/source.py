"""What every source of pictures offers."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

__all__ = ["BadInstance", "Source", "check_positive"]


class BadInstance(Exception):
    """One instance cannot be used; its message is the reason, for the record."""


class Source(NamedTuple):
    """Pictures that are read one at a time.

    `where` names the source in messages; `names` has N entries; `labels` is `[N]`
    int32 or None; `read(i) -> pixels [H, W, C]`, C in {1, 3}, uint8 or float32 in
    [0, 1], raises `BadInstance` if instance i alone is unusable; `classes` names the
    classes, label by label, None if they have no names; `left_out` gives the reason
    for what lies in the source and is not among the names; those of its keys in
    `others` stand for files or arrays that are no instances.
    """

    where: str
    names: list[str]
    labels: np.ndarray | None
    read: Callable[[int], np.ndarray]
    classes: list[str] | None
    left_out: dict[str, str]
    others: frozenset[str] = frozenset()


def check_positive(name: str, value: int | None) -> None:
    """Raises `ValueError` unless `value` is None or a whole number of at least 1."""
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if value is not None and not (whole and value >= 1):
        raise ValueError(f"{name}= needs a whole number of at least 1, got {value!r}")
