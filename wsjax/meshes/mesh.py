"""A triangle mesh and the frame that fields see it in."""

from typing import NamedTuple

import numpy as np

__all__ = [
    "BadMesh",
    "Frame",
    "Mesh",
    "check_corners",
    "merged",
    "normalise",
    "restore",
    "used",
]


class BadMesh(Exception):
    """A file that holds no usable mesh; its message is the reason, one line."""


class Mesh(NamedTuple):
    """A triangle mesh.

    `vertices` `[V, 3]` float64; `faces` `[F, 3]` int64 rows of `vertices`,
    counter-clockwise as seen from outside.
    """

    vertices: np.ndarray
    faces: np.ndarray


class Frame(NamedTuple):
    """Where a mesh lay: `original = scale * normalised + centre`.

    `centre` `[3]` and `scale`, both in the units of the original.
    """

    centre: np.ndarray
    scale: float


def check_corners(faces: np.ndarray, count: int) -> None:
    """Raises `BadMesh` unless each corner in `faces` is one of `count` vertices."""
    if not faces.size:
        return
    low, high = int(faces.min()), int(faces.max())
    if low < 0 or high >= count:
        wrong = low if low < 0 else high
        raise BadMesh(f"a face uses vertex {wrong}, expected 0 to {count - 1}")


def normalise(mesh: Mesh, *, reach: float = 0.9) -> tuple[Mesh, Frame]:
    """Moves a mesh into [-1, 1]^3: bounding box centred, longest half side `reach`.

    Args:
      mesh: any mesh; vertices that no face uses count too.
      reach: half of the longest side afterwards.

    Returns:
      The mesh with the same faces, and the frame that `restore` undoes it with.

    Raises:
      ValueError: if the mesh has no vertices, one that is not finite, or no extent,
        or if `reach` is not positive.
    """
    if not reach > 0:
        raise ValueError(f"reach= needs a positive number, got {reach!r}")
    if not len(mesh.vertices) or not np.isfinite(mesh.vertices).all():
        raise ValueError(
            f"expected a mesh of finite vertices [V, 3], got {len(mesh.vertices)}"
            " vertices with some that are not finite or none at all"
        )
    low, high = mesh.vertices.min(axis=0), mesh.vertices.max(axis=0)
    frame = Frame((low + high) / 2, float((high - low).max() / 2 / reach))
    if not frame.scale > 0:
        raise ValueError("expected a mesh with an extent, got one point")
    return Mesh((mesh.vertices - frame.centre) / frame.scale, mesh.faces), frame


def restore(mesh: Mesh, frame: Frame) -> Mesh:
    """Moves a normalised mesh back to where it lay; undoes `normalise`."""
    return Mesh(mesh.vertices * frame.scale + frame.centre, mesh.faces)


def merged(mesh: Mesh) -> Mesh:
    """Joins vertices at exactly the same place; every face stays where it is.

    Vertices keep the order in which they first appear; 0 and -0 are one place.
    """
    order = np.lexsort(mesh.vertices.T)  # Stable: the first of equals comes first.
    placed = mesh.vertices[order]
    new = np.ones(len(order), bool)
    new[1:] = (placed[1:] != placed[:-1]).any(axis=1)
    first = order[new]
    place = np.empty(len(order), np.int64)
    place[order] = np.cumsum(new) - 1
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return Mesh(mesh.vertices[np.sort(first)], rank[place][mesh.faces])


def used(mesh: Mesh) -> Mesh:
    """Drops the vertices that no face uses; the others keep their order."""
    kept = np.zeros(len(mesh.vertices), bool)
    kept[mesh.faces] = True
    return Mesh(mesh.vertices[kept], (np.cumsum(kept) - 1)[mesh.faces])
