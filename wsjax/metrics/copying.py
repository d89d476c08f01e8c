"""How much of a set of samples is copied from the training set.

All measures compare distances to the nearest training instance: those of samples with
those of held-out instances, which are of the right distribution and copied from
nothing. A set may be rows of features, flattened pictures or weights.
"""

from typing import NamedTuple

import numpy as np
from scipy.stats import betabinom, mannwhitneyu, norm
from sklearn.cluster import KMeans
from sklearn.neighbors import NearestNeighbors

from wsjax.metrics.generation import nearest

__all__ = ["Copying", "authentic_share", "copied_share", "copying", "copying_score"]


def copying_score(
    train: np.ndarray,
    heldout: np.ndarray,
    samples: np.ndarray,
    *,
    cells: int = 10,
    least: int = 5,
    seed: int = 0,
) -> float:
    """The test statistic C_T for data copying; Meehan et al. 2020.

    k-means parts the training set into cells. In each cell a Mann-Whitney test asks
    whether samples are nearer to the training set than held-out instances are; C_T is
    the mean of its z-scores, weighted by the share of held-out instances.

    Args:
      train: `[T, F]` rows of the training set.
      heldout: `[H, F]` rows of the held-out set.
      samples: `[N, F]` rows of the samples.
      cells: number of cells, at most T.
      least: fewest held-out rows, and fewest samples, of a cell that counts.
      seed: of k-means.

    Returns:
      About 0 for samples like held-out instances, below -3 for copies, above 3 for
      samples that are too far away; NaN if no cell has rows enough.

    Raises:
      ValueError: if the widths differ, a set is empty, a value is not finite, or there
        are more cells than training rows.
    """
    far = nearest(heldout, train)[0], nearest(samples, train)[0]
    if not 0 < cells <= len(train):
        raise ValueError(
            f"cells={cells}: expected 1 to the {len(train)} training rows; give fewer"
        )
    parts = KMeans(cells, n_init=4, random_state=seed).fit(np.asarray(train, float))
    place = [parts.predict(np.asarray(x, float)) for x in (heldout, samples)]
    scores, weights = [], []
    for cell in range(cells):
        real, ours = (d[at == cell] for d, at in zip(far, place, strict=True))
        if min(len(real), len(ours)) >= least:
            scores.append(_z(ours, real))
            weights.append(len(real))
    return float(np.average(scores, weights=weights)) if scores else np.nan


def _z(ours: np.ndarray, real: np.ndarray) -> float:
    """The z-score of the Mann-Whitney statistic; positive if `ours` are larger."""
    n, m = len(ours), len(real)
    larger = mannwhitneyu(ours, real).statistic  # Pairs in which `ours` is larger.
    return (larger - n * m / 2) / np.sqrt(n * m * (n + m + 1) / 12)


def authentic_share(train: np.ndarray, samples: np.ndarray) -> float:
    """The share of samples that are no noisy copies; Alaa et al. 2022, section 3.

    A sample counts as a copy if it is nearer to its nearest training instance than that
    instance is to any other.

    Args:
      train: `[T, F]` rows of the training set, at least 2.
      samples: `[N, F]` rows of the samples.

    Returns:
      The share, in [0, 1]; compare it with that of held-out instances, which is not 1.

    Raises:
      ValueError: if the widths differ, a set is too small, or a value is not finite.
    """
    distances, places = nearest(samples, train)
    if len(train) < 2:
        raise ValueError(f"authenticity needs two training rows, got {len(train)}")
    apart = NearestNeighbors(n_neighbors=1).fit(train).kneighbors()[0][:, 0]
    return float(np.mean(distances > apart[places]))


def copied_share(
    train: np.ndarray,
    heldout: np.ndarray,
    samples: np.ndarray,
    *,
    quantile: float = 0.05,
    ratio: float = 1 / 3,
) -> dict[str, float]:
    """Shares of samples that are suspiciously near to one training instance.

    Args:
      train: `[T, F]` rows of the training set, at least 2.
      heldout: `[H, F]` rows of the held-out set.
      samples: `[N, F]` rows of the samples.
      quantile: of the distances of held-out instances below which a sample is near.
      ratio: of the distances to the nearest and to the second nearest training instance
        below which a sample is a copy of the nearest (Yoon et al. 2023).

    Returns:
      `near`, which is about `quantile` for samples like held-out instances, and
      `ratio`, which is the share by the second rule.

    Raises:
      ValueError: if the widths differ, a set is too small, or a value is not finite.
    """
    distances, _ = nearest(samples, train)
    limit = np.quantile(nearest(heldout, train)[0], quantile)
    if len(train) < 2:
        raise ValueError(f"the ratio needs two training rows, got {len(train)}")
    two = NearestNeighbors(n_neighbors=2).fit(train).kneighbors(samples)[0]
    return {
        "near": float(np.mean(distances < limit)),
        "ratio": float(np.mean(two[:, 0] < ratio * two[:, 1])),
    }


class Copying(NamedTuple):
    """How samples lie about the training set, beside how held-out instances do.

    d1 and d2 are the distances to the nearest and to the second nearest training
    instance; the ratio d1 / d2 is small next to one instance alone, whatever the scale.

    `novelty`: median d1 of the samples over that of held-out instances; `score`: the
    statistic of `copying_score`; `authentic` and `authentic_heldout`: shares by
    `authentic_share`; `near` and `single`: shares of samples whose d1, or whose ratio,
    is below the lowest hundredth of held-out instances; `p_near` and `p_single`:
    probabilities of such shares, or larger ones, if samples were like held-out
    instances; `z_near` and `z_single`: z-scores of the Mann-Whitney test of all d1, and
    of all ratios, below 0 if samples are nearer; `reasons`: why the samples count as
    copied, empty if they do not.
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
    if len(train) < 2:
        raise ValueError(f"two training rows are needed, got {len(train)}")
    two = NearestNeighbors(n_neighbors=2).fit(train)
    (near, near_real), (ratio, ratio_real) = zip(
        *(_distances(two, x) for x in (samples, heldout)), strict=True
    )
    shares = {}
    for name, ours, real in (("near", near, near_real), ("single", ratio, ratio_real)):
        shares[name], shares[f"p_{name}"] = _below(ours, real, quantile)
        shares[f"z_{name}"] = _z(ours, real)
    middle = np.median(near_real)
    cells = max(1, min(cells, len(heldout) // 5))
    found = Copying(
        novelty=float(np.median(near) / middle) if middle else np.nan,
        score=copying_score(train, heldout, samples, cells=cells, seed=seed),
        authentic=authentic_share(train, samples),
        authentic_heldout=authentic_share(train, heldout),
        reasons=(),
        **shares,
    )
    return found._replace(reasons=_reasons(found, quantile, level))


def _distances(
    two: NearestNeighbors, rows: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Distances to the nearest training row, and ratios to the second nearest."""
    first, second = two.kneighbors(rows)[0].T
    return first, np.divide(first, second, out=np.ones_like(first), where=second > 0)


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
