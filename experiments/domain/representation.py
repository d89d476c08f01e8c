"""One way to store instances: a field, an adapter, and the base that all share."""

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
    """One way to store an instance: its field, its adapter and the frozen base.

    `wiring` names the channels between the layers of the field; `standalone` says
    whether the base is the field's own shared initialisation.
    """

    name: str
    field: Field
    adapter: Adapter
    base: Params
    wiring: dict
    standalone: bool

    @property
    def masked(self) -> bool:
        """Whether some entries are frozen."""
        free = jax.tree.leaves(self.adapter.free(self.base))
        return not all(np.all(leaf) for leaf in free)


def start(folder: pathlib.Path, form: Representation) -> ArrayTree:
    """The consensus start that `fit` wrote; it also holds the frozen entries."""
    like = jax.eval_shape(form.adapter.init, jax.random.key(0), form.base)
    shard = store.read_shard(store.path_of(folder / "start", 0), like=like)
    return jax.tree.map(lambda x: x[0], shard.weights)


def entries(form: Representation, first: ArrayTree) -> Codec:
    """Codec between an adapter of this representation and its free entries."""
    return latent.free_entries(form.adapter.free(form.base), first)


def quality(
    form: Representation, base: Params
) -> Callable[[ArrayTree, Signal], jax.Array]:
    """`quality(adapter, signal) -> PSNR [] in dB` of an instance on all its points."""

    def score(adapter: ArrayTree, signal: Signal) -> jax.Array:
        points, values = signal
        params = form.adapter.merge(base, adapter)
        return psnr(fields.render(form.field, params, points), values)

    return score


def show(form: Representation, data: Data) -> Callable[[ArrayTree], np.ndarray]:
    """`show(stacked adapters) -> [n, *size, C]`, their values on the common grid."""
    render = renderer(form, data.grid)
    many = fit.over_instances(lambda _, adapter: render(adapter), chunk=4)
    return lambda adapters: data.domain.shown(
        many((), jax.tree.map(np.asarray, adapters))
    )


def renderer(
    form: Representation, grid: jax.Array | np.ndarray
) -> Callable[[ArrayTree], jax.Array]:
    """`render(adapter) -> values [P, C]` on a grid of points."""

    def render(adapter: ArrayTree) -> jax.Array:
        return fields.render(form.field, form.adapter.merge(form.base, adapter), grid)

    return render
