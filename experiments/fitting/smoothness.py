"""Measures how easy fitted weights are to model with a generator."""

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
    """Principal components of fitted weights, and the quality of a Gaussian model.

    Args:
      key: consumed, to draw from the Gaussian.
      form: the representation.
      data: the data set.
      start: the common start; gives the frozen entries.
      weights: stacked adapters `[n, ...]`.
      rows: `[n]` instances that the adapters were fitted to.
      components: of the PCA of the values; at most n // 4 are used.

    Returns:
      `components_90`: principal components of the weights that hold 90 % of their
      variance; `fd_gaussian`: Frechet distance between the instances and fields whose
      weights are drawn from a Gaussian fitted to `weights`, on PCA features of the
      values on the grid; `fd_fits`: the same distance for the fits themselves.
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
