"""What the denoiser is told of an instance: its class, its cluster, or nothing.

Clusters are those of k-means in the latent. Told which one to draw from, a denoiser has
less left to decide, and samples are spread over clusters as instances are (Bao et al.
2022, "Why are conditional generative models better than unconditional ones?",
arXiv 2212.00362); no labels are needed.
"""

import numpy as np
from sklearn.cluster import KMeans
from sklearn.metrics import pairwise_distances_argmin

from experiments.domain.data import Data

__all__ = ["NONE", "classes", "cluster", "clusters", "labels", "shares", "spread"]

NONE = -1
"""The label of an instance of which nothing is told."""


def clusters(g: int, vectors: np.ndarray, *, seed: int) -> dict[str, np.ndarray]:
    """Clusters of encoded training instances `[N, M]`, a part of their encoding.

    Returns:
      `{"centres": [G, M], "shares": [G]}` float32, the second the share of instances
      that is in each; nothing if `g` is 0.

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
    found = KMeans(g, n_init=4, random_state=seed).fit(vectors)
    counts = np.bincount(found.labels_, minlength=g)
    return {
        "centres": found.cluster_centers_.astype(np.float32),
        "shares": (counts / n).astype(np.float32),
    }


def cluster(vectors: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Numbers `[n]` of the `centres` `[G, M]` nearest to `vectors` `[n, M]`."""
    return pairwise_distances_argmin(vectors, centres).astype(np.int32)


def labels(
    conditional: bool,
    data: Data,
    encoding: dict,
    vectors: np.ndarray,
    rows: np.ndarray,
) -> np.ndarray:
    """What the denoiser is told of encoded instances, `[n]` int32.

    Args:
      conditional: whether the denoiser is told the class.
      data: the data set.
      encoding: of the generator.
      vectors: `[n, M]` encoded instances.
      rows: `[n]` their numbers in the data set.

    Raises:
      ValueError: if it is to be told classes and the data set has none.
    """
    if "centres" in encoding:
        return cluster(vectors, encoding["centres"])
    if conditional:
        return _classes(data)[rows]
    return np.full(len(vectors), NONE, np.int32)


def shares(conditional: bool, data: Data, encoding: dict) -> np.ndarray:
    """Share of the training instances of which each label is told, `[G]`.

    Empty if nothing is told of any.

    Raises:
      ValueError: as `labels`.
    """
    if "shares" in encoding:
        return np.asarray(encoding["shares"])
    if not conditional:
        return np.zeros(0)
    seen = _classes(data)
    told = seen[~data.heldout & (seen >= 0)]  # Of -1 nothing is told.
    counts = np.bincount(told, minlength=seen.max() + 1)
    return counts / counts.sum()


def spread(shares: np.ndarray, n: int, *, seed: int) -> np.ndarray:
    """`n` labels in random order, each as often as its share says, to one more or less.

    Drawn at random instead, some labels come by chance more often than others, and
    1,000 samples of ten classes are further from the data than exact ones would be.
    """
    if not len(shares):
        return np.full(n, NONE, np.int32)
    ends = np.cumsum(shares, dtype=np.float64)
    places = (np.arange(n) + 0.5) / n * ends[-1]
    found = np.searchsorted(ends, places).astype(np.int32)
    return np.random.default_rng(seed).permutation(found)


def classes(conditional: bool, labels: np.ndarray) -> np.ndarray:
    """Those labels that are classes of the data: `NONE` in place of clusters."""
    return labels if conditional else np.full_like(labels, NONE)


def _classes(data: Data) -> np.ndarray:
    if data.labels is None:
        raise ValueError(
            "diffusion.conditional=True needs labels, but the data set has none; give "
            "it labels or leave diffusion.conditional=False"
        )
    return np.asarray(data.labels, np.int32)
