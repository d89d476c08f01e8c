"""Building blocks of parametric shapes: convex parts, lofts, turned parts, unions."""

import itertools

import manifold3d
import numpy as np
from manifold3d import Manifold

from wsjax.meshes.mesh import Mesh

__all__ = [
    "box",
    "hull",
    "loft",
    "pair",
    "pick",
    "prism",
    "ring",
    "rod",
    "tilted",
    "turned",
    "union",
]

_ALIKE = 1e-4  # Vertices closer together are merged, or slivers would stay.


def box(low, high, *, bevel: float = 0.03) -> Manifold:
    """A box between two corners `[3]` whose edges are cut off at 45 degrees."""
    low, high = np.minimum(low, high), np.maximum(low, high)
    bevel = min(bevel, 0.45 * float((high - low).min()))
    ends = np.stack([low + bevel, high - bevel], 1)
    inner = np.array(list(itertools.product(*ends)))
    sign = np.sign(inner - (low + high) / 2)
    outward = [sign * bevel * np.eye(3)[axis] for axis in range(3)]
    return Manifold.hull_points(np.concatenate([inner + step for step in outward]))


def ring(axis: int, at: float, half, *, centre=(0.0, 0.0), power=2.0, sides=24):
    """A superellipse `[sides, 3]` across an axis, |u/a|^power + |v/b|^power = 1.

    Args:
      axis: 0, 1, 2 for x, y, z; u and v are the two axes that follow it cyclically.
      at: the place on the axis.
      half: half axes (a, b).
      centre: middle (u, v).
      power: 2 is an ellipse, more comes closer to a rectangle.
      sides: how many points, counter-clockwise as seen from the axis' far end.
    """
    angle = 2 * np.pi * (np.arange(sides) + 0.5) / sides
    points = np.full((sides, 3), float(at))
    for shift, wave in ((1, np.cos(angle)), (2, np.sin(angle))):
        along = np.sign(wave) * np.abs(wave) ** (2 / power)
        points[:, (axis + shift) % 3] = centre[shift - 1] + half[shift - 1] * along
    return points


def loft(rings) -> Manifold:
    """Joins rings `[R, N, 3]` in their order; the first and last are closed flat.

    Each ring runs counter-clockwise as seen from the last; the ends are convex.
    """
    rings = np.asarray(rings)
    count, sides, _ = rings.shape
    here = np.arange(count * sides).reshape(count, sides)
    there = np.roll(here, -1, axis=1)
    low, high, low_next, high_next = here[:-1], here[1:], there[:-1], there[1:]
    walls = [
        np.stack([low, low_next, high_next], -1),
        np.stack([low, high_next, high], -1),
    ]
    second = np.arange(1, sides - 1)
    fan = np.stack([np.zeros_like(second), second, second + 1], -1)
    faces = [wall.reshape(-1, 3) for wall in walls]
    faces += [fan[:, ::-1], fan + (count - 1) * sides]
    return Manifold(
        manifold3d.Mesh64(rings.reshape(-1, 3), np.concatenate(faces).astype(np.uint64))
    )


def turned(profile, *, centre=(0.0, 0.0), sides: int = 32) -> Manifold:
    """A part turned about the y axis; `profile` are (radius, y), y ascending.

    `centre` is where the axis stands, (x, z).
    """
    middle = (centre[1], centre[0])
    return loft([ring(1, y, (r, r), centre=middle, sides=sides) for r, y in profile])


def hull(*points) -> Manifold:
    """The convex hull of point sets `[N, 3]`."""
    return Manifold.hull_points(np.concatenate([np.asarray(p, float) for p in points]))


def rod(start, end, radius, *, end_radius=None, sides: int = 16) -> Manifold:
    """A round bar between two points `[3]`, ends cut across and slightly rounded."""
    start, end = np.asarray(start, float), np.asarray(end, float)
    end_radius = radius if end_radius is None else end_radius
    length = float(np.linalg.norm(end - start))
    along = (end - start) / length
    side = np.cross(along, np.eye(3)[np.argmin(np.abs(along))])
    side /= np.linalg.norm(side)
    angle = 2 * np.pi * (np.arange(sides) + 0.5) / sides
    circle = np.outer(np.cos(angle), side)
    circle += np.outer(np.sin(angle), np.cross(along, side))
    cut = min(0.25 * min(radius, end_radius), length / 4)
    rows = [(0.0, radius - cut), (cut, radius)]
    rows += [(length - cut, end_radius), (length, end_radius - cut)]
    return hull(*[start + at * along + r * circle for at, r in rows])


def prism(
    outline, axis: int, low: float, high: float, *, bevel: float = 0.03
) -> Manifold:
    """A convex outline `[N, 2]` drawn out along an axis, its rims bevelled.

    The outline lies in the two axes that follow `axis` cyclically.
    """
    outline = np.asarray(outline, float)
    middle = (outline.min(axis=0) + outline.max(axis=0)) / 2
    reach = (outline.max(axis=0) - outline.min(axis=0)) / 2
    inner = middle + (outline - middle) * (1 - bevel / reach)
    layers = [(low, inner), (low + bevel, outline)]
    layers += [(high - bevel, outline), (high, inner)]
    sheets = []
    for at, drawn in layers:
        points = np.full((len(outline), 3), float(at))
        points[:, (axis + 1) % 3], points[:, (axis + 2) % 3] = drawn.T
        sheets.append(points)
    return hull(*sheets)


def pair(*parts: Manifold) -> list[Manifold]:
    """The parts and their mirror images across x = 0."""
    return [*parts, *[part.mirror((1, 0, 0)) for part in parts]]


def tilted(part: Manifold, degrees: float, pivot) -> Manifold:
    """Turns a part about the x axis through `pivot` (y, z); positive leans back."""
    y, z = pivot
    part = part.translate((0, -y, -z)).rotate((-degrees, 0, 0))
    return part.translate((0, y, z))


def union(parts) -> Mesh:
    """One closed surface around all parts, which must hang together."""
    solid = Manifold.batch_boolean(list(parts), manifold3d.OpType.Add)
    mesh = solid.simplify(_ALIKE).to_mesh64()
    return Mesh(
        np.array(mesh.vert_properties[:, :3], np.float64),
        np.array(mesh.tri_verts, np.int64),
    )


def pick(generator: np.random.Generator, *choices):
    """One of the choices, each as likely."""
    return choices[generator.integers(len(choices))]
