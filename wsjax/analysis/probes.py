"""How much a simple reader finds out about an instance from its row of numbers.

Rows `x` `[N, F]` are flattened weights or any other features, `y` `[N]` their classes,
`heldout` `[N]` booleans that are True for the rows a probe may not learn from. With
`standardise` every column is brought to mean 0 and variance 1, as measured on the rows
that the probe learns from.
"""

import numpy as np
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression
from sklearn.manifold import TSNE
from sklearn.metrics import adjusted_rand_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler


def one_nn_accuracy(
    x: np.ndarray,
    y: np.ndarray,
    heldout: np.ndarray,
    *,
    metric: str = "cosine",
    standardise: bool = True,
) -> float:
    """Share of held-out rows whose nearest other row is of the same class.

    Args:
      x: `[N, F]` features.
      y: `[N]` classes.
      heldout: `[N]` booleans; neighbours are looked for among the other rows.
      metric: "cosine" or "euclidean".
      standardise: whether to standardise the columns first.

    Returns:
      The accuracy in [0, 1].

    Raises:
      ValueError: if `y` or `heldout` is not one entry per row, `heldout` selects
        nothing or everything, there is only one class, or the metric is unknown.
    """
    if metric not in ("cosine", "euclidean"):
        raise ValueError(f"metric must be 'cosine' or 'euclidean', got {metric!r}")
    reader = KNeighborsClassifier(n_neighbors=1, metric=metric)
    return _heldout_accuracy(reader, x, y, heldout, standardise)


def logistic_accuracy(
    x: np.ndarray,
    y: np.ndarray,
    heldout: np.ndarray,
    *,
    inverse_penalty: float = 1.0,
    standardise: bool = True,
) -> float:
    """Share of held-out rows that multinomial logistic regression gets right.

    Args:
      x: `[N, F]` features.
      y: `[N]` classes.
      heldout: `[N]` booleans; the other rows are learnt from.
      inverse_penalty: weight of the data against half the squared norm of the
        coefficients (scikit-learn's C); smaller is smoother.
      standardise: whether to standardise the columns first.

    Returns:
      The accuracy in [0, 1].

    Raises:
      ValueError: as `one_nn_accuracy`, except for the metric.
    """
    reader = LogisticRegression(C=inverse_penalty, solver="lbfgs", max_iter=2000)
    return _heldout_accuracy(reader, x, y, heldout, standardise)


def kmeans_ari(
    x: np.ndarray, y: np.ndarray, *, seed: int = 0, standardise: bool = True
) -> float:
    """Adjusted Rand index (Hubert and Arabie 1985) of k-means clusters and classes.

    Args:
      x: `[N, F]` features, all of them clustered, into as many clusters as classes.
      y: `[N]` classes; the clustering does not see them.
      seed: of the ten starts, of which the tightest clustering counts.
      standardise: whether to standardise the columns first.

    Returns:
      The index: 1 for the same partition, 0 on average for unrelated ones.

    Raises:
      ValueError: if `y` is not one entry per row or holds only one class.
    """
    x, y = _labelled(x, y)
    if standardise:
        x = StandardScaler().fit_transform(x)
    clusters = KMeans(len(np.unique(y)), n_init=10, random_state=seed).fit_predict(x)
    return float(adjusted_rand_score(y, clusters))


def probe(
    x: np.ndarray,
    y: np.ndarray,
    heldout: np.ndarray,
    *,
    seed: int = 0,
    standardise: bool = True,
) -> dict[str, float]:
    """All three probes with their defaults, named as their functions.

    Args and errors as `one_nn_accuracy`; `seed` as `kmeans_ari`, which sees all rows.
    """
    return {
        "one_nn_accuracy": one_nn_accuracy(x, y, heldout, standardise=standardise),
        "logistic_accuracy": logistic_accuracy(x, y, heldout, standardise=standardise),
        "kmeans_ari": kmeans_ari(x, y, seed=seed, standardise=standardise),
    }


def tsne(x: np.ndarray, *, perplexity: float = 30.0, seed: int = 0) -> np.ndarray:
    """A map of the rows in the plane; van der Maaten and Hinton 2008.

    Args:
      x: `[N, F]` features.
      perplexity: effective number of neighbours per row. Small sets cannot have that
        many: it is lowered to (N - 1) / 3 where that is less.
      seed: of the optimisation.

    Returns:
      `[N, 2]` places, without unit: only who is near whom means anything.

    Raises:
      ValueError: if there are fewer than 4 rows.
    """
    x = _matrix(x)
    if len(x) < 4:
        raise ValueError(f"t-SNE needs 4 rows or more, got {len(x)}")
    start = "pca" if x.shape[1] > 1 else "random"
    perplexity = min(perplexity, (len(x) - 1) / 3)
    plane = TSNE(2, perplexity=perplexity, init=start, random_state=seed)
    return plane.fit_transform(x)


def _heldout_accuracy(reader, x, y, heldout, standardise: bool) -> float:
    x, y = _labelled(x, y)
    heldout = np.asarray(heldout)
    if heldout.shape != y.shape or heldout.dtype != bool:
        raise ValueError(
            f"heldout must be {len(y)} booleans, one per row, "
            f"got shape {heldout.shape} of {heldout.dtype}"
        )
    if heldout.all() or not heldout.any():
        selected = "everything" if heldout.all() else "nothing"
        raise ValueError(
            f"heldout selects {selected}: no rows to learn from or to test"
        )
    if len(np.unique(y[~heldout])) < 2:
        raise ValueError("the rows that are not held out hold only one class")
    train, test = x[~heldout], x[heldout]
    if standardise:
        scaler = StandardScaler().fit(train)
        train, test = scaler.transform(train), scaler.transform(test)
    return float(reader.fit(train, y[~heldout]).score(test, y[heldout]))


def _labelled(x, y) -> tuple[np.ndarray, np.ndarray]:
    x, y = _matrix(x), np.asarray(y)
    if y.shape != (len(x),):
        raise ValueError(f"need one label per row: {len(x)} rows, labels {y.shape}")
    if len(np.unique(y)) < 2:
        raise ValueError(f"labels need two classes or more, got {np.unique(y)} only")
    return x, y


def _matrix(x) -> np.ndarray:
    x = np.asarray(x, np.float64)
    if x.ndim != 2:
        raise ValueError(f"features must be a matrix [N, F], got shape {x.shape}")
    return x
