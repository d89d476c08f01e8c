"""Whether fits from different starts end in one linear mode; section 4.2 of the paper.

One instance is fitted twice, the second time from another start. How similar are the
two fits' weights, and how much worse than both is the field halfway between them? The
paper's perturbation (`perturbed`) moves starts of one spread alike, `displaced` moves
all by the same share of their norm.
"""

import chex
import jax
import jax.numpy as jnp
import numpy as np
from chex import ArrayTree

__all__ = [
    "barrier",
    "cosine",
    "displaced",
    "displacement",
    "perturbed",
    "worst_drop",
]


def perturbed(
    centre: ArrayTree,
    first: ArrayTree,
    second: ArrayTree,
    strength: float | jax.Array,
) -> ArrayTree:
    """A start between two draws whose random part keeps its variance.

    `centre + sqrt(1 - s^2) (first - centre) + s (second - centre)` for strength s: its
    correlation with `first` is `sqrt(1 - s^2)`.

    Args:
      centre: mean of the draws.
      first: a draw.
      second: an independent draw.
      strength: `[]` in [0, 1], a number or traced; above 1 the start is NaN.

    Returns:
      The start: bit for bit `first` at strength 0 and `second` at 1. An entry that is
      the same in all three, as frozen ones are, keeps its bits at any strength.
    """
    chex.assert_trees_all_equal_shapes(centre, first, second)
    keep = jnp.sqrt(1 - strength**2)

    # Selected, as arithmetic loses the tiniest numbers, the sign of 0 and last bits.
    def leaf(centre: jax.Array, first: jax.Array, second: jax.Array) -> jax.Array:
        mixed = centre + keep * (first - centre) + strength * (second - centre)
        frozen = (first == centre) & (second == centre)
        mixed = jnp.where(frozen, centre, mixed)
        return jnp.select([strength == 0, strength == 1], [first, second], mixed)

    return jax.tree.map(leaf, centre, first, second)


def displacement(
    first: ArrayTree, other: ArrayTree, *, free: ArrayTree | None = None
) -> jax.Array:
    """How far one tree lies from another, relative to the norm of that.

    Args:
      first: any tree of arrays.
      other: a tree of the same shapes.
      free: booleans of the same shapes, which entries count; None: all.

    Returns:
      `[]`, `||other - first|| / ||first||`.
    """
    step = jax.tree.map(jnp.subtract, other, first)
    return _norm(step, free) / _norm(first, free)


def displaced(
    centre: ArrayTree,
    first: ArrayTree,
    second: ArrayTree,
    distance: float | jax.Array,
    *,
    free: ArrayTree,
) -> ArrayTree:
    """A start at a given displacement from a draw, towards another one.

    It is `perturbed`, by the strength that takes independent draws of one spread this
    far. What a pair lacks of the distance, a few percent by chance or most of it where
    the spread is too small, scaling the difference makes up. The distance is one of
    free entries, not of effective kernels: as `b` starts at 0 in LoRA and `skip`, no
    draw of `a` moves their kernels, and no start could be matched with theirs.

    Args:
      centre: mean of the draws.
      first: a draw.
      second: an independent draw.
      distance: `[]` of 0 or more, a number or traced, relative to the norm of `first`.
      free: booleans of the same shapes, False where entries are frozen.

    Returns:
      The start, whose `displacement` is `distance`; bit for bit `first` at 0. Frozen
      entries keep their bits.
    """
    length = distance * _norm(first, free)
    spread = _norm(jax.tree.map(jnp.subtract, first, centre), free)
    # Of orthogonal draws of this norm, the strength s moves one by sqrt(2 - 2 sqrt(1 -
    # s^2)) of the norm; solved for s.
    squared = jnp.minimum(jnp.square(length / spread), 2.0)
    strength = jnp.sqrt(squared - jnp.square(squared) / 4)
    towards = perturbed(centre, first, second, strength)
    step = jax.tree.map(jnp.subtract, towards, first)
    scale = length / _norm(step, free)

    def leaf(first: jax.Array, step: jax.Array, free: jax.Array) -> jax.Array:
        return jnp.where(free & (distance != 0), first + scale * step, first)

    return jax.tree.map(leaf, first, step, free)


def _norm(tree: ArrayTree, free: ArrayTree | None) -> jax.Array:
    if free is not None:
        tree = jax.tree.map(lambda x, kept: jnp.where(kept, x, 0.0), tree, free)
    return jnp.sqrt(sum(jnp.sum(jnp.square(x)) for x in jax.tree.leaves(tree)))


def cosine(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Cosine similarity of vectors along the last axis.

    All adapters share their frozen entries, which raise the similarity towards 1: pass
    the free entries only.

    Args:
      x: `[..., K]`.
      y: `[..., K]`.

    Returns:
      `[...]` in [-1, 1] up to rounding; 1 exactly for equal vectors, 0 if either vector
      is zero.

    Raises:
      ValueError: if the vectors differ in K.
    """
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    if x.shape[-1] != y.shape[-1]:
        raise ValueError(
            f"need two vectors of one length, got shapes {x.shape} and {y.shape}"
        )
    squares = np.square(x).sum(axis=-1) * np.square(y).sum(axis=-1)
    return (x * y).sum(axis=-1) / np.sqrt(np.where(squares > 0, squares, 1.0))


def barrier(qualities: np.ndarray) -> np.ndarray:
    """Mean quality at both ends of a segment minus the quality at its middle.

    Args:
      qualities: `[..., T]` PSNRs in dB at evenly spaced points of the segment between
        two fits, from one end to the other; T is odd.

    Returns:
      `[...]` in dB; positive where the middle is worse than the ends.

    Raises:
      ValueError: if T is even or less than 3.
    """
    qualities = _segment(qualities)
    points = qualities.shape[-1]
    if points % 2 == 0:
        raise ValueError(f"{points} points have no middle: need an odd number")
    ends = (qualities[..., 0] + qualities[..., -1]) / 2
    return ends - qualities[..., points // 2]


def worst_drop(qualities: np.ndarray) -> np.ndarray:
    """Largest shortfall of a segment below the straight line between its ends.

    Args:
      qualities: `[..., T]` PSNRs in dB at evenly spaced points of the segment between
        two fits, from one end to the other.

    Returns:
      `[...]` in dB; never negative, as both ends lie on the line.

    Raises:
      ValueError: if T is less than 3.
    """
    qualities = _segment(qualities)
    first, last = qualities[..., 0], qualities[..., -1]
    line = np.linspace(first, last, qualities.shape[-1], axis=-1)
    return (line - qualities).max(axis=-1)


def _segment(qualities: np.ndarray) -> np.ndarray:
    qualities = np.asarray(qualities, np.float64)
    if qualities.ndim == 0 or qualities.shape[-1] < 3:
        raise ValueError(
            f"need 3 points or more along the last axis, got shape {qualities.shape}"
        )
    return qualities
