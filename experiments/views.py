"""What an instance looks like: its pixels, or its surface in a shaded picture."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np
from chex import ArrayTree
from ml_collections import ConfigDict

from experiments import dataset, parts, surfaces
from wsjax import tree
from wsjax.data import shapes
from wsjax.meshes.picture import picture

_SIDE = 112  # Pixels of a shape's picture.


class Views(NamedTuple):
    """`of_adapters(stacked) -> [n, H, W, C]` and `of_rows(rows) -> [n, H, W, C]`.

    The first shows fields, the second the instances themselves, both in [0, 1].
    `zoom` is how much larger a sheet shows each pixel.
    """

    of_adapters: Callable[[ArrayTree], np.ndarray]
    of_rows: Callable[[np.ndarray], np.ndarray]
    zoom: int


def make(config: ConfigDict, form: parts.Representation, data: dataset.Data) -> Views:
    """The views of the recipe's data set in one representation."""
    if data.shapes is None:
        return _pictures(form, data)
    mesh_of = surfaces.mesher(config, form)

    def of_adapters(stacked):
        n = len(jax.tree.leaves(stacked)[0])
        return _shaded(lambda i: mesh_of(tree.row(stacked, i)), range(n))

    def of_rows(rows):
        return _shaded(lambda row: shapes.read_mesh(data.shapes, row), rows)

    return Views(of_adapters, of_rows, zoom=1)


def _shaded(mesh_of: Callable, items) -> np.ndarray:
    found = surfaces.in_parallel(lambda x: picture(mesh_of(x), size=_SIDE), items)
    return np.stack(found)


def _pictures(form: parts.Representation, data: dataset.Data) -> Views:
    render = jax.jit(jax.vmap(parts.renderer(form, data.grid)))

    def of_adapters(stacked):
        return data.shown(np.asarray(render(stacked)))

    return Views(of_adapters, lambda rows: data.shown(data.values(rows)), zoom=2)
