"""Feature spaces learnt from real pictures or rows, for distances between sets.

Pictures are arrays `[N, ...]` of any shape and any range of values; a feature function
takes pictures of the shape and the range that it was made from.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from sklearn.decomposition import PCA
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import normalize

__all__ = [
    "Classifier",
    "classifier",
    "has_classes",
    "live",
    "most_components",
    "most_features",
    "pixel_pca",
    "random_network",
    "reduced",
    "residual",
    "unit",
]


_WIDTH = 128  # Of the random network.
_ROUNDING = 1e-5  # Times the largest spread: what is less is rounding.


class Classifier(NamedTuple):
    """A trained classifier of pictures.

    `probabilities(pictures [N, ...]) -> [N, len(classes)]`, columns in the order of
    `classes`; `features(pictures [N, ...]) -> [N, F]`, the last hidden activations.
    """

    probabilities: Callable[[np.ndarray], np.ndarray]
    features: Callable[[np.ndarray], np.ndarray]
    classes: np.ndarray


def most_components(real: np.ndarray) -> int:
    """Largest number of components of `pixel_pca` that these pictures allow."""
    return min(len(real), int(np.prod(real.shape[1:])))


def pixel_pca(
    real: np.ndarray, *, components: int = 32
) -> Callable[[np.ndarray], np.ndarray]:
    """Coordinates along the main axes of the real pictures, not whitened.

    Args:
      real: `[N, ...]` real pictures.
      components: number of axes.

    Returns:
      `features(pictures [M, ...]) -> [M, components]`, in units of pixel values.

    Raises:
      ValueError: if `components` is above `most_components(real)`; from `features`,
        if the pictures have another shape than the real ones.
    """
    rows, shape = _rows(real, real.shape[1:]), real.shape[1:]
    if components > most_components(real):
        raise ValueError(
            f"{components} components need as many pictures and pixels, "
            f"got {rows.shape[0]} and {rows.shape[1]}"
        )
    # Both are exact; the first is the quicker one for many small pictures.
    solver = "covariance_eigh" if rows.shape[0] >= rows.shape[1] else "full"
    # Equal pictures have no variance: PCA divides 0 by 0 for shares nobody reads.
    with np.errstate(invalid="ignore"):
        pca = PCA(components, svd_solver=solver).fit(rows)
    return lambda pictures: pca.transform(_rows(pictures, shape))


def random_network(
    real: np.ndarray, *, components: int = 32, seed: int = 0
) -> Callable[[np.ndarray], np.ndarray]:
    """Outputs of a network with random weights, on whitened main axes of real rows.

    Two layers of 128 with He's normal weights (He et al. 2015, equation 10), normal
    biases and ReLU. A Fréchet distance of components compares means and covariances,
    which a Gaussian has as they are; of these features it tells forms apart, too.

    Args:
      real: `[N, ...]` real pictures or rows.
      components: number of axes.
      seed: of the weights.

    Returns:
      `features(rows [M, ...]) -> [M, 128]`, non-negative.

    Raises:
      ValueError: as `pixel_pca`.
    """
    axes = pixel_pca(real, components=components)
    spread = axes(real).std(axis=0)
    # An axis of rounding must not be blown up to the size of the others.
    spread = np.where(live(spread), spread, spread.max() or 1.0)
    generator, layers, width = np.random.default_rng(seed), [], components
    for _ in range(2):
        kernel = generator.normal(size=(width, _WIDTH)) * np.sqrt(2 / width)
        layers.append((kernel, generator.normal(size=_WIDTH)))
        width = _WIDTH

    def features(rows: np.ndarray) -> np.ndarray:
        hidden = axes(rows) / spread
        for kernel, bias in layers:
            hidden = np.maximum(hidden @ kernel + bias, 0)
        return hidden

    return features


def live(spread: np.ndarray) -> np.ndarray:
    """Which axes of spreads `[components]` are more than rounding, as booleans."""
    return spread > _ROUNDING * spread.max()


def residual(
    real: np.ndarray, *, components: int = 32
) -> Callable[[np.ndarray], np.ndarray]:
    """How far rows are from the subspace of the main axes, which these do not see.

    Args:
      real: `[N, ...]` real pictures or rows.
      components: number of axes.

    Returns:
      `features(rows [M, ...]) -> [M, 1]`, in units of the rows; 0 if it is rounding.

    Raises:
      ValueError: as `pixel_pca`.
    """
    axes, mean = pixel_pca(real, components=components), real.mean(axis=0)

    def features(rows: np.ndarray) -> np.ndarray:
        centred = _rows(np.asarray(rows) - mean, real.shape[1:]).astype(np.float64)
        squared = np.square(centred).sum(axis=1)
        # Orthonormal axes keep the length of what lies in their subspace.
        off = squared - np.square(axes(rows), dtype=np.float64).sum(axis=1)
        own = off > _ROUNDING * squared
        return np.sqrt(np.where(own, off, 0.0))[:, None]

    return features


def most_features(n: int) -> int:
    """Most features of which `n` rows tell means and covariances: one for four rows."""
    return max(1, n // 4)


def reduced(
    features: Callable[[np.ndarray], np.ndarray], real: np.ndarray, *, components: int
) -> Callable[[np.ndarray], np.ndarray]:
    """The main axes of features, where these are more than a distance of sets can use.

    Covariances of more features than there are rows say more of how many rows there are
    than of what they are.

    Args:
      features: `([n, ...]) -> [n, F]`.
      real: `[N, ...]` real pictures, of whose features the axes are.
      components: number of axes, N at most.

    Returns:
      `features` itself unless F is larger, else `([n, ...]) -> [n, components]`, in
      units of the features.
    """
    seen = features(real)
    if seen.shape[1] <= components:
        return features
    axes = pixel_pca(seen, components=min(components, len(seen)))
    return lambda pictures: axes(features(pictures))


def has_classes(labels: np.ndarray | None) -> bool:
    """Whether there are labels of two classes or more, as a `classifier` needs.

    Any two different labels are two classes: -1 and 7 as well as 0 and 1.
    """
    return labels is not None and len(np.unique(labels)) > 1


def classifier(
    pictures: np.ndarray, labels: np.ndarray, *, seed: int = 0
) -> Classifier:
    """Trains a small network, 128 and 64 hidden units, to tell the classes apart.

    Args:
      pictures: `[N, ...]` real pictures.
      labels: `[N]` their classes, numbers or strings.
      seed: of the initial weights and the order of pictures.

    Returns:
      The classifier. Its features suit distances between sets; its probabilities are
      not calibrated.

    Raises:
      ValueError: if the lengths differ, or unless `has_classes(labels)`; from the
        functions of the result, if pictures have another shape than those here.
    """
    labels, shape = np.asarray(labels), pictures.shape[1:]
    if labels.shape != (len(pictures),):
        raise ValueError(f"need {len(pictures)} labels, got shape {labels.shape}")
    if not has_classes(labels):
        raise ValueError(f"need two classes or more, got {np.unique(labels)}")
    # Training stops when the loss stalls; the limit lies far above what that takes.
    network = MLPClassifier((128, 64), tol=1e-3, max_iter=2000, random_state=seed)
    network.fit(_rows(pictures, shape), labels)

    def features(pictures: np.ndarray) -> np.ndarray:
        hidden = _rows(pictures, shape)
        hidden_layers = zip(network.coefs_[:-1], network.intercepts_[:-1], strict=True)
        for kernel, bias in hidden_layers:
            hidden = np.maximum(hidden @ kernel + bias, 0)
        return hidden

    def probabilities(pictures: np.ndarray) -> np.ndarray:
        return network.predict_proba(_rows(pictures, shape))

    return Classifier(probabilities, features, network.classes_)


def unit(
    features: Callable[[np.ndarray], np.ndarray],
) -> Callable[[np.ndarray], np.ndarray]:
    """The same features with each row scaled to length 1; rows of zeros stay."""
    return lambda pictures: normalize(features(pictures))


def _rows(pictures: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    pictures = np.asarray(pictures, np.float32)
    if pictures.shape[1:] != shape:
        raise ValueError(f"pictures must be [N, *{shape}], got {pictures.shape}")
    return pictures.reshape(len(pictures), -1)
