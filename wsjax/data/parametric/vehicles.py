"""Airplanes and cars; each points towards +z."""

import numpy as np

from wsjax.data.parametric import solids
from wsjax.data.parametric.solids import box, hull, loft, pair, pick, ring, rod
from wsjax.meshes.mesh import Mesh

__all__ = ["airplane", "car"]


def airplane(generator: np.random.Generator) -> Mesh:
    """A fuselage with wings, tail and engines."""
    draw = generator.uniform
    radius, nose = draw(0.16, 0.21), draw(0.2, 0.4)
    length, rise = draw(0.84, 0.94), draw(0.03, 0.08)  # Half the length.
    span, sweep = draw(0.86, 0.98), draw(0.05, 0.45)
    root, tip = draw(0.5, 0.66), draw(0.26, 0.38)
    level = pick(generator, -0.5, 0.6) * radius
    start, up = draw(-0.02, 0.16), draw(-0.02, 0.12)
    wing = _blade((0, level, start), (span, level + up, start - sweep), root, tip, 0.17)
    parts = [_fuselage(radius, nose, length, rise), *pair(wing)]
    pod, gap, long = draw(0.085, 0.1), draw(0.12, 0.15), draw(0.13, 0.18)
    engines = pick(generator, "none", "two", "four", "rear")
    places = []
    if engines == "rear":
        places = [(0.75 * radius + 0.8 * pod, 0.06, -0.5 * length)]
    for i in range({"two": 1, "four": 2}.get(engines, 0)):
        x = radius + pod + gap + i * (2 * pod + gap)
        y, z = level + x / span * up - 0.8 * pod, start - x / span * sweep
        places.append((x, y, z + 0.3 * root))
    for x, y, z in places:
        parts += pair(rod((x, y, z - long), (x, y, z + long), pod))
    return solids.union([*parts, *_tail(generator, length, rise, draw)])


def _fuselage(radius, nose, length, rise):
    rows = [(-length, 0.08, rise), (-0.6 * length, 0.75 * radius, 0.5 * rise)]
    rows += [(-0.25 * length, radius, 0), (length - nose, radius, 0)]
    for angle in (25, 50, 70, 82):
        turn = np.deg2rad(angle)
        ahead = length - nose + nose * np.sin(turn)
        rows.append(
            (ahead, radius * np.cos(turn) ** 0.8, -0.25 * radius * (angle / 90))
        )
    return loft([ring(2, z, (r, r), centre=(0, y)) for z, r, y in rows])


def _blade(root_at, tip_at, root, tip, thick):
    """A wing from x = 0 outwards, 0.15 thick at its tip; chords along z."""
    rings = [
        ring(0, x, (t / 2, chord / 2), centre=(y, z), power=3.0, sides=20)
        for (x, y, z), chord, t in ((root_at, root, thick), (tip_at, tip, 0.15))
    ]
    return hull(*rings)


def _tail(generator, length, rise, draw):
    kind = pick(generator, "plain", "high", "vee")
    height, reach = draw(0.34, 0.46), draw(0.34, 0.46)
    z = -length + 0.15
    rings = [
        ring(1, y, (chord / 2, 0.078), centre=(at, 0), power=3.0, sides=20)
        for y, chord, at in ((0, 0.36, z), (height, 0.22, z - 0.1))
    ]
    if kind == "vee":
        fin = hull(*rings).rotate((0, 0, -draw(32, 48)))
        return pair(fin.translate((0, rise, 0)))
    fin = hull(*rings).translate((0, rise, 0))
    level, back = (rise + height, z - 0.1) if kind == "high" else (rise, z)
    plane = _blade((0, level, back), (reach, level, back - 0.08), 0.3, 0.22, 0.15)
    return [fin, *pair(plane)]


def car(generator: np.random.Generator) -> Mesh:
    """A body on four wheels with a cabin: saloon, hatchback, pickup or van."""
    draw = generator.uniform
    kind = pick(generator, "saloon", "hatchback", "pickup", "van")
    length, width = draw(0.86, 0.92), draw(0.41, 0.48)  # Half of each.
    wheel, floor, waist = draw(0.16, 0.2), draw(0.11, 0.15), draw(0.42, 0.5)
    roof = waist + (draw(0.34, 0.44) if kind == "van" else draw(0.24, 0.32))
    body = _car_body(length, width, floor, waist, draw)
    ends = {
        "saloon": (-0.6, draw(0.3, 0.42), 0.2),
        "hatchback": (-0.86, draw(0.26, 0.4), 0.14),
        "pickup": (-0.12, draw(0.42, 0.52), 0.04),
        "van": (-0.88, draw(0.6, 0.72), 0.04),
    }[kind]
    if kind == "pickup":
        low, high = (
            (0.13 - width, floor + 0.15, 0.13 - length),
            (width - 0.13, 1.0, -0.22),
        )
        body = body - box(low, high)
    parts = [body, _cabin(ends, draw(0.12, 0.28), width, waist, roof, draw)]
    base, outer = draw(0.5, 0.58), width + draw(0.02, 0.05)
    for z in (-base, base):
        parts += pair(rod((outer - 0.2, wheel, z), (outer, wheel, z), wheel, sides=24))
    if pick(generator, True, False):
        for z in (length - 0.1, -length - 0.05):
            low, high = (0.06 - width, floor, z), (width - 0.06, floor + 0.14, z + 0.15)
            parts.append(box(low, high))
    if kind == "saloon" and pick(generator, True, False):
        low, high = (
            (-width, waist - 0.05, -length),
            (width, waist + 0.12, 0.16 - length),
        )
        parts.append(box(low, high))
    return solids.union(parts)


def _car_body(length, width, floor, waist, draw):
    """What lies below the windows, drawn across from its outline as seen from +x."""
    droop = draw(0.03, 0.1)
    side = [(floor, 0.04 - length), (floor, length - 0.04), (floor + 0.1, length)]
    side += [(waist - droop - 0.04, length), (waist - droop, length - 0.1)]
    side += [(waist, 0.25), (waist, 0.06 - length), (waist - 0.06, -length)]
    side.append((floor + 0.1, -length))
    return solids.prism(side, 0, -width, width, bevel=0.05)


def _cabin(ends, slant, width, waist, roof, draw):
    """Windows and roof; `ends` are the rear, the front and the rear's slant."""
    rear, front, back_slant = ends
    narrow = draw(0.78, 0.88)

    def level(y, share, inset):
        low, high = rear + back_slant * share, front - slant * share
        half = (width - 0.03) * (1 + (narrow - 1) * share)
        reach = ((high - low) / 2 - inset, half - inset)
        return ring(1, y, reach, centre=((low + high) / 2, 0), power=8, sides=32)

    return loft(
        [level(waist - 0.1, 0, 0), level(roof - 0.05, 0.9, 0), level(roof, 1, 0.03)]
    )
