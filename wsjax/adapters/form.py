"""In which form an adapter is applied: the cheaper one, or at lower precision.

Merged, every instance multiplies by a kernel of its own. Attached, all instances
multiply by the base's kernel and apply their factors beside it. Both forms compute the
same function. `cheapest` picks one for each layer, by counting the floating point
operations of one step of a fit, forward and backward, over P points:

  merged    6 P d_in d_out + 6 R d_in d_out      (the second: the product of factors)
  gates     4 K P d_in d_out                     (mLoRA; no gradient of a kernel)
  update    4 P d_in d_out + 6 P R (d_in + d_out)        (LoRA)

So additive factors are attached wherever R is small, multiplicative ones at K = 1.
"""

import jax
from chex import ArrayTree

from wsjax.types import Adapter, Params

__all__ = ["attached_is_cheaper", "cheapest", "rounded"]


def cheapest(adapter: Adapter, *, points: int) -> Adapter:
    """The same adapter, but `merge` leaves a layer attached where that is cheaper.

    Args:
      adapter: any.
      points: P, how many the field is evaluated at in one step.
    """

    def merge(base: Params, weights: ArrayTree) -> Params:
        merged, attached = adapter.merge(base, weights), adapter.attach(base, weights)
        chosen = {}
        for name, layer in attached.items():
            kept = attached_is_cheaper(layer, points=points)
            chosen[name] = layer if kept else merged[name]
        return chosen

    return adapter._replace(merge=merge)


def attached_is_cheaper(layer: Params, *, points: int) -> bool:
    """Whether a layer with factors beside its kernel costs less than a merged one.

    False for a layer without factors: there is nothing to choose.
    """
    if "gates" in layer:
        rank = len(layer["gates"]["inputs"])
        cost = 4 * rank * points
    elif "update" in layer:
        (rank, d_in), (_, d_out) = (layer["update"][k].shape for k in ("a", "b"))
        cost = 4 * points + 6 * points * rank * (1 / d_in + 1 / d_out)
    else:
        return False
    return cost < 6 * points + 6 * rank


def rounded(adapter: Adapter, dtype: str) -> Adapter:
    """The same adapter, but merged kernels multiply in a lower precision.

    Factors, gradients, biases and sums keep their precision: the weights that a fit
    updates are never rounded.

    Args:
      adapter: any.
      dtype: of the kernels, such as "bfloat16".
    """

    def merge(base: Params, weights: ArrayTree) -> Params:
        def lower(path, leaf):
            return leaf.astype(dtype) if path[-1].key == "kernel" else leaf

        return jax.tree_util.tree_map_with_path(lower, adapter.merge(base, weights))

    return adapter._replace(merge=merge)
