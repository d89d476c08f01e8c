"""One canonical representative for all adapters that mean the same.

The functions remove the freedom that a mask leaves of GL(R), without a reference: the
scale and sign of each rank component, or all of GL(R). They are pure functions of one
adapter.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from chex import ArrayTree

__all__ = ["Factors", "balanced", "canonicaliser", "spectral"]

Factors = tuple[jax.Array, jax.Array]


def balanced(adapter: ArrayTree) -> ArrayTree:
    """Removes scale and sign of every rank component; products stay.

    Both vectors of a component get the same norm, and the entries of b a positive sum
    (a component whose sum is exactly zero keeps its sign). A component that is zero in
    a or in b contributes nothing and becomes all zeros. Layers and leaves that are not
    factors are kept.
    """
    return {name: _on_factors(_balance, layer) for name, layer in adapter.items()}


def spectral(adapter: ArrayTree) -> ArrayTree:
    """Removes all of GL(R): the singular components of each product, balanced.

    They are sorted, largest first. Singular values below the rounding of the largest
    count as zero, and their components become all zeros; R stays. The directions of
    equal singular values remain undetermined. Otherwise as `balanced`.
    """
    return {name: _on_factors(_diagonalise, layer) for name, layer in adapter.items()}


def canonicaliser(
    free: ArrayTree, start: ArrayTree
) -> Callable[[ArrayTree], ArrayTree]:
    """Returns `canonical(adapter)`, which removes exactly the freedom the mask leaves.

    By layer (Corollary 2.2): `spectral` where nothing in `a` is frozen; `balanced`
    where entries are frozen to zero, enough of them for `freedom` to be 1; unchanged
    where any is frozen to another value, and where there are no factors. Frozen entries
    keep their values. The choice is made here, on the host, so that `canonical` itself
    can be mapped and compiled.

    Args:
      free: concrete booleans shaped like the adapter, as `Adapter.free` returns them.
      start: concrete adapter with the frozen values in place, as `Adapter.init`
        returns it; nothing else of it is used.
    """
    forms = {name: _form(free[name], start[name]) for name in start}

    def canonical(adapter: ArrayTree) -> ArrayTree:
        return {
            name: _on_factors(forms[name], layer) for name, layer in adapter.items()
        }

    return canonical


def _form(free: ArrayTree, start: ArrayTree) -> Callable[..., Factors] | None:
    """The function that removes the freedom of one layer; None if it has none."""
    if "a" not in start:
        return None
    frozen = np.asarray(start["a"])[~np.asarray(free["a"])]
    if not frozen.size:
        return _diagonalise
    return None if np.any(frozen) else _balance


def _on_factors(form: Callable[..., Factors] | None, layer: ArrayTree) -> ArrayTree:
    if form is None or "a" not in layer:
        return layer
    a, b = form(jnp.asarray(layer["a"]), jnp.asarray(layer["b"]))
    return {**layer, "a": a, "b": b}


def _balance(a: jax.Array, b: jax.Array) -> Factors:
    norm_a, norm_b = (jnp.linalg.norm(x, axis=1, keepdims=True) for x in (a, b))
    alive = (norm_a > 0) & (norm_b > 0)
    # Stand-ins keep the branch that is not taken finite.
    scale = jnp.sqrt(jnp.where(alive, norm_a, 1.0) / jnp.where(alive, norm_b, 1.0))
    scale = jnp.where(jnp.sum(b, axis=1, keepdims=True) < 0, -scale, scale)
    return jnp.where(alive, a / scale, 0.0), jnp.where(alive, b * scale, 0.0)


def _diagonalise(a: jax.Array, b: jax.Array) -> Factors:
    """SVD of `a.T @ b` through its `[R, R]` core: no `[d_in, d_out]` matrix is made."""
    left, core_a = jnp.linalg.qr(a.T)
    right, core_b = jnp.linalg.qr(b.T)
    u, sizes, vt = jnp.linalg.svd(core_a @ core_b.T, full_matrices=False)
    rounding = max(a.shape[1], b.shape[1]) * jnp.finfo(sizes.dtype).eps * sizes[0]
    sizes = jnp.where(sizes > rounding, sizes, 0.0)
    new_a, new_b = _balance((left @ u).T, sizes[:, None] * (right @ vt.T).T)
    # A layer with fewer channels than R has fewer singular components as well.
    missing = ((0, len(a) - len(sizes)), (0, 0))
    return jnp.pad(new_a, missing), jnp.pad(new_b, missing)
