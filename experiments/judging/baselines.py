"""Samples of trivial generators: the baselines that a trained one must beat."""

from collections.abc import Sequence

import jax
import numpy as np

from experiments.generator.encoding import Fitted
from experiments.running.keys import keys
from wsjax.analysis import trivial

__all__ = ["SCALE", "draws"]

SCALE = 0.5
"""Scale of the noise of the baseline that is called plain "add_noise"."""


def draws(
    fits: Fitted, n: int, *, noise: Sequence[float], seed: int
) -> dict[str, np.ndarray]:
    """Draws from every trivial generator.

    `add_noise` is training weights plus noise of `SCALE`; with another scale s it is
    called `add_noise_s`. `resample_heldout` copies held-out weights and shows the best
    that any generator could reach. `wsjax.analysis.trivial` defines the others.

    Args:
      fits: the fitted instances.
      n: draws per generator.
      noise: scales of the noise besides `SCALE`, relative to the standard deviation of
        each entry.
      seed: of the run.

    Returns:
      Free entries `[n, K]` float32 by the name of the generator.

    Raises:
      ValueError: if there are fewer than 2 training fits, or no held-out ones.
    """
    key = keys(seed)["trivial"]
    gaussian_key, noise_key, two_key, row_key, mixture_key = jax.random.split(key, 5)
    train, out = fits.vectors[~fits.heldout], fits.vectors[fits.heldout]
    made = {
        "gaussian_pca": trivial.gaussian_samples(gaussian_key, train, n=n),
        "gaussian_mixture": trivial.gaussian_mixture(mixture_key, train, n=n),
    }
    for scale in sorted({*noise, SCALE}):
        name = "add_noise" if scale == SCALE else f"add_noise_{scale:g}"
        # One key for all scales: FD over scale is smooth if only the scale changes.
        again = jax.random.clone(noise_key)
        made[name] = trivial.add_noise(again, train, n=n, scale=scale)
    made["average_two"] = trivial.average_two(two_key, train, n=n)
    made["resample_heldout"] = out[trivial.even_rows(row_key, len(out), n=n)]
    return {name: np.asarray(x, np.float32) for name, x in made.items()}
