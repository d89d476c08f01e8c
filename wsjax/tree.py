"""Small tools for pytrees of weights, whose leaves are named by their paths."""

import hashlib
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from chex import ArrayTree

__all__ = [
    "concatenate",
    "count",
    "fingerprint",
    "from_named",
    "named",
    "row",
    "squared_distance",
]


def row(stacked: ArrayTree, i: int | slice | jax.Array | np.ndarray) -> ArrayTree:
    """Instance `i` of a stacked tree; a stacked tree, if `i` is a slice or an array."""
    return jax.tree.map(lambda x: x[i], stacked)


def concatenate(parts: list[ArrayTree]) -> ArrayTree:
    """Joins stacked trees along their instance axis, on the host."""
    return jax.tree.map(lambda *xs: np.concatenate(xs), *parts)


def count(tree: ArrayTree) -> int:
    """How many numbers a tree holds."""
    return sum(int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(tree))


def squared_distance(a: ArrayTree, b: ArrayTree) -> jax.Array:
    """Sum over all leaves of `(a - b)**2`, `[]`."""
    parts = jax.tree.map(lambda x, y: jnp.sum(jnp.square(x - y)), a, b)
    return jnp.asarray(sum(jax.tree.leaves(parts)))


def named(tree: ArrayTree) -> dict[str, Any]:
    """Leaves by path name, such as `layer_0/a`, in the tree's own order."""
    pairs, _ = jax.tree.flatten_with_path(tree)
    return {jax.tree_util.keystr(p, simple=True, separator="/"): x for p, x in pairs}


def from_named(leaves: Mapping[str, Any]) -> ArrayTree:
    """Nested dicts from path names; the inverse of `named` for trees of dicts."""
    tree: dict = {}
    for name, leaf in leaves.items():
        *path, last = name.split("/")
        node = tree
        for part in path:
            node = node.setdefault(part, {})
        node[last] = leaf
    return tree


def fingerprint(tree: ArrayTree) -> str:
    """Sixteen hex digits over names, shapes, types and bytes of all leaves."""
    digest = hashlib.sha256()
    for name, leaf in named(tree).items():
        array = np.asarray(leaf)
        digest.update(f"{name}{array.shape}{array.dtype}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()[:16]
