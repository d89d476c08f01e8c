"""Lattices of shapes: measured from their meshes once, when they are first asked for.

A lattice takes seconds and most representations need none. So it is no part of what
`wsjax.data.shape_cache` samples, and lies in a file of its own beside the samples.
"""

import io
import os

import numpy as np

from wsjax import files
from wsjax.data import shape_cache
from wsjax.meshes import lattice
from wsjax.meshes.mesh import Mesh

__all__ = ["LATTICE", "MEMBERS", "load"]

LATTICE = "lattice"
"""Name of the array; see `wsjax.meshes.lattice`."""

MEMBERS = (*shape_cache.MEMBERS, LATTICE)
"""All that can be read of a shape."""


def load(file: str, names: tuple[str, ...]) -> list[np.ndarray]:
    """Reads some arrays of one shape, like `shape_cache.load`; measures its lattice.

    Raises:
      ValueError: as `shape_cache.load`, or if a lattice is asked for and the shape has
        no mesh, as point clouds have none.
      OSError: if the cache cannot be written.
    """
    stored = tuple(name for name in names if name != LATTICE)
    arrays = dict(zip(stored, shape_cache.load(file, stored), strict=True))
    if LATTICE in names:
        arrays[LATTICE] = _lattice(file)
    return [arrays[name] for name in names]


def _lattice(file: str) -> np.ndarray:
    path = f"{os.path.splitext(file)[0]}.lattice{lattice.VERSION}.npz"
    if (found := _kept(path)) is not None:
        return found
    vertices, faces = shape_cache.load(file, ("vertices", "faces"))
    if not len(faces):
        raise ValueError(
            f"{file}: expected a mesh, of which a lattice is measured, found none; "
            "take a representation that is fitted to points"
        )
    mesh = Mesh(vertices.astype(np.float64), faces.astype(np.int64))
    values = lattice.distances(mesh)
    content = io.BytesIO()
    np.savez_compressed(content, allow_pickle=False, lattice=values)
    files.write_bytes(path, content.getvalue())
    return values


def _kept(path: str) -> np.ndarray | None:
    """The lattice in a file of the cache, None if it is missing or damaged."""
    try:
        with np.load(path) as arrays:
            return arrays["lattice"]
    except Exception:  # Whatever is wrong with it, it is measured again.
        return None
