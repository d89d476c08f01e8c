"""Samples of trivial generators: the baselines that a trained one must beat."""

import pathlib
from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np

from experiments.domain.data import Data
from experiments.domain.representation import Representation, entries, show
from experiments.generator import encoding
from experiments.generator.encoding import Fitted
from experiments.running.keys import keys
from wsjax.analysis import trivial

__all__ = ["AGAIN", "Fields", "draws", "fields", "shown"]

AGAIN = "resample_test"
"""No trivial generator: it draws what is held out."""

_SCALE = 0.5  # Of the noise of "add_noise".


class Fields(NamedTuple):
    """Fits of a representation; `decode`: free entries `[n, K]` to stacked adapters."""

    form: Representation
    fits: Fitted
    decode: Callable


def fields(folder: pathlib.Path, form: Representation, data: Data) -> Fields:
    """The fits of training and test instances in a run folder."""
    fits = encoding.fitted(folder, form, data, beside="test")
    return Fields(form, fits, jax.jit(jax.vmap(entries(form, fits.first).decode)))


def shown(fields: Fields, data: Data) -> Callable[[np.ndarray], np.ndarray]:
    """`render(rows [n, K]) -> [n, *size, C]`, what free entries show on the grid."""
    render = show(fields.form, data)
    return lambda rows: render(fields.decode(rows))


def draws(fits: Fitted, n: int, *, seed: int) -> dict[str, np.ndarray]:
    """Draws from every trivial generator.

    `add_noise` is training weights plus noise of half a standard deviation of each
    entry. `resample_test` copies held-out weights and shows the best that any
    generator could reach. `wsjax.analysis.trivial` defines the others.

    Args:
      fits: the fitted instances.
      n: draws per generator.
      seed: of the run.

    Returns:
      Free entries `[n, K]` float32 by the name of the generator.

    Raises:
      ValueError: if there are fewer than 2 training fits, or no held-out ones.
    """
    one, two, three, four, five, six = jax.random.split(keys(seed)["trivial"], 6)
    train, out = fits.vectors[~fits.heldout], fits.vectors[fits.heldout]
    made = {
        "gaussian_pca": trivial.gaussian_samples(one, train, n=n),
        "gaussian_mixture": trivial.gaussian_mixture(two, train, n=n),
        "gaussian_neighbours": trivial.gaussian_neighbours(three, train, n=n),
        "add_noise": trivial.add_noise(four, train, n=n, scale=_SCALE),
        "average_two": trivial.average_two(five, train, n=n),
        AGAIN: out[jax.random.randint(six, (n,), 0, len(out))],
    }
    return {name: np.asarray(x, np.float32) for name, x in made.items()}
