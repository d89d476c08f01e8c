"""How easy fitted weights are to model, beside how good and how fast they are."""

import jax
import numpy as np
from chex import ArrayTree
from ml_collections import ConfigDict

from experiments import dataset, parts
from wsjax.analysis import dimension, trivial
from wsjax.metrics import features, generation


def smoothness(
    config: ConfigDict,
    form: parts.Representation,
    data: dataset.Data,
    start: ArrayTree,
    weights: ArrayTree,
    rows: np.ndarray,
) -> dict[str, float]:
    """Their spread, and what a Gaussian fitted to it draws.

    Args:
      config: the recipe.
      form: the representation.
      data: the data set.
      start: the common start, which holds the frozen entries.
      weights: stacked adapters `[n, ...]`.
      rows: `[n]` instances they were fitted to.

    Returns:
      `components_90`: principal components that hold 90 % of the variance;
      `fd_gaussian`: Frechet distance, on the PCA of values on the grid, of what the
      Gaussian draws to the instances themselves; `fd_fits` that of the fits.
    """
    codec = parts.entries(form, start)
    vectors = np.asarray(jax.jit(jax.vmap(codec.encode))(weights))
    drawn = trivial.gaussian_samples(
        parts.keys(config)["trivial"], vectors, n=len(rows)
    )
    render = parts.renderer(form, data.grid)
    show = jax.jit(lambda rows: jax.lax.map(lambda v: render(codec.decode(v)), rows))
    real = data.shown(data.values(rows))
    k = min(config.evaluate.components, len(rows) // 4)
    feature = features.pixel_pca(real, components=k)

    def distance(vectors) -> float:
        made = data.shown(np.asarray(show(vectors)))
        return generation.frechet(feature(real), feature(made))

    return {
        "components_90": dimension.components_for(vectors),
        "fd_gaussian": distance(np.asarray(drawn, np.float32)),
        "fd_fits": distance(vectors),
    }
