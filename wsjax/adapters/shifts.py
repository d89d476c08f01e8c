"""Shifts of biases: functa's modulation (Dupont et al. 2022).

An instance adds a vector to the bias of each hidden layer of the base, and nothing
else: all instances multiply by the same kernels. In functa proper these shifts are a
linear map of one short vector, the latent, and the map is learnt with the base.
"""

import jax
import jax.numpy as jnp
from chex import ArrayTree

from wsjax.adapters.factors import adapted
from wsjax.types import Adapter, Params

__all__ = ["shifts"]

_MAPS = "modulation"  # Entry of the base with the map of each layer.


def shifts(*, latent: int | None = None) -> Adapter:
    """Additive adapter on the biases of all layers but the last.

    A fresh adapter is zero and changes nothing. Without a latent it is `{layer:
    {"bias": [d_out]}}`, with one `{"latent": {"code": [M]}}`; then the base holds the
    map, `{"modulation": {layer: [M, d_out]}}`, which `extend` draws with a variance of
    1 / M.

    Args:
      latent: M, numbers of an instance; None: the shifts themselves are free.

    Raises:
      ValueError: from `init` and what follows it, if there is a latent and the base has
        no map of it.
    """
    if latent is None:
        return _of(_zeros, lambda base, adapter: adapter)
    return _of(
        lambda base: {"latent": {"code": jnp.zeros(latent)}},
        lambda base, adapter: _mapped(base, adapter["latent"]["code"]),
    )._replace(extend=lambda key, base: _with_maps(key, base, latent))


def _of(start, shifts_of) -> Adapter:
    """The adapter that begins at `start(base)` and means `shifts_of(base, adapter)`."""

    def init(key: jax.Array, base: Params) -> ArrayTree:
        del key  # The start is the base.
        return start(base)

    def merge(base: Params, adapter: ArrayTree) -> Params:
        params = dict(base)
        for name, shift in shifts_of(base, adapter).items():
            bias = base[name]["bias"] + shift["bias"]
            params[name] = {**base[name], "bias": bias}
        return params

    def free(base: Params) -> ArrayTree:
        return jax.tree.map(lambda x: jnp.ones(x.shape, bool), start(base))

    return Adapter(init, merge, merge, free, start)


def _hidden(base: Params) -> dict[str, int]:
    """Channels that each hidden layer writes, by its name."""
    names = [name for name in adapted(base) if name != "output"]
    return {name: base[name]["kernel"].shape[1] for name in names}


def _zeros(base: Params) -> ArrayTree:
    return {name: {"bias": jnp.zeros(d)} for name, d in _hidden(base).items()}


def _mapped(base: Params, code: jax.Array) -> ArrayTree:
    if _MAPS not in base:
        raise ValueError(
            f"the base should hold {_MAPS!r}, the map from a latent to shifts; found "
            f"{sorted(base)}; make it with the `extend` of this adapter"
        )
    return {name: {"bias": code @ weights} for name, weights in base[_MAPS].items()}


def _with_maps(key: jax.Array, base: Params, latent: int) -> Params:
    if _MAPS in base:
        return base
    hidden = _hidden(base)
    keys = jax.random.split(key, len(hidden))
    maps = {
        name: jax.random.normal(own, (latent, d)) / jnp.sqrt(latent)
        for own, (name, d) in zip(keys, hidden.items(), strict=True)
    }
    return {**base, _MAPS: maps}
