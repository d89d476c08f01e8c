"""Weight sets of other projects in, ours out; knows of files and leaves only."""

from wsjax.exchange.export import to_npz, to_safetensors
from wsjax.exchange.foreign import Foreign, read_foreign, to_set

__all__ = ["Foreign", "read_foreign", "to_npz", "to_safetensors", "to_set"]
