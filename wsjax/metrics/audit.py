"""Whether a generator learnt anything: it must beat copies, noise and averages.

Generators of weights have been found to hand out their training checkpoints, and to be
no better than noise on them (Zeng et al. 2025, "Generative Modeling of Weights:
Generalization or Memorization?"). The figures judged here are measured elsewhere; every
distance is one to held-out instances, which copies cannot profit from.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

LEAST_NOVELTY = 0.9
"""Novelty below which samples lie nearer to training instances than new ones do."""


class Audit(NamedTuple):
    """The verdict on a generator.

    `novelty`: median distance of its samples to the nearest training instance, over
    that of held-out instances; `fd`: its distance to held-out instances;
    `fd_add_noise`: that of training weights with noise, at the same novelty;
    `fd_average_two`: that of means of two training weights; `reasons`: what it failed
    by, nothing if it passed.
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
      fd: distance of its samples to held-out instances.
      add_noise: `(novelty, fd)` of training weights with noise, at several scales.
      average_two: `fd` of the means of two training weights.
      least: novelty that is needed.

    Returns:
      The verdict. What is not a number fails.

    Raises:
      ValueError: as `at_novelty`.
    """
    noisy = at_novelty(add_noise, novelty)
    reasons = []
    if not novelty >= least:
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

    Linear between the settings. A setting that is more novel and nearer as well takes
    the place of those below it, so that the distance never falls with novelty; beyond
    the ends it stays what it is there.

    Args:
      curve: `(novelty, distance)` of each setting, in any order.
      novelty: where it is asked for.

    Returns:
      The distance; not a number if `novelty` is not.

    Raises:
      ValueError: if the curve is empty or holds a value that is not finite.
    """
    points = np.asarray(curve, np.float64)
    if points.ndim != 2 or points.shape[1] != 2 or not np.isfinite(points).all():
        raise ValueError(f"need finite pairs (novelty, distance), got {list(curve)}")
    novelties, distances = points[np.lexsort(points.T[::-1])].T
    lowest = np.minimum.accumulate(distances[::-1])[::-1]
    return float(np.interp(novelty, novelties, lowest))
