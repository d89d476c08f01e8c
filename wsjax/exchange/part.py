"""What one foreign file holds."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from chex import ArrayTree

from wsjax import tree


class Part(NamedTuple):
    """Weights of n instances, leaves `[n, ...]`, and what the file says of each.

    A dict of `facts` may hold `name`, `label`, `psnr_db`, `status` and more.
    """

    weights: ArrayTree
    facts: list[dict]


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


def known(found: Mapping[str, object]) -> dict:
    """Name, label and PSNR in dB of an instance, as far as they are stated."""
    facts = {"name": found["name"]} if isinstance(found.get("name"), str) else {}
    kinds = (("label", "label", int), ("psnr", "psnr_db", float))
    for key, ours, kind in (*kinds, ("psnr_db", "psnr_db", float)):
        try:
            facts[ours] = kind(found[key])
        except (KeyError, TypeError, ValueError):
            continue  # Another project's use of the word.
    return facts
