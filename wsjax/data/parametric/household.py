"""Lamps, loudspeakers and tables."""

import numpy as np

from wsjax.data.parametric import solids
from wsjax.data.parametric.solids import box, loft, pair, pick, ring, rod, turned
from wsjax.meshes.mesh import Mesh

__all__ = ["lamp", "loudspeaker", "table"]


def lamp(generator: np.random.Generator) -> Mesh:
    """A foot, a stem and a shade, to stand on a table or on the floor, or to hang."""
    draw = generator.uniform
    kind = pick(generator, "table", "table", "floor", "floor", "hanging")
    stem = draw(0.075, 0.1)
    if kind == "hanging":
        shade = _shade(generator, draw(0.46, 0.56), 0, draw(0.5, 0.65), draw)
        plate = draw(0.26, 0.36)
        rose = turned([(plate, 1.64), (plate, 1.74), (plate - 0.08, 1.8)])
        return solids.union([shade, rose, rod((0, 0.3, 0), (0, 1.7, 0), stem)])
    tall, wide = draw(0.6, 0.8), draw(0.5, 0.62)
    if kind == "floor":
        tall, wide = draw(0.45, 0.58), draw(0.38, 0.48)
    shade = _shade(generator, wide, 1.8 - tall, 1.8, draw)
    foot = _foot(generator, kind, stem, 1.8 - tall, draw)
    pole = rod((0, 0.05, 0), (0, 2.1 - tall, 0), stem)
    return solids.union([shade, pole, *foot])


def _shade(generator, radius, low, high, draw):
    """A thick shade, hollow from below."""
    kind = pick(generator, "cone", "drum", "dome")
    if kind == "dome":
        angle = np.linspace(0, np.pi / 2 * 0.93, 10)
        outer = [(radius * np.cos(a), low + (high - low) * np.sin(a)) for a in angle]
    else:
        neck = radius * (draw(0.4, 0.6) if kind == "cone" else draw(0.9, 1.0))
        outer = [(radius - 0.02, low), (radius, low + 0.03)]
        outer += [(neck, high - 0.03), (neck - 0.04, high)]
    mouth, deep = radius - draw(0.13, 0.16), draw(0.14, 0.24)
    hollow = [(mouth, low - 0.1), (mouth, low), (0.75 * mouth, low + deep)]
    return turned(outer) - turned(hollow)


def _foot(generator, kind, stem, top, draw):
    shape = pick(generator, "disc", "cone", "vase" if kind == "table" else "tripod")
    radius = draw(0.36, 0.46) if kind == "table" else draw(0.32, 0.44)
    if shape == "disc":
        return [turned([(radius, 0), (radius, 0.12), (radius - 0.06, draw(0.15, 0.2))])]
    if shape == "cone":
        return [turned([(radius, 0), (radius, 0.12), (stem + 0.02, draw(0.3, 0.55))])]
    if shape == "vase":
        belly, waist = draw(0.28, 0.4), draw(0.35, 0.6) * top
        height = np.linspace(0, 1, 9)
        bulge = np.sin(np.pi * height ** draw(0.7, 1.2)) ** 0.8
        width = draw(0.2, 0.28) * (1 - height) + stem * height
        rows = np.stack([np.maximum(width, belly * bulge), height * (waist + 0.45)], 1)
        return [turned(rows)]
    turns = np.deg2rad([90, 210, 330])
    feet = [(radius * np.cos(a), 0, radius * np.sin(a)) for a in turns]
    return [rod((0, draw(0.6, 0.75), 0), foot, 0.08) for foot in feet]


def loudspeaker(generator: np.random.Generator) -> Mesh:
    """An upright cabinet with round drivers in its front."""
    draw = generator.uniform
    width, depth, height = draw(0.38, 0.5), draw(0.34, 0.48), draw(1.65, 1.85)
    kind = pick(generator, "box", "tapered", "rounded")
    base = pick(generator, "none", "plinth", "feet")
    low = 0.0 if base == "none" else draw(0.12, 0.18)
    power = draw(3, 5) if kind == "rounded" else 14
    top = draw(0.7, 0.85) if kind == "tapered" else 1.0
    rows = [(0.96, low), (1.0, low + 0.03), (top, height - 0.03), (top - 0.04, height)]
    cabinet = loft(
        [ring(1, y, (depth, s * width), power=power, sides=32) for s, y in rows]
    )
    big, small = draw(0.66, 0.8) * width, draw(0.5, 0.65)
    shares = pick(generator, (1, small), (1, 0.9, small), (0.9, small, 0.9), (1,))
    room = height - low - 0.07 * (len(shares) + 1)
    big = min(big, room / 2 / sum(shares))
    radii = [big * share for share in shares]
    gap = (height - low - 2 * sum(radii)) / (len(radii) + 1)
    parts, y = [], low + gap * draw(0.6, 1.0)
    for radius in radii:
        y += radius
        collar, funnel = _driver(radius, y, depth, draw)
        parts.append(collar)
        cabinet = cabinet if funnel is None else cabinet - funnel
        y += radius + gap
    if len(radii) == 1:
        port = 0.5 * (y - gap + height) - 0.02
        cabinet = cabinet - rod((0, port, 0.1), (0, port, 1), draw(0.1, 0.13))
    parts += [cabinet, *_speaker_base(base, width, depth, low, draw)]
    return solids.union(parts)


def _speaker_base(kind, width, depth, low, draw):
    if kind == "none":
        return []
    if kind == "plinth":
        x, z = width * draw(1.05, 1.2), depth * draw(1.05, 1.2)
        return [box((-x, 0, -z), (x, low + 0.04, z))]
    radius, x, z = draw(0.09, 0.12), width - 0.14, depth - 0.14
    ends = [((x, 0, s * z), (x, low + 0.1, s * z)) for s in (-1, 1)]
    return pair(*[rod(start, end, radius) for start, end in ends])


def _driver(radius, y, front, draw):
    """A round rim with a bulge in its middle, and the funnel cut for the two."""

    def cone(*rows):
        return loft([ring(2, z, (r, r), centre=(0, y)) for z, r in rows])

    face, deep, mouth = front + draw(0.05, 0.08), draw(0.13, 0.18), radius - 0.09
    rim = cone((front - 0.2, radius), (face - 0.03, radius), (face, radius - 0.03))
    if mouth < 0.15:
        cap = cone((front, mouth), (face + 0.04, mouth), (face + 0.07, 0.6 * mouth))
        return rim + cap, None
    funnel = cone((face - deep, 0.6 * mouth), (face, mouth), (face + 0.1, mouth))
    rim = rim - funnel
    if mouth > 0.23:
        rim += cone((front - 0.3, 0.07), (face - 0.06, 0.07), (face - 0.02, 0.04))
    return rim, funnel


def table(generator: np.random.Generator) -> Mesh:
    """A wide top, angular or round, on legs, panels or a pedestal."""
    draw = generator.uniform
    shape = pick(generator, "angular", "angular", "oval")
    half, depth = draw(0.86, 0.92), draw(0.52, 0.66)
    depth = draw(0.58, 0.74) if shape == "oval" else depth
    height, thick = draw(0.85, 1.05), draw(0.14, 0.19)
    power = draw(2, 2.6) if shape == "oval" else draw(9, 30)
    rows = [(0.97, height - thick), (1, height - thick + 0.03), (1, height - 0.03)]
    rows.append((0.97, height))
    top = loft(
        [ring(1, y, (s * depth, s * half), power=power, sides=40) for s, y in rows]
    )
    legs = pick(generator, "posts", "splayed", "panels", "pedestal")
    reach = 0.66 if shape == "oval" else draw(0.8, 0.93)
    x, z = reach * half, reach * depth
    leg = draw(0.08, 0.105)
    low = height - thick + 0.05
    parts = [top, *_table_legs(legs, x, z, low, leg, draw)]
    if legs in ("posts", "panels") and pick(generator, True, False):
        shelf = draw(0.22, 0.36)
        parts.append(box((-x, shelf, -z + 0.03), (x, shelf + 0.14, z - 0.03)))
    return solids.union(parts)


def _table_legs(kind, x, z, low, leg, draw):
    if kind == "posts":
        feet = [(s * z - leg, s * z + leg) for s in (-0.9, 0.9)]
        return pair(*[box((x - 2 * leg, 0, a), (x, low, b)) for a, b in feet])
    if kind == "splayed":
        ends = [
            ((0.75 * x, low, s * 0.7 * z), (x, 0, s * z), leg + 0.01, draw(0.07, 0.08))
            for s in (-1, 1)
        ]
        return pair(*[rod(*end, end_radius=thin) for *end, thin in ends])
    if kind == "panels":
        return pair(box((x - 1.8 * leg, 0, -z), (x, low, z)))
    foot, stem = draw(0.42, 0.58), draw(0.11, 0.2)
    waist = [(foot, 0), (foot, 0.12), (stem + 0.05, 0.22), (stem, 0.4)]
    return [turned([*waist, (stem, low - 0.15), (stem + 0.14, low)])]
