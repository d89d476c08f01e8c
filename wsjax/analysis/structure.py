"""Whether fits from unlike starts end in one linear mode; section 4.2 of the paper.

Two fits of one instance, the second from a start perturbed by a strength: how similar
are their weights, and how much worse is the field between them?
"""

import chex
import jax
import jax.numpy as jnp
import numpy as np
from chex import ArrayTree

LAMBDAS = tuple((np.linspace(0.0, 0.5**0.25, 10) ** 2).tolist())
"""Strengths of the perturbation in the authors' code: 0 to sqrt(1/2), denser at 0."""


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
      strength: `[]` in [0, 1], a number or traced; NaN comes of more than 1.

    Returns:
      The start: bit for bit `first` at 0, `second` at 1, and an entry that is the same
      in all three, as frozen ones are.
    """
    chex.assert_trees_all_equal_shapes(centre, first, second)
    keep = jnp.sqrt(1 - strength**2)

    # Selected, as arithmetic loses the tiniest numbers, the sign of 0 and last bits.
    def leaf(centre, first, second):
        mixed = centre + keep * (first - centre) + strength * (second - centre)
        frozen = (first == centre) & (second == centre)
        mixed = jnp.where(frozen, centre, mixed)
        return jnp.select([strength == 0, strength == 1], [first, second], mixed)

    return jax.tree.map(leaf, centre, first, second)


def cosine(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Cosine similarity of vectors along the last axis.

    Frozen entries are shared and bring the similarity near 1: give free ones only.

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
    """Mean quality of both ends of a segment minus that of its middle.

    Args:
      qualities: `[..., T]` PSNRs in dB at evenly spaced points of the segment between
        two fits, both ends among them; T is odd.

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
        two fits, both ends among them.

    Returns:
      `[...]` in dB; never negative, as the ends themselves fall short by 0.

    Raises:
      ValueError: if T is less than 3.
    """
    qualities = _segment(qualities)
    first, last = qualities[..., 0], qualities[..., -1]
    line = np.linspace(first, last, qualities.shape[-1], axis=-1)
    return (line - qualities).max(axis=-1)


def _segment(qualities) -> np.ndarray:
    qualities = np.asarray(qualities, np.float64)
    if qualities.ndim == 0 or qualities.shape[-1] < 3:
        raise ValueError(
            f"need 3 points or more along the last axis, got shape {qualities.shape}"
        )
    return qualities
