"""The field that interpolates a lattice of values, and the base that makes it."""

import jax
import jax.numpy as jnp

from wsjax.types import Field, Params
from wsjax.windowed.cutting import Layout, joined

__all__ = ["field", "picture_of", "with_picture"]


def field(form: Layout, *, atoms: int, candidates: int) -> Field:
    """A bilinear field over the pixels of a picture.

    Its params are `lattice/values` `[H, W, C]`, which the field interpolates, and
    `dictionary`, from which adapters compute the lattice of an instance: for each group
    of windows (`Layout.groups`) the `mean` `[G, M]` and orthonormal `atoms`
    `[G, M, R]`; and for each gain that a picture may keep, its `places` `[candidates]`
    among the R atoms of all windows. Beyond the centres of the outermost pixels the
    field is constant.

    Args:
      form: how a picture is cut into windows of M values.
      atoms: R, of each group.
      candidates: gains that a picture may keep.
    """
    height, width = form.size

    def init(key: jax.Array) -> Params:
        del key  # Nothing is drawn: a base is learnt in closed form.
        dictionary = {
            "mean": jnp.zeros((form.groups, form.numbers)),
            "atoms": jnp.zeros((form.groups, form.numbers, atoms)),
            "places": jnp.arange(candidates, dtype=jnp.int32),
        }
        windows = jnp.zeros((form.windows, form.numbers))
        return with_picture({"dictionary": dictionary}, windows, form)

    def features(params: Params, coord: jax.Array) -> jax.Array:
        del params
        lengths = jnp.array([height, width], coord.dtype)
        return jnp.clip((coord + 1.0) / 2.0 * lengths - 0.5, 0.0, lengths - 1.0)

    def head(params: Params, place: jax.Array) -> jax.Array:
        return picture_of(params["lattice"]["values"], place)

    return Field(init, features, head)


def picture_of(values: jax.Array, place: jax.Array) -> jax.Array:
    """Bilinear interpolation `[C]` of `values` `[H, W, C]` at a place in pixels."""
    low = jnp.floor(place).astype(int)
    high = jnp.minimum(low + 1, jnp.array(values.shape[:2]) - 1)
    (y, x), (top, left), (below, right) = place - low, low, high
    above = (1.0 - x) * values[top, left] + x * values[top, right]
    under = (1.0 - x) * values[below, left] + x * values[below, right]
    return (1.0 - y) * above + y * under


def with_picture(base: Params, windows: jax.Array, form: Layout) -> Params:
    """The params whose lattice is made of the windows `[K, M]`."""
    return {**base, "lattice": {"values": joined(windows, form)}}
