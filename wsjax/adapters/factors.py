"""Low-rank factors of the layers of a base field, shared by all adapters."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
from chex import ArrayTree

from wsjax.types import Params

__all__ = ["Shapes", "adapted", "factor_shapes", "filled", "free_factors", "shifted"]

Shapes = dict[str, dict[str, tuple[int, ...]]]
"""Shapes of an adapter's leaves, such as `{"layer_0": {"a": (2, 8), "b": (2, 5)}}`."""


def adapted(base: Params) -> list[str]:
    """Sorted names of the layers that own a kernel."""
    return sorted(name for name, layer in base.items() if "kernel" in layer)


def factor_shapes(
    base: Params,
    rank: int,
    *,
    ranks: Mapping[str, int] | None = None,
    biases: bool = False,
) -> Shapes:
    """`{layer: {"a": (R, d_in), "b": (R, d_out)}}` of low-rank factors.

    Args:
      base: params of the base field.
      rank: R of every layer that `ranks` does not name.
      ranks: R of single layers, such as `{"output": 1}`; 0 leaves a layer as it is.
      biases: adds `"bias": (d_out,)`, what the instance adds to the layer's bias.

    Raises:
      ValueError: if `ranks` names a layer that the base does not have.
    """
    names, ranks = adapted(base), ranks or {}
    unknown = sorted(set(ranks) - set(names))
    if unknown:
        raise ValueError(f"ranks names unknown layers {unknown}; there are {names}")
    shapes: Shapes = {}
    for name in names:
        d_in, d_out = base[name]["kernel"].shape
        if r := ranks.get(name, rank):
            shapes[name] = {"a": (r, d_in), "b": (r, d_out)}
            if biases:
                shapes[name]["bias"] = (d_out,)
    return shapes


def filled(shapes: Shapes, values: Mapping[str, float]) -> ArrayTree:
    """An adapter of these shapes; every leaf is constant.

    Args:
      shapes: from `factor_shapes`.
      values: the constant of each kind of leaf, such as `{"a": 1.0}`; 0 if not named.
    """
    return {
        name: {
            leaf: jnp.full(shape, values.get(leaf, 0.0))
            for leaf, shape in layer.items()
        }
        for name, layer in shapes.items()
    }


def free_factors(shapes: Shapes) -> ArrayTree:
    """`Adapter.free` without a mask: every entry of every factor is free."""
    return jax.tree.map(lambda x: jnp.ones(x.shape, bool), filled(shapes, {}))


def shifted(layer: Params, factors: ArrayTree, kernel: jax.Array) -> Params:
    """The layer with `kernel` in place of its own, and the adapter's bias added."""
    shift = {"bias": layer["bias"] + factors["bias"]} if "bias" in factors else {}
    return {**layer, "kernel": kernel, **shift}
