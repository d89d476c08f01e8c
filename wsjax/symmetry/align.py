"""Aligns one instance with a reference of the same shape; on the host.

A distance that remains after alignment is not due to the choice of representatives. Do
not align masked adapters: their mask fixes the order of components, and these moves
would break it.
"""

import jax
import numpy as np
from chex import ArrayTree
from scipy.optimize import linear_sum_assignment

from wsjax.symmetry.actions import Wiring, mix, move_neurons, permutation
from wsjax.symmetry.canonical import balanced
from wsjax.types import Params

__all__ = ["neurons_to", "permuted_to"]


def permuted_to(adapter: ArrayTree, reference: ArrayTree) -> ArrayTree:
    """Balances an adapter and gives its components the reference's order and signs.

    In each layer it applies the signed permutation that has the largest inner product
    with the balanced reference (exact, by the Hungarian method). Products stay.
    """
    adapter = balanced(adapter)
    return mix(adapter, _matrices(adapter, balanced(reference)))


def neurons_to(params: Params, reference: Params, wiring: Wiring) -> Params:
    """Puts the neurons of a field into the reference's order; the function stays.

    Weight matching of Ainsworth et al. 2023 (Git Re-Basin, section 3.2): one space at a
    time gets the order with the largest inner product of all its weights, until no
    space improves. This is exact for one hidden space, else a local optimum. Neurons
    are permuted, never scaled.

    Args:
      params: a field's, or a whole adapter.
      reference: of the same shapes; layers outside the wiring are ignored.
      wiring: of the field.

    Returns:
      Params of the same function, as numpy arrays.

    Raises:
      ValueError: if a layer leads from a space back to itself: its two sides move at
        once, which is not an assignment problem.
    """
    for name, (source, target) in wiring.items():
        if source is not None and source == target:
            raise ValueError(f"{name!r} leads from {source!r} back to itself")
    params = jax.tree.map(np.asarray, params)
    spaces = sorted({space for pair in wiring.values() for space in pair if space})
    improved = True
    while improved:
        improved = False
        for space in spaces:
            overlap = _overlap(params, reference, wiring, space)
            rows, order = linear_sum_assignment(overlap, maximize=True)
            gain = overlap[rows, order].sum() - np.trace(overlap)
            # Less than this is rounding, which could go round in circles.
            if gain > 1e-12 * np.abs(overlap).sum():
                move = {space: (order, np.ones(len(order)))}
                params, improved = move_neurons(params, wiring, move), True
    return params


def _matrices(adapter: ArrayTree, reference: ArrayTree) -> dict[str, np.ndarray]:
    """`{layer: signed permutation [R, R]}` of all layers that have factors."""

    def stacked(layer: ArrayTree) -> np.ndarray:
        factors = [np.asarray(layer[name], np.float64) for name in ("a", "b")]
        return np.concatenate(factors, axis=1)

    return {
        name: _signed_permutation(stacked(layer), stacked(reference[name]))
        for name, layer in adapter.items()
        if "a" in layer
    }


def _signed_permutation(ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    overlap = theirs @ ours.T
    rows, order = linear_sum_assignment(np.abs(overlap), maximize=True)
    signs = np.where(overlap[rows, order] < 0, -1.0, 1.0)
    return signs[:, None] * permutation(order)


def _overlap(
    params: Params, reference: Params, wiring: Wiring, space: str
) -> np.ndarray:
    """`[d, d]` inner products of neurons in one space: reference's row, our column."""
    overlap = np.zeros(())
    for name, (source, target) in wiring.items():
        ours, theirs = (
            {leaf: np.asarray(tree[name][leaf], np.float64) for leaf in tree[name]}
            for tree in (params, reference)
        )
        if source == space:
            overlap = overlap + theirs["kernel"] @ ours["kernel"].T
        if target == space:
            overlap = overlap + theirs["kernel"].T @ ours["kernel"]
            overlap = overlap + np.outer(theirs["bias"], ours["bias"])
    return overlap
