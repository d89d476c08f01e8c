"""Trivial generators: a learnt one is worth something only where it beats them all.

Rows `x` `[N, F]` are flattened weights or any other features.
"""

import jax
import numpy as np
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture

from wsjax.analysis.dimension import population

_DIMENSIONS = 32  # Principal components that the mixture is fitted in.
_RIDGE = 1e-3  # On its covariances; an entry has variance 1.


def gaussian_samples(key: jax.Array, x: np.ndarray, *, n: int) -> np.ndarray:
    """Draws from the Gaussian with the mean and the covariance of the rows.

    A standard normal mixture of the centred rows over sqrt(N - 1) has exactly the
    sample covariance, so no `[F, F]` matrix is ever made; every draw lies in the span
    of the principal components.

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
    mixture = np.asarray(jax.random.normal(key, (n, len(x))), x.dtype)
    return mean + mixture @ (x - mean) / np.sqrt(len(x) - 1)


def even_rows(key: jax.Array, count: int, *, n: int) -> np.ndarray:
    """Numbers `[n]` of random rows out of `count`, none of them k + 1 times before
    every one k times.

    Rows drawn at random repeat some kinds by chance: of 800 shapes of ten categories,
    1,000 copies are further from the others for that alone.
    """
    keys = jax.random.split(key, -(-n // count))
    rounds = jax.vmap(lambda key: jax.random.permutation(key, count))(keys)
    return np.asarray(rounds).reshape(-1)[:n]


def average_two(key: jax.Array, x: np.ndarray, *, n: int) -> np.ndarray:
    """Means of two different random rows; `n` of them, as `gaussian_samples`.

    The first of each pair are `even_rows`.
    """
    x = population(x, least=2)
    first_key, step_key = jax.random.split(key)
    first = even_rows(first_key, len(x), n=n)
    step = np.asarray(jax.random.randint(step_key, (n,), 1, len(x)))
    return (x[first] + x[(first + step) % len(x)]) / 2


def add_noise(key: jax.Array, x: np.ndarray, *, n: int, scale: float) -> np.ndarray:
    """The rows of `even_rows` plus normal noise; `n` of them, as `gaussian_samples`.

    Args:
      key: consumed.
      x: `[N, F]` rows.
      n: number of draws.
      scale: standard deviation of the noise on an entry over that of the entry itself
        across rows.

    Returns:
      `[n, F]` draws.

    Raises:
      ValueError: if `x` is not a matrix of 2 rows or more.
    """
    x = population(x, least=2)
    row_key, noise_key = jax.random.split(key)
    rows = even_rows(row_key, len(x), n=n)
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
    standardised rows; what they leave out is drawn from one Gaussian. The number of
    Gaussians is that with the highest likelihood on a fifth of the rows, after a fit to
    the others; then all rows are fitted.

    Args:
      key: consumed.
      x: `[N, F]` rows, of which nothing held out may be one.
      n: number of draws.
      components: numbers of Gaussians to choose from; those above half of the rows
        that are fitted are left out.

    Returns:
      `[n, F]` draws.

    Raises:
      ValueError: if `x` is not a matrix of 5 rows or more, or `components` has no
        number that so few rows allow.
    """
    x = population(x, least=5)
    split_key, fit_key, order_key, rest_key = jax.random.split(key, 4)
    scale = x.std(axis=0)
    scale[scale == 0] = 1.0
    standard = (x - x.mean(axis=0)) / scale
    most = min(_DIMENSIONS, len(x) - 1, x.shape[1])
    pca = PCA(most, random_state=0).fit(standard)
    # In directions without variance the ridge would be all there is.
    variance = pca.explained_variance_
    axes = pca.components_[variance >= 1e-9 * variance[0]]
    inside = standard @ axes.T
    # Each fit starts from clusters, which the seed makes the same again.
    seed = int(jax.random.randint(fit_key, (), 0, 2**31 - 1))
    order = np.asarray(jax.random.permutation(split_key, len(x)))
    count = _chosen(inside[order], components, seed)
    drawn = _fitted(inside, count, seed).sample(n)[0]
    drawn = drawn[np.asarray(jax.random.permutation(order_key, n))]
    left_out = gaussian_samples(rest_key, standard - inside @ axes, n=n)
    return x.mean(axis=0) + (drawn @ axes + left_out) * scale


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
    scores = [_fitted(seen, count, seed).score(unseen) for count in allowed]
    return allowed[int(np.argmax(scores))]
