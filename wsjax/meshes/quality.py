"""What is wrong with a mesh, and the repairs that do no harm."""

from typing import NamedTuple

import igl
import numpy as np

from wsjax.meshes.crossing import crosses
from wsjax.meshes.doubled import other_sides
from wsjax.meshes.mesh import Mesh, merged, normalise, used

__all__ = ["FLAGS", "Quality", "SLIVER", "inspect", "repaired"]

FLAGS = (
    "open",  # Edges with one face.
    "non-manifold",  # Edges with more than two faces.
    "flipped faces",  # Neighbours that disagree about which side is outside.
    "inverted",  # Outside and inside swapped, as a whole or of one body.
    "self-intersecting",  # Faces that run through each other.
    "self-intersection not checked",  # Too many faces near each other.
    "several bodies",  # Parts that share no edge.
    "degenerate faces",  # No area.
    "duplicate faces",  # The same three vertices in any order, or a quad's other side.
)
SLIVER = 1e-12  # Doubled areas below, in a mesh of half side 1, are no area.


class Quality(NamedTuple):
    """What a mesh is like.

    `flags` out of `FLAGS`, in that order; counts of `faces`, `bodies` and
    `boundary_edges`; `volume` as signed by the faces as they are, in cubic units of
    the mesh: exact if it is closed, else about its centre.
    """

    flags: tuple[str, ...]
    faces: int
    bodies: int
    boundary_edges: int
    volume: float


def inspect(mesh: Mesh, *, most_pairs: int = 20_000_000) -> Quality:
    """Looks for what makes inside and outside of a mesh doubtful.

    Vertices at exactly the same place count as one.

    Args:
      mesh: finite, with an extent.
      most_pairs: bounds the search for self-intersections; see `crosses`.

    Raises:
      ValueError: if no face has an area.
    """
    whole, scale = _framed(mesh)
    sound = Mesh(whole.vertices, whole.faces[_sound_rows(whole)])
    _, counts, same_way = _edges(sound.faces)
    bodies = _bodies(sound.faces)
    crossing = crosses(mesh, most_pairs=most_pairs)
    found = {
        "open": (counts == 1).any(),
        "non-manifold": (counts > 2).any(),
        "flipped faces": same_way.any(),
        "inverted": _inside_out(_agreeing(sound)).any(),
        "self-intersecting": crossing is True,
        "self-intersection not checked": crossing is None,
        "several bodies": bodies.max() > 0,
        "degenerate faces": (_areas(whole) <= SLIVER).any(),
        "duplicate faces": len(sound.faces) < _distinct(whole.faces).sum(),
    }
    return Quality(
        tuple(flag for flag in FLAGS if found[flag]),
        len(mesh.faces),
        int(bodies.max()) + 1,
        int((counts == 1).sum()),
        float(_volumes(whole).sum() * scale**3),
    )


def repaired(mesh: Mesh) -> Mesh:
    """Makes the repairs that move no surface.

    Vertices at the same place are joined; all but one of each set of duplicate faces
    go, and so do degenerate ones; neighbours are made to agree on which side is
    outside, as most of the area had it; and what is inside out is turned: the whole
    mesh if its volume is negative, then each closed body of negative volume that
    is no cavity inside another, then the open bodies if their volume is negative
    together. Holes, self-intersections and non-manifold edges stay: the winding number
    [Jacobson et al. 2013, Robust inside-outside segmentation] sees past them. Where a
    face without area went, the mesh has a slit without width.

    Args:
      mesh: finite, with an extent.

    Returns:
      The mesh with the remaining faces in their order, and only vertices they use.

    Raises:
      ValueError: if every face is degenerate.
    """
    whole, _ = _framed(mesh)
    sound = Mesh(whole.vertices, whole.faces[_sound_rows(whole)])
    faces = _agreeing(sound).faces
    faces = _turn(faces, _inside_out(Mesh(sound.vertices, faces)))
    return used(Mesh(merged(mesh).vertices, faces[_areas(sound) > SLIVER]))


def _framed(mesh: Mesh) -> tuple[Mesh, float]:
    """Joins vertices, then scales to half side 1; the faces stay in their order."""
    framed, frame = normalise(merged(mesh), reach=1.0)
    return framed, frame.scale


def _sound_rows(mesh: Mesh) -> np.ndarray:
    """Rows of the faces with three different vertices, the first of each set."""
    if not (_areas(mesh) > SLIVER).any():
        raise ValueError("expected a mesh with a face that has an area, found none")
    rows = np.flatnonzero(_distinct(mesh.faces))
    corners = np.sort(mesh.faces[rows], axis=1)
    _, first = np.unique(corners, axis=0, return_index=True)
    rows = rows[np.sort(first)]
    return rows[~other_sides(mesh.vertices, mesh.faces[rows])]


def _distinct(faces: np.ndarray) -> np.ndarray:
    return (faces != np.roll(faces, 1, axis=1)).all(axis=1)


def _edges(faces: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The edge of each side `[F, 3]`; per edge `[E]` its faces, and if two go one way.

    Two neighbours that agree on the outside run along their edge in opposite ways.
    """
    ends = np.stack([faces, np.roll(faces, -1, axis=1)], axis=-1).reshape(-1, 2)
    key = ends.min(axis=1) * (faces.max() + 1) + ends.max(axis=1)
    _, place, counts = np.unique(key, return_inverse=True, return_counts=True)
    ways = np.bincount(place, weights=np.where(ends[:, 0] < ends[:, 1], 1, -1))
    return place.reshape(-1, 3), counts, (counts == 2) & (ways != 0)


def _bodies(faces: np.ndarray) -> np.ndarray:
    """The body `[F]` of each face, from 0: faces that hang together by edges."""
    return igl.facet_components(faces)[1]


def _agreeing(mesh: Mesh) -> Mesh:
    """Turns faces so that neighbours agree, in each patch as most of its area had it.

    A patch ends at non-manifold edges, across which nothing can be said.
    """
    oriented, patch = igl.bfs_orient(mesh.faces)
    area = _areas(mesh)
    turned = (oriented != mesh.faces).any(axis=1)
    share = np.bincount(patch, weights=area * turned) / np.bincount(patch, weights=area)
    return Mesh(mesh.vertices, _turn(mesh.faces, turned ^ (share > 0.5)[patch]))


def _inside_out(mesh: Mesh) -> np.ndarray:
    """Which faces `[F]` have to be turned, of a mesh whose neighbours agree."""
    body = _bodies(mesh.faces)
    place, counts, _ = _edges(mesh.faces)
    closed = np.bincount(body, weights=(counts[place] == 1).any(axis=1)) == 0
    volume = np.bincount(body, weights=_volumes(mesh))
    whole = bool(volume.sum() < -SLIVER)
    volume = -volume if whole else volume
    turned = ~closed & (volume[~closed].sum() < -SLIVER)
    hollow = closed & (volume < -SLIVER)
    turned |= hollow & ~_within(mesh, body, hollow, closed & (volume > SLIVER), whole)
    return turned[body] ^ whole


def _within(mesh: Mesh, body, inner, outer, whole: bool) -> np.ndarray:
    """Which `inner` bodies lie entirely inside the `outer` ones, as flags per body."""
    inside = inner.copy()
    if inner.any() and outer.any():
        walls = _turn(mesh.faces, np.full(len(mesh.faces), whole))[outer[body]]
        at = inner[body]
        points = mesh.vertices[mesh.faces[at]].mean(axis=1)
        winding = igl.fast_winding_number(mesh.vertices, walls, points)
        inside[body[at][winding < 0.5]] = False
    return inside & outer.any()


def _turn(faces: np.ndarray, turned: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(np.where(turned[:, None], faces[:, ::-1], faces))


def _areas(mesh: Mesh) -> np.ndarray:
    """Twice the area `[F]` of each face."""
    a, b, c = (mesh.vertices[mesh.faces[:, k]] for k in range(3))
    return np.linalg.norm(np.cross(b - a, c - a), axis=1)


def _volumes(mesh: Mesh) -> np.ndarray:
    """The signed volume `[F]` between each face and the origin."""
    a, b, c = (mesh.vertices[mesh.faces[:, k]] for k in range(3))
    return np.einsum("fk,fk->f", a, np.cross(b, c)) / 6
