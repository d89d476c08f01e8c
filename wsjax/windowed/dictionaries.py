"""Learn the atoms of windows from training pictures.

The windows of one place have a mean of their own, and principal components as far as
there are pictures to tell them: how windows of all places vary counts for as many
pictures as a window has values. Of the atoms of all places those that vary most become
candidates.
"""

from collections.abc import Iterator
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from wsjax.types import Batches, Params
from wsjax.windowed.cutting import Layout, cut
from wsjax.windowed.field import with_picture

__all__ = ["learn"]


_BEYOND = -1.0  # Variance of a value beyond the picture: below that of any other.


class _Moments(NamedTuple):
    """Of `n` windows in each of G groups: `mean` `[G, M]`, `covariance` `[G, M, M]`."""

    n: int
    mean: np.ndarray
    covariance: np.ndarray


def learn(batches: Batches, form: Layout, *, atoms: int, candidates: int) -> Params:
    """The params of `wsjax.windowed.field`.

    Args:
      batches: gives the training pictures, as dictionaries with `values`
        `[n, H * W, C]`; pictures that are not finite are left out.
      form: how a picture is cut.
      atoms: R, of each group of windows.
      candidates: gains that a picture may keep.

    Raises:
      ValueError: if not one picture is finite.
    """
    moments = _moments(_windows(batches, form), form)
    if not moments.n:
        raise ValueError(
            "no dictionary can be learnt: not one training picture is finite; mend "
            "the data"
        )
    found = [
        (own, *_components(moments, group, inside, atoms))
        for group, (own, inside) in enumerate(
            zip(moments.mean, form.inside, strict=True)
        )
    ]
    mean, kernel, variance = map(np.stack, zip(*found, strict=True))
    each = np.repeat(variance, form.windows // form.groups, axis=0).reshape(-1)
    places = np.argsort(-each, kind="stable")[:candidates]
    dictionary = {
        "mean": mean.astype(np.float32),
        "atoms": kernel,
        "places": places.astype(np.int32),
    }
    windows = np.repeat(dictionary["mean"], form.windows // form.groups, axis=0)
    base = {"dictionary": jax.tree.map(jnp.asarray, dictionary)}
    return with_picture(base, jnp.asarray(windows), form)


def _windows(batches: Batches, form: Layout) -> Iterator[np.ndarray]:
    """The windows of each batch by group, `[G, n, M]`."""
    many = jax.jit(jax.vmap(lambda values: cut(values, form)))
    for batch in batches():
        values = np.asarray(batch["values"])
        finite = np.isfinite(values).all(axis=(1, 2))
        windows = np.asarray(many(values[finite])).transpose(1, 0, 2)
        yield windows.reshape(form.groups, -1, form.numbers)


def _moments(windows: Iterator[np.ndarray], form: Layout) -> _Moments:
    n, total = 0, np.zeros((form.groups, form.numbers))
    scatter = np.zeros((form.groups, form.numbers, form.numbers))
    for some in windows:
        exact = some.astype(np.float64)
        n, total = n + some.shape[1], total + exact.sum(axis=1)
        for group, rows in enumerate(exact):  # All at once would double the memory.
            scatter[group] += rows.T @ rows
    mean = total / max(n, 1)
    for group, own in enumerate(mean):
        scatter[group] = scatter[group] / max(n, 1) - np.outer(own, own)
    return _Moments(n, mean, scatter)


def _components(
    moments: _Moments, group: int, inside: np.ndarray, atoms: int
) -> tuple[np.ndarray, np.ndarray]:
    """Orthonormal atoms `[M, R]` and variance along them, of one group.

    `inside` `[M]`: values that lie within the picture; only these have atoms.
    """
    own, weight = moments.covariance[group], len(inside) / (moments.n + len(inside))
    if len(moments.mean) > 1:
        own = (1.0 - weight) * own + weight * moments.covariance.mean(axis=0)
    own = np.where(inside[:, None] & inside[None], own, _BEYOND * np.eye(len(own)))
    variance, vectors = np.linalg.eigh(own)
    variance, vectors = variance[::-1][:atoms], vectors[:, ::-1][:, :atoms]
    # Their signs are open: the largest entry of each is positive.
    largest = np.abs(vectors).argmax(axis=0)
    vectors = vectors * np.sign(vectors[largest, np.arange(vectors.shape[1])])
    return vectors.astype(np.float32), variance
