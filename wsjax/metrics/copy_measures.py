"""How much of a set of samples is copied from the training set.

All measures compare distances to the nearest training instance: those of samples with
those of held-out instances, which are of the right distribution and copied from
nothing. A set may be rows of features, flattened pictures or weights.
"""

import numpy as np
from scipy.stats import mannwhitneyu
from sklearn.cluster import KMeans
from sklearn.neighbors import NearestNeighbors

from wsjax.metrics.generation import nearest

__all__ = ["authentic_share", "copied_share", "copying_score", "z_score"]


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
            scores.append(z_score(ours, real))
            weights.append(len(real))
    return float(np.average(scores, weights=weights)) if scores else np.nan


def z_score(ours: np.ndarray, real: np.ndarray) -> float:
    """The z-score of the Mann-Whitney test of two samples of a number.

    Args:
      ours: `[n]`.
      real: `[m]`.

    Returns:
      Positive if `ours` are larger; about standard normal if both are alike.
    """
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
