"""Fields of shapes whose base codes cells of an octree: a representation in 3D.

The cube is cut into cells, and those that serve a shape best are cut again. A cell is
empty, full, or holds a code: the choice of one dictionary that all shapes share, the
base, and a few coefficients, from which follow signed distances at the nodes of a
lattice. The field interpolates these. A fit is solved without steps of an optimiser,
and its numbers go to where they put most volume on the right side.
"""

from wsjax.cells.adapters import cells
from wsjax.cells.cutting import Layout, layout
from wsjax.cells.dictionaries import learn
from wsjax.cells.field import field
from wsjax.cells.packing import pack, unpack

__all__ = ["Layout", "cells", "field", "layout", "learn", "pack", "unpack"]
