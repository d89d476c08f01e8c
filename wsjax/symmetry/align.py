"""Lines one instance up with a reference of the same shape; on the host.

What is left of a distance after that is not due to a choice of representative. Masked
adapters are lined up by their mask already: these moves would take it apart.
"""

from collections.abc import Callable

import jax
import numpy as np
from chex import ArrayTree
from scipy.linalg import orthogonal_procrustes
from scipy.optimize import linear_sum_assignment

from wsjax.symmetry.actions import Wiring, mix, move_neurons, permutation
from wsjax.symmetry.canonical import balanced
from wsjax.types import Params


def permuted_to(adapter: ArrayTree, reference: ArrayTree) -> ArrayTree:
    """Balanced adapter, its rank components in the order and signs of the reference's.

    Layer by layer the signed permutation with the largest inner product with the
    balanced reference (exact, by the Hungarian method). Products stay.
    """
    adapter = balanced(adapter)
    return mix(adapter, _matrices(_signed_permutation, adapter, balanced(reference)))


def rotated_to(adapter: ArrayTree, reference: ArrayTree) -> ArrayTree:
    """Adapter with its rank components rotated towards the reference's; products stay.

    Layer by layer the orthogonal matrix with the smallest distance between the stacked
    factors `[a, b]` (orthogonal Procrustes). Apply `spectral` to both before, so that
    rotations are all that is left of GL(R).
    """
    return mix(adapter, _matrices(_rotation, adapter, reference))


def neurons_to(params: Params, reference: Params, wiring: Wiring) -> Params:
    """Field with its neurons in the order of the reference's; the function stays.

    Weight matching of Ainsworth et al. 2023 (Git Re-Basin, section 3.2): one space at a
    time gets the order with the largest inner product of all its weights, until none
    improves. Exact for one hidden space, else a local optimum. Permutations only: the
    scales of the neurons stay.

    Args:
      params: a field's, or a whole adapter.
      reference: of the same shapes; layers outside the wiring are not looked at.
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


def _matrices(find: Callable, adapter: ArrayTree, reference: ArrayTree) -> dict:
    """`{layer: G [R, R]}` of all layers that have factors."""

    def stacked(layer):
        factors = [np.asarray(layer[name], np.float64) for name in ("a", "b")]
        return np.concatenate(factors, axis=1)

    return {
        name: find(stacked(layer), stacked(reference[name]))
        for name, layer in adapter.items()
        if "a" in layer
    }


def _signed_permutation(ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    overlap = theirs @ ours.T
    rows, order = linear_sum_assignment(np.abs(overlap), maximize=True)
    signs = np.where(overlap[rows, order] < 0, -1.0, 1.0)
    return signs[:, None] * permutation(order)


def _rotation(ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    return orthogonal_procrustes(ours.T, theirs.T)[0].T


def _overlap(
    params: Params, reference: Params, wiring: Wiring, space: str
) -> np.ndarray:
    """`[d, d]` inner products of neurons in one space: reference's row, our column."""
    overlap = 0.0
    for name, (source, target) in wiring.items():
        ours, theirs = (
            {leaf: np.asarray(tree[name][leaf], np.float64) for leaf in tree[name]}
            for tree in (params, reference)
        )
        if source == space:
            overlap += theirs["kernel"] @ ours["kernel"].T
        if target == space:
            overlap += theirs["kernel"].T @ ours["kernel"]
            overlap += np.outer(theirs["bias"], ours["bias"])
    return overlap
