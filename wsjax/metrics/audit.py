"""Whether a generator learnt anything: it must beat copies, noise and averages.

Zeng et al. 2025 ("Generative Modeling of Weights: Generalization or Memorization?")
found generators of weights that reproduce their training checkpoints, and that are no
better than noise on them. This module judges figures that others measure; every
distance is one to held-out instances, from which copies gain nothing.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

__all__ = ["Audit", "LEAST_NOVELTY", "at_novelty", "audit"]

LEAST_NOVELTY = 0.9
"""Novelty below which samples lie nearer to training instances than new ones do."""


class Audit(NamedTuple):
    """The verdict on a generator.

    `novelty`: median distance of its samples to the nearest training instance, over
    the same median of held-out instances; `fd`: Fréchet distance of its samples to
    held-out instances; `fd_add_noise`: that of training weights with noise, at the same
    novelty; `fd_average_two`: that of means of two training weights; `reasons`: why it
    failed, empty if it passed.
    """

    novelty: float
    fd: float
    fd_add_noise: float
    fd_average_two: float
    passed: bool
    reasons: tuple[str, ...]


def audit(
    *,
    novelty: float,
    fd: float,
    add_noise: Sequence[tuple[float, float]],
    average_two: float,
    least: float = LEAST_NOVELTY,
) -> Audit:
    """Judges a generator by its novelty and by what trivial generators reach.

    Args:
      novelty: of its samples in function space, 1 for samples like held-out instances.
      fd: Fréchet distance of its samples to held-out instances.
      add_noise: `(novelty, fd)` of training weights with noise, at several scales.
      average_two: `fd` of the means of two training weights.
      least: smallest novelty that passes.

    Returns:
      The verdict. A figure that is not a number, as the novelty on data without any
      variance is, fails.

    Raises:
      ValueError: as `at_novelty`.
    """
    noisy = at_novelty(add_noise, novelty)
    reasons = []
    if np.isnan(novelty):
        reasons.append("novelty is not a number")
    elif novelty < least:
        reasons.append(f"novelty {novelty:.3g} is below {least:g}: nearly copies")
    if not fd < noisy:
        reasons.append(
            f"FD {fd:.4g} is not below the {noisy:.4g} of noise on training weights at "
            "the same novelty"
        )
    if not fd < average_two:
        reasons.append(
            f"FD {fd:.4g} is not below the {average_two:.4g} of averages of two "
            "training weights"
        )
    return Audit(novelty, fd, noisy, average_two, not reasons, tuple(reasons))


def at_novelty(curve: Sequence[tuple[float, float]], novelty: float) -> float:
    """The distance that a generator of several settings reaches at some novelty.

    The curve is linear between the settings and constant beyond its ends. A setting
    that is both more novel and nearer replaces those of less novelty, so that the
    distance never falls as novelty grows.

    Args:
      curve: `(novelty, distance)` of each setting, in any order.
      novelty: at which the curve is read.

    Returns:
      The distance; NaN if `novelty` or any number of the curve is not finite.

    Raises:
      ValueError: if the curve is empty or holds anything but pairs.
    """
    points = np.asarray(curve, np.float64)
    if points.ndim != 2 or points.shape[1] != 2:
        raise ValueError(f"need pairs (novelty, distance), got {list(curve)}")
    if not np.isfinite([*points.flat, novelty]).all():
        return np.nan
    novelties, distances = points[np.lexsort(points.T[::-1])].T
    lowest = np.minimum.accumulate(distances[::-1])[::-1]
    return float(np.interp(novelty, novelties, lowest))
