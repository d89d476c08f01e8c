"""Where the fit of one instance begins: solved, guessed, or at the common start."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from chex import ArrayTree

from experiments.domain.data import Data, signal
from experiments.domain.representation import Representation, entries, quality
from experiments.running.keys import keys
from wsjax import tree
from wsjax.fit.guess import guessed

_EVERY = 7  # One in this many points is used to choose between two starts.


def chooser(
    form: Representation, data: Data, *, seed: int
) -> Callable[[tuple, dict], ArrayTree]:
    """Returns `choose(shared, instance) -> adapter`, the start of an instance.

    That is what the guess in `shared`, `(base, start, guess)`, predicts for the
    instance if it has the higher PSNR on some points, else the common `start`. An
    adapter that can `solve` an instance starts it from there. `instance` is the result
    of `Domain.read` for one instance.

    Args:
      form: the representation.
      data: the data set; its grid is used.
      seed: of the run.
    """
    if (solve := form.adapter.solve) is not None:
        reads = form.adapter.reads

        def solved(shared: tuple, instance: dict) -> ArrayTree:
            return solve(shared[0], *(instance[name] for name in reads))

        return solved
    grid = jnp.asarray(data.grid)
    # Any adapter will do: the frozen entries are the same in all.
    codec = entries(form, form.adapter.init(keys(seed)["start"], form.base))

    def choose(shared: tuple, instance: dict) -> ArrayTree:
        base, start, guess = shared
        whole = signal(grid, instance)
        score = quality(form, base)
        few = tree.row(whole, spread_places(whole[1].shape[0]))
        own = codec.decode(guessed(guess, instance["values"]))
        better = score(own, few) > score(start, few)
        return jax.tree.map(lambda x, y: jnp.where(better, x, y), own, start)

    return choose


def spread_places(points: int) -> np.ndarray:
    """Sorted random indices `[ceil(P / 7)]` of P points; the same in every run.

    Not every seventh point: in a picture whose width is a multiple of 7, such as 28,
    these lie in a few columns.
    """
    n = -(-points // _EVERY)
    return np.sort(np.random.default_rng(0).choice(points, n, replace=False))
