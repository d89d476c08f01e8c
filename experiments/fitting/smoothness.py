"""How easy fitted weights are to model, beside how good and how fast they are."""

import jax
import numpy as np
from chex import ArrayTree

from experiments.domain.data import Data
from experiments.domain.representation import Representation, entries, renderer
from wsjax.analysis import dimension, trivial
from wsjax.metrics import features, generation


def smoothness(
    key: jax.Array,
    form: Representation,
    data: Data,
    start: ArrayTree,
    weights: ArrayTree,
    rows: np.ndarray,
    *,
    components: int,
) -> dict[str, float]:
    """Their spread, and what a Gaussian fitted to it draws.

    Args:
      key: consumed, for the Gaussian's draws.
      form: the representation.
      data: the data set.
      start: the common start, which holds the frozen entries.
      weights: stacked adapters `[n, ...]`.
      rows: `[n]` instances they were fitted to.
      components: of the PCA, at most a quarter of the instances.

    Returns:
      `components_90`: principal components that hold 90 % of the variance;
      `fd_gaussian`: Frechet distance, on the PCA of values on the grid, of what the
      Gaussian draws to the instances themselves; `fd_fits` that of the fits.
    """
    codec = entries(form, start)
    vectors = np.asarray(jax.jit(jax.vmap(codec.encode))(weights))
    drawn = trivial.gaussian_samples(key, vectors, n=len(rows))
    render = renderer(form, data.grid)
    show = jax.jit(lambda rows: jax.lax.map(lambda v: render(codec.decode(v)), rows))
    real = data.pictures(rows)
    k = min(components, len(rows) // 4)
    feature = features.pixel_pca(real, components=k)

    def distance(vectors) -> float:
        made = data.domain.shown(np.asarray(show(vectors)))
        return generation.frechet(feature(real), feature(made))

    return {
        "components_90": dimension.components_for(vectors),
        "fd_gaussian": distance(np.asarray(drawn, np.float32)),
        "fd_fits": distance(vectors),
    }
