"""Self-intersections of a mesh."""

import numpy as np

from wsjax.meshes.mesh import Mesh, merged, normalise

__all__ = ["FLAT", "crosses"]

FLAT = 1e-12  # Six-fold volumes below, in a mesh of half side 1, count as touching.


def crosses(mesh: Mesh, *, most_pairs: int = 20_000_000) -> bool | None:
    """Tells whether two faces of a mesh cross each other.

    Two faces cross if an edge of one pierces the other or crosses one of its edges, but
    not if they share an edge, touch at a corner, or lie in one plane. Candidate pairs
    come from a sweep along the axis on which fewest bounding boxes overlap.

    Args:
      mesh: any mesh; vertices at the same place count as one.
      most_pairs: the search is given up if more pairs overlap along that axis.

    Returns:
      Whether two faces cross; None if the search was given up.
    """
    mesh = merged(normalise(mesh, reach=1.0)[0])
    corners = mesh.vertices[mesh.faces]
    low, high = corners.min(axis=1), corners.max(axis=1)
    orders = [np.argsort(low[:, axis], kind="stable") for axis in range(3)]
    spans = [_spans(low[order, a], high[order, a]) for a, order in enumerate(orders)]
    axis = int(np.argmin([span.sum() for span in spans]))
    order, span = orders[axis], spans[axis]
    if span.sum() > most_pairs:
        return None
    low, high, faces = low[order], high[order], mesh.faces[order]
    # As many faces at a time as have about a million pairs together.
    cuts = np.searchsorted(np.cumsum(span), np.arange(1e6, span.sum(), 1e6))
    for rows in np.split(np.arange(len(order)), np.unique(cuts)):
        first = np.repeat(rows, span[rows])
        steps = np.arange(len(first)) - np.repeat(
            np.cumsum(span[rows]) - span[rows], span[rows]
        )
        second = first + 1 + steps
        near = ((low[first] <= high[second]) & (low[second] <= high[first])).all(axis=1)
        one, other = faces[first[near]], faces[second[near]]
        if _pierce(mesh.vertices, one, other) or _pierce(mesh.vertices, other, one):
            return True
    return False


def _spans(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Per interval, sorted by `low` `[F]`, how many later ones start before its end."""
    return np.searchsorted(low, high, side="right") - 1 - np.arange(len(low))


def _pierce(vertices: np.ndarray, faces: np.ndarray, others: np.ndarray) -> bool:
    """Whether an edge of `others` `[P, 3]` pierces its partner in `faces` `[P, 3]`."""
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    for k in range(3):
        start, end = others[:, k], others[:, k - 2]
        apart = (faces != start[:, None]).all(axis=1) & (faces != end[:, None]).all(
            axis=1
        )
        p, q = vertices[start], vertices[end]
        below, above = _volume(a, b, c, p), _volume(a, b, c, q)
        through = apart & (np.minimum(below, above) < -FLAT)
        through &= np.maximum(below, above) > FLAT
        # The line lies on one side of all three edges; at a corner it only touches.
        sides = np.stack([_volume(p, q, u, v) for u, v in ((a, b), (b, c), (c, a))])
        inside = (sides >= -FLAT).all(axis=0) | (sides <= FLAT).all(axis=0)
        at_corner = (np.abs(sides) <= FLAT).sum(axis=0) >= 2
        if (through & inside & ~at_corner).any():
            return True
    return False


def _volume(a, b, c, d) -> np.ndarray:
    """Six times the signed volume of the tetrahedra `[P]` of corners `[P, 3]`."""
    return np.einsum("pk,pk->p", np.cross(b - a, c - a), d - a)
