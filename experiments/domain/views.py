"""What an instance looks like: its pixels, or its surface in a shaded picture."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from chex import ArrayTree


class Views(NamedTuple):
    """Pictures in [0, 1] of fields and of the instances themselves.

    `of_adapters(stacked) -> [n, H, W, C]` shows fields, `of_rows(rows) -> [n, H, W, C]`
    instances. `zoom` is how much larger a sheet shows each pixel.
    """

    of_adapters: Callable[[ArrayTree], np.ndarray]
    of_rows: Callable[[np.ndarray], np.ndarray]
    zoom: int
