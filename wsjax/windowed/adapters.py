"""What one picture adds to a base of windows: its gains."""

import jax
import jax.numpy as jnp
from chex import ArrayTree

from wsjax.types import Adapter, Codec, Params
from wsjax.windowed.cutting import Layout, cut
from wsjax.windowed.field import with_picture
from wsjax.windowed.packing import kept, packed, unpacked

__all__ = ["gains"]


def gains(form: Layout, *, numbers: int, candidates: int) -> Adapter:
    """`{"gains": {"numbers": [N]}}`: the largest of M gains, and which they are.

    See `wsjax.windowed.packing`. `Adapter.opened` gives the vector `[M]` of all gains,
    0 where they are not kept, in the order of how much they vary in training pictures.
    Steps on a loss move the kept gains alone, as a choice has no gradient. The start is
    the mean of training pictures. Numbers of fewer than 32 bits lose the choice.

    Args:
      form: how a picture is cut.
      numbers: N; if there are no fewer than candidates, as many of them, and all gains
        are kept.
      candidates: M, gains that a picture may keep.

    Raises:
      ValueError: if the numbers cannot hold the places of the candidates and one gain.
    """
    if kept(numbers, candidates) < 1:
        raise ValueError(
            f"numbers={numbers} should hold a bit for each of {candidates} candidates, "
            "24 in a number, and at least one gain; take more numbers, or fewer "
            "candidates"
        )

    def start(base: Params) -> ArrayTree:
        return {"gains": {"numbers": jnp.zeros(min(numbers, candidates))}}

    def init(key: jax.Array, base: Params) -> ArrayTree:
        del key
        return start(base)

    def free(base: Params) -> ArrayTree:
        return jax.tree.map(lambda x: jnp.ones(x.shape, bool), start(base))

    def merge(base: Params, adapter: ArrayTree) -> Params:
        mean, atoms, places = _parts(base)
        own = unpacked(adapter["gains"]["numbers"], candidates)
        spread = jnp.zeros(form.windows * atoms.shape[-1]).at[places].set(own)
        spread = spread.reshape(len(mean), -1, atoms.shape[-1])
        windows = mean[:, None] + jnp.einsum("gdr,gkr->gkd", atoms, spread)
        return with_picture(base, windows.reshape(form.windows, -1), form)

    def solve(base: Params, values: jax.Array) -> ArrayTree:
        mean, atoms, places = _parts(base)
        windows = cut(values, form).reshape(len(mean), -1, form.numbers)
        products = jnp.einsum("gkd,gdr->gkr", windows - mean[:, None], atoms)
        return {"gains": {"numbers": packed(products.reshape(-1)[places], numbers)}}

    def opened(base: Params) -> Codec:
        del base
        return Codec(
            lambda adapter: unpacked(adapter["gains"]["numbers"], candidates),
            lambda vector: {"gains": {"numbers": packed(vector, numbers)}},
        )

    return Adapter(init, merge, merge, free, start, solve, opened=opened)


def _parts(base: Params) -> tuple[jax.Array, jax.Array, jax.Array]:
    # A base from disk is of NumPy arrays, which no traced place could index.
    mean, atoms, places = (
        jnp.asarray(base["dictionary"][name]) for name in ("mean", "atoms", "places")
    )
    return mean, atoms, places
