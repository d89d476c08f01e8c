"""Generators that learn nothing, for the recipe's fitted weights."""

from collections.abc import Sequence

import jax
import numpy as np

from experiments.generator.encoding import Fitted
from experiments.running.keys import keys
from wsjax.analysis import trivial

__all__ = ["SCALE", "draws"]

SCALE = 0.5
"""Of the noise that is called "add_noise" and no more."""


def draws(
    fits: Fitted, n: int, *, noise: Sequence[float], seed: int
) -> dict[str, np.ndarray]:
    """Free entries `[n, K]` from each generator.

    Training weights plus noise are called add_noise_ and its scale, of every one in
    `noise` and of `SCALE`, in standard deviations.
    `resample_heldout` draws from the reference itself: what nobody can reach.
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
        # The same rows and noise at every scale: the curve is as smooth as can be.
        again = jax.random.clone(noise_key)
        made[name] = trivial.add_noise(again, train, n=n, scale=scale)
    made["average_two"] = trivial.average_two(two_key, train, n=n)
    made["resample_heldout"] = out[trivial.even_rows(row_key, len(out), n=n)]
    return {name: np.asarray(x, np.float32) for name, x in made.items()}
