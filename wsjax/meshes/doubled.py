"""Quads that are there twice, once for each side, cut along different diagonals."""

import numpy as np

__all__ = ["CLOSE", "other_sides"]

CLOSE = 1e-5  # Of a quad's area: what float32 vertices leave of a plane.


def other_sides(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Finds the triangles of the second of each two quads that lie back to back.

    Two triangles are taken for a quad if they alone share an edge and lie in one plane.
    Programs that write a double-sided quad as triangles may cut its sides along
    different diagonals, so that no two triangles have the same corners.

    Args:
      vertices: `[V, 3]`, no two at the same place.
      faces: `[F, 3]` rows of `vertices`, no two with the same corners.

    Returns:
      `[F]` booleans.
    """
    marked = np.zeros(len(faces), bool)
    pairs, diagonals, ends = _across_edges(faces)
    quads = np.concatenate([diagonals, ends], axis=1)
    order = np.lexsort((pairs.min(axis=1), *np.sort(quads, axis=1).T))
    quads, pairs, diagonals = quads[order], pairs[order], diagonals[order]
    sorted_quads = np.sort(quads, axis=1)
    first = np.flatnonzero((sorted_quads[1:] == sorted_quads[:-1]).all(axis=1))
    # The diagonals of a quad share no corner.
    crossed = (diagonals[first, :, None] != diagonals[first + 1, None]).all(axis=(1, 2))
    first = first[crossed]
    one, other = (_areas(vertices, faces[pairs[rows]]) for rows in (first, first + 1))
    size = np.linalg.norm(one, axis=-1).sum(axis=1)
    back = np.linalg.norm(other, axis=-1).sum(axis=1)
    corners = vertices[quads[first]]
    edges = corners[:, 1:] - corners[:, :1]
    flat = np.abs(np.linalg.det(edges)) <= CLOSE * size**1.5
    opposite = np.linalg.norm((one + other).sum(axis=1), axis=-1) <= CLOSE * size
    same = np.abs(size - back) <= CLOSE * size
    marked[pairs[first + 1][flat & opposite & same]] = True
    return marked


def _across_edges(faces: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The two faces, the edge's ends and the corners across, of edges of two faces."""
    sides = np.stack([faces, np.roll(faces, -1, axis=1)], axis=-1).reshape(-1, 2)
    sides, across = np.sort(sides, axis=1), np.roll(faces, 1, axis=1).ravel()
    order = np.lexsort(sides.T)
    same = (sides[order[1:]] == sides[order[:-1]]).all(axis=1)
    alone = same & ~np.append(same[1:], False) & ~np.append(False, same[:-1])
    first, second = order[:-1][alone], order[1:][alone]
    pairs = np.stack([first, second], axis=1)
    return pairs // 3, sides[first], across[pairs]


def _areas(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Twice the vector areas `[..., 3]` of triangles `[..., 3]`."""
    a, b, c = (vertices[faces[..., k]] for k in range(3))
    return np.cross(b - a, c - a)
