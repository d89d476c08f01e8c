"""Trivial generators: a trained one is worth something only if it beats all of them.

Rows `x` `[N, F]` are flattened weights or any other features; nothing held out may be
among them. All generators need 2 rows; from equal rows they draw copies. Draws are
independent of each other.
"""

import jax
import numpy as np
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import NearestNeighbors

from wsjax.analysis.dimension import population, varies

__all__ = [
    "add_noise",
    "average_two",
    "gaussian_mixture",
    "gaussian_neighbours",
    "gaussian_samples",
]

_DIMENSIONS = 32  # Principal components in which the mixture is fitted.
_RIDGE = 1e-3  # Added to its variances, where an entry of a row has variance 1.


def gaussian_samples(key: jax.Array, x: np.ndarray, *, n: int) -> np.ndarray:
    """Draws from the Gaussian with the mean and the covariance of the rows.

    The sum of the centred rows, each times a standard normal number over sqrt(N - 1),
    has exactly the sample covariance, so that no `[F, F]` matrix is made. Every draw
    lies in the span of the principal components.

    Args:
      key: consumed.
      x: `[N, F]` rows.
      n: number of draws.

    Returns:
      `[n, F]` draws.

    Raises:
      ValueError: if `x` is not a matrix of 2 rows or more.
    """
    x = population(x, least=2)
    mean = x.mean(axis=0)
    coefficients = np.asarray(jax.random.normal(key, (n, len(x))), x.dtype)
    return mean + coefficients @ (x - mean) / np.sqrt(len(x) - 1)


def gaussian_neighbours(
    key: jax.Array, x: np.ndarray, *, n: int, neighbours: int = 20
) -> np.ndarray:
    """Draws from the Gaussian of a random row and its nearest rows.

    It knows no more than which rows are alike, and no audit should praise it.

    Args:
      key: consumed.
      x: `[N, F]` rows.
      n: number of draws.
      neighbours: rows of each Gaussian, the row itself among them; all, if fewer.

    Returns:
      `[n, F]` draws, each with the sample mean and covariance of its rows.

    Raises:
      ValueError: if `x` is not a matrix of 2 rows or more, or `neighbours` is below 2.
    """
    x = population(x, least=2)
    if neighbours < 2:
        raise ValueError(f"neighbours={neighbours}: expected 2 or more")
    k = min(neighbours, len(x))
    rows_key, key = jax.random.split(key)
    rows = _rows(rows_key, len(x), n)
    near = NearestNeighbors(n_neighbors=k).fit(x).kneighbors(x[rows])[1]
    mean = x[near].mean(axis=1)
    coefficients = np.asarray(jax.random.normal(key, (n, k)), x.dtype)
    moved = np.einsum("nk,nkf->nf", coefficients, x[near] - mean[:, None])
    return mean + moved / np.sqrt(k - 1)


def average_two(key: jax.Array, x: np.ndarray, *, n: int) -> np.ndarray:
    """Means of two different random rows.

    Arguments, result and errors as `gaussian_samples`.
    """
    x = population(x, least=2)
    first_key, step_key = jax.random.split(key)
    first = _rows(first_key, len(x), n)
    step = np.asarray(jax.random.randint(step_key, (n,), 1, len(x)))
    return (x[first] + x[(first + step) % len(x)]) / 2


def add_noise(key: jax.Array, x: np.ndarray, *, n: int, scale: float) -> np.ndarray:
    """Random rows plus normal noise.

    Args:
      key: consumed.
      x: `[N, F]` rows.
      n: number of draws.
      scale: standard deviation of the noise on an entry, relative to the standard
        deviation of that entry across rows.

    Returns:
      `[n, F]` draws.

    Raises:
      ValueError: if `x` is not a matrix of 2 rows or more.
    """
    x = population(x, least=2)
    row_key, noise_key = jax.random.split(key)
    rows = _rows(row_key, len(x), n)
    noise = np.asarray(jax.random.normal(noise_key, (n, x.shape[1])), x.dtype)
    return x[rows] + scale * x.std(axis=0) * noise


def gaussian_mixture(
    key: jax.Array,
    x: np.ndarray,
    *,
    n: int,
    components: tuple[int, ...] = (1, 2, 5, 10, 20),
) -> np.ndarray:
    """Draws from a mixture of Gaussians fitted to the rows.

    The mixture has full covariances in the first 32 principal components of the
    standardised rows; the residual of the rows is drawn from one Gaussian. The number
    of Gaussians is the one under which a fifth of the rows is likeliest, after a fit to
    the other rows; with fewer than 5 rows, which have no fifth, it is the smallest. The
    mixture of that number is then fitted to all rows.

    Args:
      key: consumed.
      x: `[N, F]` rows.
      n: number of draws.
      components: numbers of Gaussians to choose from; those above half of the rows
        that are fitted are left out.

    Returns:
      `[n, F]` draws.

    Raises:
      ValueError: if `x` is not a matrix of 2 rows or more, or if `components` has no
        number that so few rows allow.
    """
    x = population(x, least=2)
    if not varies(x):  # The ridge would be the only variance there is.
        return np.repeat(x[:1], n, axis=0)
    split_key, fit_key, order_key, rest_key = jax.random.split(key, 4)
    scale = x.std(axis=0)
    scale[scale == 0] = 1.0
    standard = (x - x.mean(axis=0)) / scale
    most = min(_DIMENSIONS, len(x) - 1, x.shape[1])
    pca = PCA(most, random_state=0).fit(standard)
    # In directions without variance, the ridge would be the only variance there is.
    variance = pca.explained_variance_
    axes = pca.components_[variance >= 1e-9 * variance[0]]
    inside = standard @ axes.T
    # Every fit starts from k-means clusters, which follow from this seed.
    seed = int(jax.random.randint(fit_key, (), 0, 2**31 - 1))
    order = np.asarray(jax.random.permutation(split_key, len(x)))
    count = _chosen(inside[order], components, seed)
    drawn = _fitted(inside, count, seed).sample(n)[0]
    drawn = drawn[np.asarray(jax.random.permutation(order_key, n))]
    left_out = gaussian_samples(rest_key, standard - inside @ axes, n=n)
    return x.mean(axis=0) + (drawn @ axes + left_out) * scale


def _rows(key: jax.Array, count: int, n: int) -> np.ndarray:
    """`n` independent row indices in [0, count)."""
    return np.asarray(jax.random.randint(key, (n,), 0, count))


def _fitted(rows: np.ndarray, count: int, seed: int) -> GaussianMixture:
    model = GaussianMixture(
        count, reg_covar=_RIDGE, max_iter=1000, random_state=np.random.RandomState(seed)
    )
    return model.fit(rows)


def _chosen(rows: np.ndarray, components: tuple[int, ...], seed: int) -> int:
    """The number of Gaussians under which a fifth of the rows is likeliest."""
    unseen, seen = np.split(rows, [len(rows) // 5])
    allowed = [count for count in components if 1 <= count <= max(1, len(seen) // 2)]
    if not allowed:
        raise ValueError(
            f"components={components}, but {len(seen)} rows allow numbers from 1 to "
            f"{max(1, len(seen) // 2)}; add a smaller one"
        )
    if not len(unseen):
        return min(allowed)
    scores = [_fitted(seen, count, seed).score(unseen) for count in allowed]
    return allowed[int(np.argmax(scores))]
