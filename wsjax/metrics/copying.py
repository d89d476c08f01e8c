"""Whether samples are copied from the training set, wholly, in part or under noise.

All measures compare distances to the nearest training things: those of samples with
those of held-out things, which are of the right distribution and copied from nothing. A
set may be rows of features, flattened pictures or weights.
"""

from typing import NamedTuple

import numpy as np
from scipy.stats import betabinom, norm
from sklearn.neighbors import NearestNeighbors

from wsjax.metrics.copy_measures import authentic_share, copying_score, z_score

__all__ = ["Copying", "Neighbours", "copying", "neighbours"]


class Neighbours(NamedTuple):
    """Where n rows lie about a training set.

    `distance` `[n]`: Euclidean, to the nearest training row; `ratio` `[n]`: that over
    the distance to the second nearest, in [0, 1], small next to one row alone, whatever
    the scale; `place` `[n]`: index of the nearest.
    """

    distance: np.ndarray
    ratio: np.ndarray
    place: np.ndarray


def neighbours(train: np.ndarray, rows: np.ndarray) -> Neighbours:
    """Finds the two nearest training rows of each row.

    Args:
      train: `[T, F]`, at least 2.
      rows: `[n, F]`.

    Raises:
      ValueError: if the widths differ, a set is too small, or a value is not finite.
    """
    if len(train) < 2:
        raise ValueError(f"two training rows are needed, got {len(train)}")
    distances, places = NearestNeighbors(n_neighbors=2).fit(train).kneighbors(rows)
    first, second = distances.T
    ratio = np.divide(first, second, out=np.ones_like(first), where=second > 0)
    return Neighbours(first, ratio, places[:, 0])


class Copying(NamedTuple):
    """How samples lie about the training set, beside how held-out instances do.

    `novelty`: median distance of the samples over that of held-out instances; `score`:
    the statistic of `copying_score`; `authentic` and `authentic_heldout`: shares by
    `authentic_share`; `near` and `single`: shares of samples whose distance, or whose
    ratio, is below the lowest hundredth of held-out instances; `p_near` and `p_single`:
    probabilities of such shares, or larger ones, if samples were like held-out
    instances; `z_near` and `z_single`: z-scores of the Mann-Whitney test of all
    distances, and of all ratios, below 0 if samples are nearer; `reasons`: why the
    samples count as copied, empty if they do not.
    """

    novelty: float
    score: float
    authentic: float
    authentic_heldout: float
    near: float
    p_near: float
    single: float
    p_single: float
    z_near: float
    z_single: float
    reasons: tuple[str, ...]


def copying(
    train: np.ndarray,
    heldout: np.ndarray,
    samples: np.ndarray,
    *,
    quantile: float = 0.01,
    level: float = 1e-3,
    cells: int = 10,
    seed: int = 0,
) -> Copying:
    """Judges whether samples are copied from the training set, wholly or in part.

    Two tests see a small share of copies, two a shift of all samples, and C_T a shift
    in some part of the space. The tests of the ratio see copies under noise of any
    strength that leaves the original the nearest.

    Args:
      train: `[T, F]` rows of the training set, at least 2.
      heldout: `[H, F]` rows of the held-out set, treated like samples: for weights,
        rendered from fits that went through the generator's latent.
      samples: `[N, F]` rows of the samples.
      quantile: of held-out instances below which a sample counts as near.
      level: probability below which chance is no explanation; z-scores and C_T are
        held against the same quantile of a normal distribution.
      cells: of `copying_score`, fewer if there are not 5 held-out rows for each.
      seed: of its k-means.

    Raises:
      ValueError: if the widths differ, a set is too small, or a value is not finite.
    """
    ours, real = neighbours(train, samples), neighbours(train, heldout)
    shares = {}
    for name, field in (("near", "distance"), ("single", "ratio")):
        pair = getattr(ours, field), getattr(real, field)
        shares[name], shares[f"p_{name}"] = _below(*pair, quantile)
        shares[f"z_{name}"] = z_score(*pair)
    middle = np.median(real.distance)
    cells = max(1, min(cells, len(heldout) // 5))
    found = Copying(
        novelty=float(np.median(ours.distance) / middle) if middle else np.nan,
        score=copying_score(train, heldout, samples, cells=cells, seed=seed),
        authentic=authentic_share(train, samples),
        authentic_heldout=authentic_share(train, heldout),
        reasons=(),
        **shares,
    )
    return found._replace(reasons=_reasons(found, quantile, level))


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
    for name, words in (("near", "nearest training instance"), ("single", "ratio")):
        share, p, z = (getattr(found, x) for x in (name, f"p_{name}", f"z_{name}"))
        if p < level:
            reasons.append(
                f"{share:.1%} of the samples are nearer ({words}) than the nearest "
                f"{quantile:.0%} of held-out instances, p = {p:.1g}"
            )
        if z < least:
            reasons.append(
                f"samples are nearer ({words}) than held-out instances, z = {z:.1f}"
            )
    if found.score < least:
        reasons.append(f"C_T = {found.score:.1f} is below {least:.1f}")
    return tuple(reasons)
