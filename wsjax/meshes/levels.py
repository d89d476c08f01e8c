"""What the bytes of a lattice mean: see `wsjax.meshes.lattice`, which measures one.

Here are numbers alone, so that whoever reads lattices needs no geometry library.
"""

__all__ = ["LARGEST", "REACH"]

LARGEST = 127.0
"""What a byte holds for the value 1."""

REACH = 4.0
"""Cells of the lattice beyond which values do not grow."""
