"""Symmetries: changes of the weights that leave a field's function as it is.

Two groups act on an instance. GL(R) mixes the rank components of a low-rank adapter
(Theorem 1, Remark 1); a mask leaves a part of it (Corollary 2.2). Permutations and
positive scalings move the neurons of the base or of a standalone field. `actions`
applies them, `canonical` removes them, `align` undoes them against a reference.
"""

from wsjax.symmetry.actions import (
    freedom,
    is_admissible,
    mix,
    move_neurons,
    permutation,
    scaling,
)
from wsjax.symmetry.align import neurons_to, permuted_to
from wsjax.symmetry.canonical import balanced, canonicaliser, spectral

__all__ = [
    "balanced",
    "canonicaliser",
    "freedom",
    "is_admissible",
    "mix",
    "move_neurons",
    "neurons_to",
    "permutation",
    "permuted_to",
    "scaling",
    "spectral",
]
