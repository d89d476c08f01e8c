"""How many dimensions a population of rows fills, and what trivial generators make.

Rows `x` `[N, F]` are flattened weights or any other features. A learnt generator is
worth something only where it beats the three trivial ones here.
"""

import jax
import numpy as np

from wsjax.analysis.dimension import population, spectrum


def components_for(x: np.ndarray, *, share: float = 0.9) -> int:
    """Number of principal components that hold `share` of the variance of the rows.

    Args:
      x: `[N, F]` rows.
      share: in (0, 1].

    Returns:
      The smallest such number, from the `spectrum`; 0 if all rows are equal.

    Raises:
      ValueError: if `x` is not a matrix with a row, or `share` is outside (0, 1].
    """
    x = population(x, least=1)
    if not 0 < share <= 1:
        raise ValueError(f"share must lie in (0, 1], got {share}")
    if np.ptp(x, axis=0).max() == 0:
        return 0
    shares = np.cumsum(spectrum(x))
    # The slack keeps components of pure rounding out when all variance is asked for.
    return int(np.searchsorted(shares, share - 1e-12)) + 1


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
