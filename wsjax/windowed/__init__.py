"""Fields of pictures whose base is a dictionary of windows: a representation in 2D.

A picture is cut into windows. The base holds the principal components of training
windows, its *atoms*; an instance multiplies them by its *gains*. That is mLoRA of rank
one in every window: the kernel W, one column per atom, becomes W * (1 g^T), where g are
the window's gains, and the field sums its columns. Both factors that mLoRA would fit by
steps are known in closed form: such a fit is a projection, the Karhunen-Loeve transform
of transform coding, and a base is learnt by an eigendecomposition. Between pixels the
field is bilinear.

Training decides which gains are worth considering, the same for all pictures; of these
every picture keeps its largest (DeVore, Jawerth and Lucier 1992), and one bit for each
says which. So a picture has few numbers, and unpacked they are a vector whose entries
mean the same in every picture.
"""

from wsjax.windowed.adapters import gains
from wsjax.windowed.cutting import Layout, cut, joined, layout
from wsjax.windowed.dictionaries import learn
from wsjax.windowed.field import field
from wsjax.windowed.packing import kept, packed, unpacked

__all__ = ["Layout", "cut", "field", "gains", "joined", "kept", "layout", "learn"]
__all__ += ["packed", "unpacked"]
