"""Fits of one instance from one start and from others at given distances from it."""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from chex import ArrayTree

from experiments.domain.data import Data
from experiments.domain.representation import Representation
from experiments.fitting import engine
from experiments.fitting.engine import FitOptions
from experiments.running.keys import keys, keys_of
from wsjax import tree
from wsjax.analysis import structure
from wsjax.fit import over_instances

__all__ = ["Perturbation", "PerturbedFits", "draw", "refit"]


class Perturbation(NamedTuple):
    """How far another start lies from the first one, towards another draw.

    `kind`: "lambda" for the strength of `wsjax.analysis.structure.perturbed`, or
    "displaced" for the distance of its function `displaced`; `size`: the number.
    """

    kind: str
    size: float

    @property
    def key(self) -> str:
        """How the keys of metrics end, such as "displaced_0.3"."""
        return f"{self.kind}_{self.size:.3g}"


class PerturbedFits(NamedTuple):
    """Fits of n instances, S each: the first unperturbed, then one per perturbation.

    `starts`, `weights`: adapters `[n * S, ...]`, ordered by instance; `kernels`
    `[n, S - 1]`: displacement of the merged kernels that each start has; `shape`:
    (n, S).
    """

    starts: ArrayTree
    weights: ArrayTree
    kernels: np.ndarray
    shape: tuple[int, int]


def draw(form: Representation, key: jax.Array) -> ArrayTree:
    """Draws one random start; that of a standalone field is a new initialisation."""
    if not form.standalone:
        return form.adapter.init(key, form.base)
    base = {**form.field.init(key), "fourier": form.base["fourier"]}
    return form.adapter.init(key, base)


def refit(
    options: FitOptions,
    form: Representation,
    data: Data,
    rows: np.ndarray,
    perturbations: Sequence[Perturbation],
    *,
    chunk: int,
) -> PerturbedFits:
    """Fits instances from one start, the same for all, and from perturbed ones.

    The second draw and the order of the points are an instance's own, the same for all
    its fits.

    Args:
      options: how to fit.
      form: the representation.
      data: the data set.
      rows: n numbers of instances.
      perturbations: of the start.
      chunk: instances that one device fits at once.
    """
    first = draw(form, keys(options.seed)["start"])
    fit_one = engine.make_fit_one(options, form, data, precision="float32")

    def from_perturbed(shared, second, key, signal, size, relative):
        base, first = shared
        draws = form.adapter.centre(base), first, second
        start = jax.tree.map(
            lambda x, y: jnp.where(relative, x, y),
            structure.displaced(*draws, size, free=form.adapter.free(base)),
            structure.perturbed(*draws, size),
        )
        kernels = (_kernels(form, base, x) for x in (first, start))
        moved = structure.displacement(*kernels)
        return start, fit_one((base, start), key, signal)[0], moved

    # Size 0 is no perturbation, of either kind.
    sizes = np.float32([0.0, *(p.size for p in perturbations)])
    relative = np.array([False, *(p.kind == "displaced" for p in perturbations)])
    draw_keys, fit_keys = jax.vmap(jax.random.split, out_axes=1)(
        keys_of(options.seed, "structure", rows)
    )
    # Not inside of the compiled fit: to compile all draws takes as long as to fit.
    second = jax.device_get(jax.vmap(lambda key: draw(form, key))(draw_keys))
    each = np.repeat(np.arange(len(rows)), len(sizes))
    many = over_instances(from_perturbed, chunk=chunk, group=options.group)
    starts, weights, moved = many(
        (form.base, first),
        tree.row(second, each),
        fit_keys[each],
        data.signals(rows[each]),
        np.tile(sizes, len(rows)),
        np.tile(relative, len(rows)),
    )
    shape = len(rows), len(sizes)
    return PerturbedFits(starts, weights, moved.reshape(shape)[:, 1:], shape)


def _kernels(form: Representation, base: ArrayTree, adapter: ArrayTree) -> ArrayTree:
    """Kernels of the field that an adapter makes, of the layers that it changes."""
    merged = form.adapter.merge(base, adapter)
    return {name: merged[name]["kernel"] for name in adapter}
