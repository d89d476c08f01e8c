"""The field that interpolates a lattice of distances."""

import jax
import jax.numpy as jnp

from wsjax.cells.cutting import Layout
from wsjax.meshes.levels import REACH
from wsjax.types import Field, Params

__all__ = ["field", "interpolated"]


def field(form: Layout, *, clamp: float) -> Field:
    """A trilinear field over the nodes of a lattice: continuous everywhere.

    Its params are `lattice/values` `[L + 1] * 3`, which the field interpolates, and
    `dictionaries`, from which adapters compute the lattice of a shape; see
    `wsjax.cells.dictionaries`.

    Args:
      form: see `Layout`.
      clamp: distance by which the values of the data set are divided.
    """
    scale = REACH * 2.0 / form.lattice / clamp

    def init(key: jax.Array) -> Params:
        del key  # Nothing is drawn: a base is learnt from shapes.
        dictionaries = {}
        for side, ranks in zip(form.sides, form.ranks, strict=True):
            if ranks:
                dictionaries[f"side{side}"] = _empty(form, side, ranks)
        values = jnp.ones([form.lattice + 1] * 3)
        return {"dictionaries": dictionaries, "lattice": {"values": values}}

    def features(params: Params, coord: jax.Array) -> jax.Array:
        del params
        return jnp.clip((coord + 1.0) / 2.0 * form.lattice, 0.0, form.lattice)

    def head(params: Params, place: jax.Array) -> jax.Array:
        return scale * interpolated(params["lattice"]["values"], place)[None]

    return Field(init, features, head)


def interpolated(values: jax.Array, place: jax.Array) -> jax.Array:
    """Trilinear interpolation `[]` of `values` `[L + 1] * 3` at a place in cells."""
    low = jnp.clip(jnp.floor(place), 0, len(values) - 2).astype(int)
    part = place - low
    corners = jax.lax.dynamic_slice(values, low, (2, 2, 2))
    for axis in range(3):
        corners = (1.0 - part[axis]) * corners[0] + part[axis] * corners[1]
    return corners


def _empty(form: Layout, side: int, ranks: tuple[int, ...]) -> Params:
    """The dictionaries of one level, all zero."""
    nodes = (side + 1) ** 3
    atoms = form.atoms(side)
    tables = {
        f"rank{rank}": {
            "mean": jnp.zeros((form.dictionaries, atoms)),
            "kernel": jnp.zeros((form.dictionaries, atoms, rank)),
        }
        for rank in ranks
    }
    return {"atoms": jnp.zeros((nodes, atoms)), **tables}
