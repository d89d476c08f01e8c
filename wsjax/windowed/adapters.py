"""What one picture adds to a base of windows: gains, or gains that are allotted."""

import jax
import jax.numpy as jnp
from chex import ArrayTree

from wsjax.types import Adapter, Params
from wsjax.windowed.allotment import allot, ranks_of, shares
from wsjax.windowed.cutting import Layout, cut
from wsjax.windowed.field import with_picture

__all__ = ["allotted", "gains"]


def gains(form: Layout, *, rank: int) -> Adapter:
    """`{"windows": {"gains": [K, R]}}`: R gains in each of the K windows.

    They start at 0, the mean of training windows. They belong to the first R atoms of
    the base's only dictionary.
    """

    def start(base: Params) -> ArrayTree:
        return {"windows": {"gains": jnp.zeros((form.windows, rank))}}

    def merge(base: Params, adapter: ArrayTree) -> Params:
        dictionary = base["dictionaries"]
        kernel = dictionary["atoms"][0, :, :rank]
        windows = dictionary["mean"] + adapter["windows"]["gains"] @ kernel.T
        return with_picture(base, windows, form)

    def solve(base: Params, values: jax.Array) -> ArrayTree:
        dictionary = base["dictionaries"]
        kernel = dictionary["atoms"][0, :, :rank]
        products = (cut(values, form) - dictionary["mean"]) @ kernel
        return {"windows": {"gains": products / shares(kernel)[None]}}

    return _closed(start, merge, solve)


def allotted(form: Layout, *, numbers: int) -> Adapter:
    """N numbers for the whole picture, where windows take as many as serve it best.

    `{"windows": {"choice": [K], "gains": [N - K]}}`: a window's choice is a whole
    number that stands for its dictionary j and its rank r, j * (Q + 1) + r; the gains
    of all windows follow each other. A choice costs a number, as a gain does.

    Args:
      form: how a picture is cut.
      numbers: N.

    Raises:
      ValueError: if there are not more numbers than windows.
    """
    if numbers <= form.windows:
        raise ValueError(
            f"numbers={numbers} should be above the {form.windows} windows, each of "
            "which takes one for its choice; take more numbers, or a larger side"
        )
    spare = numbers - form.windows

    def start(base: Params) -> ArrayTree:
        none = {"choice": jnp.zeros(form.windows), "gains": jnp.zeros(spare)}
        return {"windows": none}

    def merge(base: Params, adapter: ArrayTree) -> Params:
        # A base from disk is of NumPy arrays, which no traced choice could index.
        atoms, mean = (jnp.asarray(base["dictionaries"][k]) for k in ("atoms", "mean"))
        own = adapter["windows"]
        which, rank = ranks_of(own["choice"], len(mean), atoms.shape[-1])
        ends = jnp.cumsum(rank)
        order = jnp.arange(atoms.shape[-1])[None]
        places = (ends - rank)[:, None] + order
        found = own["gains"][jnp.minimum(places, spare - 1)]
        # Generated choices may ask for more gains than there are.
        held = (order < rank[:, None]) & (places < spare)
        added = jnp.einsum("kmq,kq->km", atoms[which], jnp.where(held, found, 0.0))
        return with_picture(base, mean[which] + added, form)

    def solve(base: Params, values: jax.Array) -> ArrayTree:
        return {"windows": allot(base["dictionaries"], cut(values, form), spare)}

    return _closed(start, merge, solve)


def _closed(start, merge, solve) -> Adapter:
    """An adapter with one start for all and all entries free, which `solve` fits."""

    def init(key: jax.Array, base: Params) -> ArrayTree:
        del key
        return start(base)

    def free(base: Params) -> ArrayTree:
        return jax.tree.map(lambda x: jnp.ones(x.shape, bool), start(base))

    return Adapter(init, merge, merge, free, start, solve)
