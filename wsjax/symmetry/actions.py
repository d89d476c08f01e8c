"""Groups that act on one instance: they mix rank components or move neurons.

A layer of a low-rank adapter holds `a` `[R, d_in]` and `b` `[R, d_out]`; the base's
kernels are `[d_in, d_out]` and only the product `a.T @ b` reaches them.
"""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
from chex import ArrayTree
from jax.typing import ArrayLike

from wsjax.types import Params

__all__ = [
    "Moves",
    "Wiring",
    "freedom",
    "is_admissible",
    "mix",
    "move_neurons",
    "permutation",
    "scaling",
]

Wiring = Mapping[str, tuple[str | None, str | None]]
"""`{layer: (space of its inputs, space of its outputs)}`; None may not be moved."""

Moves = Mapping[str, tuple[np.ndarray, np.ndarray]]
"""`{space: (order [d], scale [d])}`: the new channel j is the old channel `order[j]`
times `scale[j]`. Concrete values: they are checked on the host."""


def mix(adapter: ArrayTree, matrices: Mapping[str, ArrayLike]) -> ArrayTree:
    """Mixes rank components and leaves every product (Theorem 1, Remark 1).

    `a -> inv(G).T @ a` and `b -> G @ b`, hence `a.T @ b -> a.T @ inv(G) @ G @ b`.

    Args:
      adapter: low-rank adapter.
      matrices: `{layer: G [R, R]}`, invertible (not checked); the other layers and
        leaves stay as they are.

    Raises:
      ValueError: if a layer has no factors or its G has another shape.
    """
    mixed = dict(adapter)
    for name, matrix in matrices.items():
        layer = adapter.get(name, {})
        if not {"a", "b"} <= set(layer):
            raise ValueError(
                f"no factors to mix in {name!r}; there are {list(adapter)}"
            )
        a, b = jnp.asarray(layer["a"]), jnp.asarray(layer["b"])
        g = jnp.asarray(matrix, a.dtype)
        if g.shape != (len(a), len(a)):
            raise ValueError(
                f"{name!r} has rank {len(a)}, its matrix the shape {g.shape}"
            )
        mixed[name] = {**layer, "a": jnp.linalg.solve(g.T, a), "b": g @ b}
    return mixed


def permutation(order: np.ndarray) -> np.ndarray:
    """The G `[R, R]` that makes component `order[i]` the new component i.

    Raises:
      ValueError: if `order` does not hold each of 0 .. R - 1 once.
    """
    order = np.asarray(order)
    if not _is_permutation(order):
        raise ValueError(f"order must be a permutation, got {order.tolist()}")
    return np.eye(len(order))[order]


def scaling(scale: np.ndarray) -> np.ndarray:
    """The G `[R, R]` that takes b to `scale * b` and a to `a / scale`.

    Args:
      scale: `[R]` non-zero numbers; a negative one flips the signs of its component.

    Raises:
      ValueError: if a scale is zero or not finite.
    """
    scale = np.asarray(scale)
    if not np.all(np.isfinite(scale) & (scale != 0)):
        raise ValueError(f"scale must be finite and not zero, got {scale.tolist()}")
    return np.diag(scale)


def is_admissible(
    adapter: ArrayTree, free: ArrayTree, matrices: Mapping[str, ArrayLike]
) -> bool:
    """Whether `mix` by these matrices leaves all frozen entries at their values.

    Runs on the host. Values are equal within float32 rounding: they differ by at most
    `1e-6 + 1e-5 * abs(value)`.

    Args:
      adapter: low-rank adapter, frozen entries in place.
      free: booleans of its shape, as `Adapter.free` returns them.
      matrices: as for `mix`.
    """

    def kept(new, old, free):
        frozen = ~np.asarray(free)
        new, old = np.asarray(new)[frozen], np.asarray(old)[frozen]
        return np.allclose(new, old, rtol=1e-5, atol=1e-6)

    return all(
        jax.tree.leaves(jax.tree.map(kept, mix(adapter, matrices), adapter, free))
    )


def freedom(a: np.ndarray, free_a: np.ndarray) -> np.ndarray:
    """Dimensions of GL(R) that a mask leaves, for each row of `inv(G).T`.

    Row i has to reproduce the frozen entries of row i of `a`, which is one linear
    equation per frozen column (Corollary 2.2): generically 1 dimension is left if at
    least R - 1 entries are frozen to zero (the row's own scale), 0 if at least R are
    frozen to other values, R without a mask.

    Args:
      a: `[R, d_in]` factor, frozen entries in place.
      free_a: `[R, d_in]` booleans, False where frozen.

    Returns:
      `[R]` integers.
    """
    a, frozen = np.asarray(a), ~np.asarray(free_a)
    ranks = [np.linalg.matrix_rank(a[:, row]) if row.any() else 0 for row in frozen]
    return len(a) - np.array(ranks)


def move_neurons(params: Params, wiring: Wiring, moves: Moves) -> Params:
    """Permutes and scales the neurons of a field and leaves its function.

    Positive scales only: ReLU and leaky ReLU commute with these and no others.

    Args:
      params: a field's, or a whole adapter.
      wiring: of the field; see `wiring` of its module.
      moves: spaces that are not named stay as they are.

    Raises:
      ValueError: if a space is unknown, an order is no permutation of its channels or
        a scale is not positive.
    """
    _check_names(wiring, moves)
    moved = dict(params)
    for name, (source, target) in wiring.items():
        kernel, bias = params[name]["kernel"], params[name]["bias"]
        rows, shrink = _move(moves, source, kernel.shape[0])
        columns, grow = _move(moves, target, kernel.shape[1])
        kernel = _carried(_carried(kernel.T, rows, 1.0 / shrink).T, columns, grow)
        bias = _carried(bias, columns, grow)
        moved[name] = {**params[name], "kernel": kernel, "bias": bias}
    return moved


def _is_permutation(order: np.ndarray) -> bool:
    return np.array_equal(np.sort(order), np.arange(len(order)))


def _check_names(wiring: Wiring, moves: Moves) -> None:
    spaces = {space for pair in wiring.values() for space in pair if space is not None}
    if unknown := set(moves) - spaces:
        raise ValueError(f"cannot move {unknown}; the spaces are {sorted(spaces)}")


def _move(moves: Moves, space: str | None, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Order and scale `[size]` of one space, checked; the identity if not named."""
    if space is None or space not in moves:
        return np.arange(size), np.ones(size)
    order, scale = (np.asarray(x) for x in moves[space])
    if order.shape != (size,) or not _is_permutation(order):
        raise ValueError(
            f"{space!r} needs a permutation of {size} channels, got {order.tolist()}"
        )
    if scale.shape != (size,) or not np.all(np.isfinite(scale) & (scale > 0)):
        raise ValueError(
            f"{space!r} needs {size} positive scales, got {scale.tolist()}"
        )
    return order, scale


def _carried(x: jax.Array, order: np.ndarray, scale: np.ndarray | float) -> jax.Array:
    """Permutes the last axis of x, then scales it; the type of x is kept."""
    return x[..., order] * np.broadcast_to(np.asarray(scale, x.dtype), x.shape)
