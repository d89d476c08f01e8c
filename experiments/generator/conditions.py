"""Labels that condition the denoiser: a class, a k-means cluster, or none.

Clusters need no labelled data: k-means finds them among the encoded training instances.
Conditioned on a cluster, the denoiser has a simpler distribution to learn, and sampling
clusters with the frequencies of the training data keeps the samples diverse (Bao et al.
2022, "Why are conditional generative models better than unconditional ones?",
arXiv 2212.00362).
"""

import numpy as np
from sklearn.cluster import KMeans
from sklearn.metrics import pairwise_distances_argmin

from experiments.domain.data import Data

__all__ = ["NONE", "classes", "cluster", "clusters", "drawn", "labels", "shares"]

NONE = -1
"""Label -1: the denoiser predicts unconditionally."""


def clusters(g: int, vectors: np.ndarray, *, seed: int) -> dict[str, np.ndarray]:
    """Clusters encoded training instances by k-means.

    Args:
      g: G, number of clusters; 0 for none.
      vectors: `[N, M]` encoded training instances.
      seed: of k-means.

    Returns:
      `{"centres": [G, M], "shares": [G]}` float32, where `shares` is the fraction of
      the instances in each cluster; an empty dictionary if `g` is 0. `encoding.make`
      merges it into the encoding.

    Raises:
      ValueError: if there are fewer instances than clusters.
    """
    n = len(vectors)
    if not g:
        return {}
    if not 0 < g <= n:
        raise ValueError(
            f"diffusion.clusters={g} should be 0, or up to the {n} training instances"
        )
    kmeans = KMeans(g, n_init=4, random_state=seed).fit(vectors)
    counts = np.bincount(kmeans.labels_, minlength=g)
    return {
        "centres": kmeans.cluster_centers_.astype(np.float32),
        "shares": (counts / n).astype(np.float32),
    }


def cluster(vectors: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Index `[n]` of the row of `centres` `[G, M]` nearest to each vector `[n, M]`."""
    return pairwise_distances_argmin(vectors, centres).astype(np.int32)


def labels(
    conditional: bool,
    data: Data,
    encoding: dict,
    vectors: np.ndarray,
    rows: np.ndarray,
) -> np.ndarray:
    """Labels on which the denoiser is conditioned.

    Args:
      conditional: whether labels are the classes of the data set.
      data: the data set.
      encoding: of the generator; if it has cluster `centres`, labels are clusters.
      vectors: `[n, M]` encoded instances.
      rows: `[n]` indices of the instances in the data set.

    Returns:
      `[n]` int32: clusters, classes, or `NONE` for an unconditional generator.

    Raises:
      ValueError: if labels are to be classes and the data set has none.
    """
    if "centres" in encoding:
        return cluster(vectors, encoding["centres"])
    if conditional:
        return _classes(data)[rows]
    return np.full(len(vectors), NONE, np.int32)


def shares(conditional: bool, data: Data, encoding: dict) -> np.ndarray:
    """Fraction `[G]` of the labelled training instances that has each label.

    Empty for an unconditional generator. Arguments and errors as for `labels`.
    """
    if "shares" in encoding:
        return np.asarray(encoding["shares"])
    if not conditional:
        return np.zeros(0)
    known = _classes(data)
    train = known[~data.heldout & (known >= 0)]  # -1: an instance without a class.
    counts = np.bincount(train, minlength=known.max() + 1)
    return counts / counts.sum()


def drawn(shares: np.ndarray, n: int, *, seed: int) -> np.ndarray:
    """`n` independent labels, label g with probability `shares[g]`.

    Independent, so that samples are: distances of sets are corrected for the bias of
    independent samples only.

    Args:
      shares: `[G]` from `shares`; if it is empty, all labels are `NONE`.
      n: number of labels.
      seed: of the draws.
    """
    if not len(shares):
        return np.full(n, NONE, np.int32)
    chances = np.asarray(shares, np.float64)
    generator = np.random.default_rng(seed)
    return generator.choice(len(chances), n, p=chances / chances.sum()).astype(np.int32)


def classes(conditional: bool, labels: np.ndarray) -> np.ndarray:
    """`labels` `[n]` if they are classes of the data, `NONE` `[n]` if they are not."""
    return labels if conditional else np.full_like(labels, NONE)


def _classes(data: Data) -> np.ndarray:
    if data.labels is None:
        raise ValueError(
            "diffusion.conditional=True needs labels, but the data set has none; give "
            "it labels or leave diffusion.conditional=False"
        )
    return np.asarray(data.labels, np.int32)
