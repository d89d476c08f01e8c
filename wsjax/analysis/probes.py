"""How well simple classifiers and clusterings recover classes from rows of numbers.

Rows `x` `[N, F]` are flattened weights or any other features, `y` `[N]` their classes
(numbers or strings), `heldout` `[N]` booleans that are True for the rows that a probe
is tested on and must not learn from. With `standardise`, every column is shifted and
scaled to mean 0 and variance 1 of the rows that the probe learns from.
"""

import numpy as np
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression
from sklearn.manifold import TSNE
from sklearn.metrics import adjusted_rand_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler

from wsjax.analysis.interval import share_interval

__all__ = [
    "LEAST_MAPPED",
    "can_map",
    "can_probe",
    "kmeans_ari",
    "logistic_accuracy",
    "one_nn_accuracy",
    "probe",
    "tsne",
]

LEAST_MAPPED = 4
"""Rows that `tsne` needs."""


def can_probe(y: np.ndarray | None, heldout: np.ndarray) -> bool:
    """Whether the probes have what they need.

    They need labels, rows to be tested on, and rows of two classes or more to learn
    from. Any two different labels are two classes: -1 and 7 as well as 0 and 1.

    Args:
      y: `[N]` classes, or None.
      heldout: `[N]` booleans.
    """
    if y is None or not np.any(heldout):
        return False
    return len(np.unique(np.asarray(y)[~np.asarray(heldout)])) > 1


def can_map(x: np.ndarray) -> bool:
    """Whether `tsne` can map these rows: `LEAST_MAPPED` or more, not all equal."""
    x = _matrix(x)
    return len(x) >= LEAST_MAPPED and bool(np.ptp(x, axis=0).any())


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
      heldout: `[N]` booleans; neighbours are sought among the other rows.
      metric: "cosine" or "euclidean".
      standardise: whether to standardise the columns first.

    Returns:
      The accuracy in [0, 1].

    Raises:
      ValueError: if `y` or `heldout` is not one entry per row, unless
        `can_probe(y, heldout)`, or if the metric is unknown.
    """
    if metric not in ("cosine", "euclidean"):
        raise ValueError(f"metric must be 'cosine' or 'euclidean', got {metric!r}")
    classifier = KNeighborsClassifier(n_neighbors=1, metric=metric)
    return _heldout_accuracy(classifier, x, y, heldout, standardise)


def logistic_accuracy(
    x: np.ndarray,
    y: np.ndarray,
    heldout: np.ndarray,
    *,
    inverse_penalty: float = 1.0,
    standardise: bool = True,
) -> float:
    """Share of held-out rows that multinomial logistic regression classifies rightly.

    Args:
      x: `[N, F]` features.
      y: `[N]` classes.
      heldout: `[N]` booleans; the regression learns from the other rows.
      inverse_penalty: weight of the data's loss relative to half the squared norm of
        the coefficients (scikit-learn's C); smaller values regularise more.
      standardise: whether to standardise the columns first.

    Returns:
      The accuracy in [0, 1].

    Raises:
      ValueError: as `one_nn_accuracy`, except for the metric.
    """
    classifier = LogisticRegression(C=inverse_penalty, solver="lbfgs", max_iter=2000)
    return _heldout_accuracy(classifier, x, y, heldout, standardise)


def kmeans_ari(
    x: np.ndarray, y: np.ndarray, *, seed: int = 0, standardise: bool = True
) -> float:
    """Adjusted Rand index (Hubert and Arabie 1985) of k-means clusters and classes.

    Args:
      x: `[N, F]` features. All rows are clustered, into as many clusters as there are
        classes; all of them set the scale of the columns.
      y: `[N]` classes; the clustering does not see them.
      seed: of the ten starts, of which the tightest clustering counts.
      standardise: whether to standardise the columns first.

    Returns:
      The index: 1 for the same partition, 0 on average for unrelated ones.

    Raises:
      ValueError: if `y` is not one entry per row, or holds one class only.
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
    """The three probes with their defaults, by the names of their functions.

    Arguments and errors are those of `one_nn_accuracy`; `seed` is that of `kmeans_ari`,
    which sees all rows. With `_ci95` at its end a name stands for half the width of the
    95 % confidence interval of that accuracy, over the held-out rows.
    """
    found = {
        "one_nn_accuracy": one_nn_accuracy(x, y, heldout, standardise=standardise),
        "logistic_accuracy": logistic_accuracy(x, y, heldout, standardise=standardise),
    }
    tested = int(np.sum(heldout))
    found |= {f"{k}_ci95": share_interval(v, tested) for k, v in found.items()}
    found["kmeans_ari"] = kmeans_ari(x, y, seed=seed, standardise=standardise)
    return found


def tsne(x: np.ndarray, *, perplexity: float = 30.0, seed: int = 0) -> np.ndarray:
    """A map of the rows in the plane; van der Maaten and Hinton 2008.

    Args:
      x: `[N, F]` features.
      perplexity: effective number of neighbours per row, at most (N - 1) / 3: larger
        values are lowered to that.
      seed: of the optimisation.

    Returns:
      `[N, 2]` places without unit: only which rows are near each other means anything.

    Raises:
      ValueError: unless `can_map(x)`.
    """
    x = _matrix(x)
    if len(x) < LEAST_MAPPED:
        raise ValueError(f"t-SNE needs {LEAST_MAPPED} rows or more, got {len(x)}")
    if not can_map(x):  # On these, scikit-learn does not fail but crash.
        raise ValueError(f"t-SNE needs different rows, but all {len(x)} are equal")
    start = "pca" if x.shape[1] > 1 else "random"
    perplexity = min(perplexity, (len(x) - 1) / 3)
    plane = TSNE(2, perplexity=perplexity, init=start, random_state=seed)
    return plane.fit_transform(x)


def _heldout_accuracy(
    classifier: KNeighborsClassifier | LogisticRegression,
    x: np.ndarray,
    y: np.ndarray,
    heldout: np.ndarray,
    standardise: bool,
) -> float:
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
    return float(classifier.fit(train, y[~heldout]).score(test, y[heldout]))


def _labelled(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    x, y = _matrix(x), np.asarray(y)
    if y.shape != (len(x),):
        raise ValueError(f"need one label per row: {len(x)} rows, labels {y.shape}")
    if len(np.unique(y)) < 2:
        raise ValueError(f"labels need two classes or more, got {np.unique(y)} only")
    return x, y


def _matrix(x: np.ndarray) -> np.ndarray:
    x = np.asarray(x, np.float64)
    if x.ndim != 2:
        raise ValueError(f"features must be a matrix [N, F], got shape {x.shape}")
    return x
