"""How instances are drawn: as their pixels, or as a shaded picture of a surface."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from chex import ArrayTree


class Views(NamedTuple):
    """Functions that draw fields, and the instances themselves, as pictures in [0, 1].

    `of_adapters(stacked) -> [n, H, W, C]` draws the fields of stacked adapters;
    `of_rows(rows) -> [n, H, W, C]` draws instances of the data set; `zoom`: factor by
    which a sheet of pictures enlarges each pixel.
    """

    of_adapters: Callable[[ArrayTree], np.ndarray]
    of_rows: Callable[[np.ndarray], np.ndarray]
    zoom: int
