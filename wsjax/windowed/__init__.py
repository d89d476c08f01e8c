"""Fields of pictures whose base is a dictionary of windows: representations in 2D.

A picture is cut into windows. The base holds the principal components of training
windows, its *atoms*; an instance multiplies them by its *gains*. That is mLoRA of rank
one in every window: the kernel W, one column per atom, becomes W * (1 g^T), where g are
the window's gains, and the field sums its columns. Both factors that mLoRA would fit by
steps are known in closed form: such a fit is a projection, the Karhunen-Loeve transform
of transform coding (Shoham and Gersho 1988 for how numbers are shared among windows),
and a base is learnt by an eigendecomposition. Between pixels the field is bilinear.

`gains` gives each window as many gains; `allotted` gives each window one of several
dictionaries and as many gains as serve the whole picture best.
"""

from wsjax.windowed.adapters import allotted, gains
from wsjax.windowed.cutting import Layout, cut, joined, layout
from wsjax.windowed.dictionaries import learn
from wsjax.windowed.field import field

__all__ = ["Layout", "allotted", "cut", "field", "gains", "joined", "layout", "learn"]
