"""A representation: the field, the adapter, and the base that all instances share."""

import pathlib
from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np
from chex import ArrayTree

from experiments.domain.data import Data
from wsjax import fields, fit, latent, store
from wsjax.metrics.reconstruction import psnr
from wsjax.types import Adapter, Codec, Field, Params, Signal


class Representation(NamedTuple):
    """A way to store instances as weights: field, adapter and frozen base.

    `name`: a key of `adapters.ADAPTERS`, such as "lora", or of
    `representations.FAMILIES`; `wiring`: which channels the
    layers of the field share, for permutations of neurons; `standalone`: whether
    instances have whole fields of their own, so that `base` is only their shared
    initialisation and was not trained.
    """

    name: str
    field: Field
    adapter: Adapter
    base: Params
    wiring: dict
    standalone: bool

    @property
    def masked(self) -> bool:
        """Whether some entries of the adapter are frozen."""
        free = jax.tree.leaves(self.adapter.free(self.base))
        return not all(np.all(leaf) for leaf in free)


def start(folder: pathlib.Path, form: Representation) -> ArrayTree:
    """Reads the start that all fits in `folder` share, frozen entries included."""
    like = jax.eval_shape(form.adapter.init, jax.random.key(0), form.base)
    shard = store.read_shard(store.path_of(folder / "start", 0), like=like)
    return jax.tree.map(lambda x: x[0], shard.weights)


def entries(form: Representation, first: ArrayTree) -> Codec:
    """Codec between an adapter and the vector `[K]` by which weights are modelled.

    That is the adapter's own (`Adapter.opened`), else the vector of its free entries;
    `decode` then takes the frozen ones from `first`, an adapter such as the start.
    """
    if form.adapter.opened is not None:
        return form.adapter.opened(form.base)
    return latent.free_entries(form.adapter.free(form.base), first)


def modelled(form: Representation) -> ArrayTree:
    """Booleans with a True for each number of the vector of `entries`, in its order."""
    if form.adapter.opened is None:
        return form.adapter.free(form.base)
    codec, centre = form.adapter.opened(form.base), form.adapter.centre(form.base)
    vector = jax.eval_shape(codec.encode, centre)
    return {form.name: {"opened": np.ones(vector.shape, bool)}}


def quality(
    form: Representation, base: Params
) -> Callable[[ArrayTree, Signal], jax.Array]:
    """Returns `score(adapter, signal) -> PSNR []` in dB, over all points."""

    def score(adapter: ArrayTree, signal: Signal) -> jax.Array:
        points, values = signal
        params = form.adapter.merge(base, adapter)
        return psnr(fields.render(form.field, params, points), values)

    return score


def show(form: Representation, data: Data) -> Callable[[ArrayTree], np.ndarray]:
    """Returns `show(stacked adapters) -> [n, *size, C]`, clipped values on the grid."""
    render = renderer(form, data.grid)
    many = fit.over_instances(lambda _, adapter: render(adapter), chunk=4)
    return lambda adapters: data.domain.shown(
        many((), jax.tree.map(np.asarray, adapters))
    )


def renderer(
    form: Representation, grid: jax.Array | np.ndarray
) -> Callable[[ArrayTree], jax.Array]:
    """Returns `render(adapter) -> values [P, C]` at the points `grid` `[P, D]`."""

    def render(adapter: ArrayTree) -> jax.Array:
        return fields.render(form.field, form.adapter.merge(form.base, adapter), grid)

    return render
