"""The strongest of the trivial generators: a mixture of Gaussians, and no network."""

import jax
import numpy as np
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture

from wsjax.analysis.dimension import population
from wsjax.analysis.spectrum import gaussian_samples

_DIMENSIONS = 32  # Principal components that the mixture is fitted in.
_RIDGE = 1e-3  # On its covariances; an entry has variance 1.


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
