"""Learn dictionaries of windows from training pictures.

One dictionary is the mean and the principal components of all windows. Several are
found by turns: every window chooses one, together with its rank at a common price, and
every dictionary becomes the principal components of the windows that chose it.
"""

from collections.abc import Iterator
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from wsjax.types import Batches, Params
from wsjax.windowed.allotment import errors, price, ranks_at
from wsjax.windowed.cutting import Layout, cut
from wsjax.windowed.field import with_picture

__all__ = ["learn"]

_WINDOWS = 40_000  # Most windows that several dictionaries are learnt from.
_TURNS = 6
_PRICED = 2_048  # Windows by which the price of a number is found.
_AT_ONCE = 1_024
_PRIOR = 32.0  # Windows that all windows together count for in each dictionary.


class _Moments(NamedTuple):
    """Of `n` windows: their `total` `[M]`, and their `scatter` `[M, M]` around 0."""

    n: float
    total: np.ndarray
    scatter: np.ndarray


def learn(
    key: jax.Array,
    batches: Batches,
    form: Layout,
    *,
    dictionaries: int,
    atoms: int,
    rank: float,
) -> Params:
    """The params of `wsjax.windowed.field`.

    Args:
      key: draws the windows that are learnt from, and the first dictionaries.
      batches: gives the training pictures anew each time, as dictionaries with `values`
        `[n, H * W, C]`; pictures that are not finite are left out.
      form: how a picture is cut.
      dictionaries: J.
      atoms: Q.
      rank: mean rank for which several dictionaries are learnt.

    Raises:
      ValueError: if not one picture is finite.
    """
    moments = _moments(_windows(batches, form), form.numbers)
    if not moments.n:
        raise ValueError(
            "no dictionary can be learnt: not one training picture is finite; mend "
            "the data"
        )
    mean, parts = _components(moments, moments, 0.0, atoms)
    found = {"mean": mean[None], "atoms": parts[None]}
    if dictionaries > 1:
        share = min(1.0, _WINDOWS / moments.n)
        drawn = np.random.default_rng(np.asarray(jax.random.key_data(key)))
        sample = np.concatenate(
            [w[drawn.random(len(w)) < share] for w in _windows(batches, form)]
        )
        found = _several(drawn, sample, moments, found, dictionaries, rank)
    base = {"dictionaries": jax.tree.map(jnp.asarray, found)}
    windows = jnp.broadcast_to(mean, (form.windows, form.numbers))
    return with_picture(base, windows, form)


def _windows(batches: Batches, form: Layout) -> Iterator[np.ndarray]:
    """The windows of each batch, `[n * K, M]`."""
    many = jax.jit(jax.vmap(lambda values: cut(values, form)))
    for batch in batches():
        values = np.asarray(batch["values"])
        finite = np.isfinite(values).all(axis=(1, 2))
        yield np.asarray(many(values[finite])).reshape(-1, form.numbers)


def _moments(windows: Iterator[np.ndarray], numbers: int) -> _Moments:
    n, total, scatter = 0, np.zeros(numbers), np.zeros((numbers, numbers))
    for some in windows:
        exact = some.astype(np.float64)
        n, total = n + len(some), total + exact.sum(axis=0)
        scatter += exact.T @ exact
    return _Moments(float(n), total, scatter)


def _components(own: _Moments, all_: _Moments, prior: float, atoms: int):
    """Mean `[M]` and atoms `[M, Q]` of windows, with `prior` windows of all beside."""
    weight = prior / all_.n
    n = own.n + prior
    mean = (own.total + weight * all_.total) / n
    second = (own.scatter + weight * all_.scatter) / n
    values, vectors = np.linalg.eigh(second - np.outer(mean, mean))
    values, vectors = values[::-1][:atoms], vectors[:, ::-1][:, :atoms]
    # A direction without variance keeps an atom: other pictures may need it.
    lengths = np.sqrt(np.maximum(values, 1e-8 * max(values[0], 1e-8)))
    return mean.astype(np.float32), (vectors * lengths).astype(np.float32)


def _several(
    drawn: np.random.Generator,
    windows: np.ndarray,
    moments: _Moments,
    first: dict[str, np.ndarray],
    dictionaries: int,
    rank: float,
) -> dict[str, np.ndarray]:
    """Several dictionaries, which start from groups of windows along random lines."""
    atoms = first["atoms"].shape[-1]
    few = jnp.asarray(windows[drawn.permutation(len(windows))[:_PRICED]])
    group = _first_groups(drawn, windows, first, dictionaries)

    @jax.jit
    def cost_of(found):
        least = jnp.min(errors(found, few)[0], axis=1)
        return price(least, round(rank * len(few)))

    @jax.jit
    def pick(found, some, cost):
        error = errors(found, some)[0]
        ranks = ranks_at(jnp.min(error, axis=1), cost)
        at_rank = jnp.take_along_axis(error, ranks[:, None, None], axis=-1)
        return jnp.argmin(at_rank[..., 0], axis=1)

    found = first
    for _ in range(_TURNS):
        made = []
        for number in range(dictionaries):
            own = _moments(iter([windows[group == number]]), windows.shape[1])
            made.append(_components(own, moments, _PRIOR, atoms))
        found = {
            "mean": np.stack([mean for mean, _ in made]),
            "atoms": np.stack([parts for _, parts in made]),
        }
        cost = cost_of(found)
        group = np.concatenate(
            [
                np.asarray(pick(found, windows[i : i + _AT_ONCE], cost))
                for i in range(0, len(windows), _AT_ONCE)
            ]
        )
    return found


def _first_groups(
    drawn: np.random.Generator,
    windows: np.ndarray,
    first: dict[str, np.ndarray],
    dictionaries: int,
) -> np.ndarray:
    """Groups `[n]` of windows by the line, of some random ones, that is nearest.

    The lines pass through windows that are drawn, in whitened components.
    """
    mean, atoms = first["mean"][0], first["atoms"][0]
    squares = np.square(atoms).sum(axis=0)
    white = (windows - mean) @ (atoms / squares)
    white /= np.linalg.norm(white, axis=1, keepdims=True) + 1e-6
    lines = white[drawn.choice(len(windows), dictionaries, replace=False)]
    return np.argmax(np.abs(white @ lines.T), axis=1)
