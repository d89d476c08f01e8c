"""Whether samples are copied from the training set, wholly, in part or under noise.

All measures compare where samples lie about the training set with where held-out things
do, which are of the right distribution and copied from nothing. A set may be rows of
features, flattened pictures or weights.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.stats import betabinom, norm

from wsjax.metrics.copy_measures import Neighbours, neighbours, shift, z_score

__all__ = ["Copying", "cells_for", "compared", "copying", "refused"]


class Copying(NamedTuple):
    """How samples lie about the training set, beside how held-out things do.

    `novelty`: median distance of the samples over that of held-out things; `ct` and
    `ct_z`: from `copy_measures.shift`; `authentic_fraction` and
    `authentic_fraction_floor`: share of the samples, and of held-out things, that are
    no noisy copies; `copy_fraction` and `single_fraction`: shares of samples whose
    distance, or whose ratio, is below the lowest hundredth of held-out things; `copy_p`
    and `single_p`: probabilities of such shares, or larger ones, if samples were like
    held-out things; `copy_z` and `single_z`: z-scores of the Mann-Whitney test of all
    distances, and of all ratios, below 0 if samples are nearer; `reasons`: why the
    samples count as copied, empty if they do not.
    """

    novelty: float
    ct: float
    ct_z: float
    authentic_fraction: float
    authentic_fraction_floor: float
    copy_fraction: float
    copy_p: float
    copy_z: float
    single_fraction: float
    single_p: float
    single_z: float
    reasons: tuple[str, ...]


def copying(
    train: np.ndarray, heldout: np.ndarray, samples: np.ndarray, *, seed: int = 0
) -> Copying:
    """Judges whether samples are copied from the training set, wholly or in part.

    Args:
      train: `[T, F]` rows of the training set, at least 2.
      heldout: `[H, F]` rows of the held-out set, treated like samples: for weights,
        rendered from fits that went through the generator's latent.
      samples: `[N, F]` rows of the samples.
      seed: of the cells.

    Raises:
      ValueError: if the widths differ, a set is too small, or a value is not finite.
    """
    find = neighbours(train, cells=cells_for(len(heldout)), seed=seed)
    return compared(find(samples), find(heldout))


def cells_for(heldout: int) -> int:
    """Number of cells that so many held-out rows allow: 10, or 5 rows for each."""
    return max(1, min(10, heldout // 5))


def compared(
    ours: Neighbours, real: Neighbours, *, quantile: float = 0.01, level: float = 1e-3
) -> Copying:
    """Judges samples by where they and held-out things lie about one training set.

    Two tests see a small share of copies, two a shift of all samples, and the z-score
    of C_T a shift in some part of the space. The tests of the ratio see copies under
    noise of any strength that leaves the original the nearest.

    Args:
      ours: where the samples lie.
      real: where held-out things lie.
      quantile: of held-out things below which a sample counts as near.
      level: probability below which chance is no explanation; z-scores are held
        against the same quantile of a normal distribution.
    """
    copy, single = (
        (*_below(*pair, quantile), z_score(*pair))
        for pair in ((ours.distance, real.distance), (ours.ratio, real.ratio))
    )
    middle = np.median(real.distance)
    found = Copying(
        float(np.median(ours.distance) / middle) if middle else np.nan,
        *shift(ours, real),
        float(ours.authentic.mean()),
        float(real.authentic.mean()),
        *copy,
        *single,
        reasons=(),
    )
    return found._replace(reasons=_reasons(found, quantile, level))


def refused(
    views: Sequence[tuple[Neighbours, Neighbours, Neighbours]],
    *,
    shares: Sequence[float],
    repeats: int = 20,
    seed: int = 0,
) -> dict[float, float]:
    """How often samples are refused when a share of them gives way to copies.

    Says how strict `compared` is on these data, with so many samples.

    Args:
      views: where samples lie, where copies lie, of which each draw takes some at
        random, and where held-out things lie; once for each form of the training set:
        as it is, and as it is rebuilt. One of them is enough to refuse.
      shares: of the samples that give way.
      repeats: draws of each share.
      seed: of the draws.

    Returns:
      By share, the fraction of the draws that are refused.
    """
    n, m = (len(x.distance) for x in views[0][:2])
    generator, found = np.random.default_rng(seed), {}
    for share in shares:
        counts = []
        for _ in range(repeats):
            kept = generator.permutation(n)[round(share * n) :]
            some = generator.integers(0, m, n - len(kept))
            counts.append(
                any(
                    compared(_mixed(ours, kept, copies, some), real).reasons
                    for ours, copies, real in views
                )
            )
        found[share] = float(np.mean(counts))
    return found


def _mixed(
    ours: Neighbours, kept: np.ndarray, copies: Neighbours, some: np.ndarray
) -> Neighbours:
    """Rows `kept` of one and `some` of the other."""
    pairs = zip(ours, copies, strict=True)
    return Neighbours(*(np.append(x[kept], y[some]) for x, y in pairs))


def _below(ours: np.ndarray, real: np.ndarray, quantile: float) -> tuple[float, float]:
    """Share of `ours` below the lowest of `real`, and the probability of so many.

    Where both are of one distribution, the number below the k-th lowest of m real ones
    is beta-binomial with parameters k and m + 1 - k, whatever the distribution.
    """
    k, m = max(1, round(quantile * len(real))), len(real)
    count = int((ours < np.sort(real)[k - 1]).sum())
    return count / len(ours), float(betabinom.sf(count - 1, len(ours), k, m + 1 - k))


def _reasons(found: Copying, quantile: float, level: float) -> tuple[str, ...]:
    least, reasons = norm.ppf(level), []
    for name, words in (("copy", "nearest training instance"), ("single", "ratio")):
        share, p, z = (getattr(found, f"{name}_{x}") for x in ("fraction", "p", "z"))
        if p < level:
            reasons.append(
                f"{share:.1%} of the samples are nearer ({words}) than the nearest "
                f"{quantile:.0%} of held-out instances, p = {p:.1g}"
            )
        if z < least:
            reasons.append(
                f"samples are nearer ({words}) than held-out instances, z = {z:.1f}"
            )
    if found.ct_z < least:
        reasons.append(
            f"C_T = {found.ct:.1f} is {-found.ct_z:.1f} of its standard deviations "
            "below 0: in some part of the space samples are nearer than held-out "
            "instances"
        )
    return tuple(reasons)
