"""Boats; the bow points towards +z."""

import numpy as np

from wsjax.data.parametric import solids
from wsjax.data.parametric.solids import box, loft, pair, pick, prism, rod
from wsjax.meshes.mesh import Mesh

__all__ = ["boat"]


def boat(generator: np.random.Generator) -> Mesh:
    """A hull with a bow: open, with a cabin, a funnel, cargo or a sail."""
    draw = generator.uniform
    kind = pick(generator, *_UPPERWORKS)
    half, beam, deep = draw(0.86, 0.92), draw(0.34, 0.42), draw(0.36, 0.46)
    full, sheer, stern = draw(2.0, 3.2), draw(0.06, 0.16), draw(0.7, 0.95)
    shape = (beam, full, sheer, stern)
    body = _hull(half, deep, 0.0, *shape)
    if kind == "open":
        inner = _hull(half - 0.16, deep, 0.15, beam - 0.13, *shape[1:])
        inner = inner.trim_by_plane((0, 0, -1), -0.15)  # The bow stays decked.
        body = body - inner - inner.translate((0, 0.1, 0))
    return solids.union([body, *_UPPERWORKS[kind](generator, beam, deep)])


def _hull(half, deep, low, beam, full, sheer, stern):
    """Stations from stern to bow; `deep` is the deck's height, `low` the keel's."""
    rings = []
    angle = np.linspace(-np.pi, 0, 13)
    for t in np.linspace(-1, 1, 12):
        ahead, behind = max(t, 0.0), max(-t, 0.0)
        wide = 0.075 + (beam - 0.075) * (1 - ahead**full)
        wide *= 1 - behind**2 * (1 - stern)
        deck = deep + sheer * ahead**2
        keel = low + (deep - low) * (0.45 * ahead**3 + 0.1 * behind**2)
        shape = np.abs(np.stack([np.cos(angle), np.sin(angle)])) ** 0.75
        x = np.sign(np.cos(angle)) * shape[0] * wide
        y = deck - (deck - keel) * shape[1]
        z = t * half - 0.2 * ahead**2 * shape[1]  # The stem leans forward.
        rings.append(np.stack([x, y, z], -1))
    return loft(rings)


def _open(generator, beam, deep):
    """A wheelhouse ahead of a well with one bench across or two."""
    draw = generator.uniform
    wide, back, low = 0.66 * beam, draw(0.08, 0.18), deep - 0.08
    house = box(
        (-wide, low, back), (wide, deep + draw(0.3, 0.42), back + 0.32), bevel=0.05
    )
    places = pick(generator, (-0.4,), (-0.55, -0.2))
    beam, high = beam - 0.1, deep - draw(0.03, 0.1)
    return [house, *[box((-beam, 0.1, z), (beam, high, z + 0.17)) for z in places]]


def _sail(generator, beam, deep):
    draw = generator.uniform
    wide, mast, boom = beam * draw(0.6, 0.75), draw(0.0, 0.2), draw(0.6, 0.75)
    top = deep + draw(0.66, 0.84)
    pole = rod((0, deep - 0.1, mast), (0, top, mast), 0.08)
    cloth = [(deep + 0.16, mast), (top - 0.1, mast), (top - 0.1, mast - 0.1)]
    cloth.append((deep + 0.16, mast - boom))
    parts = [pole, prism(cloth, 0, -0.07, 0.07, bevel=0.02)]
    if pick(generator, True, False):
        low, high = (-wide, deep - 0.08, mast - 0.5), (wide, deep + 0.14, mast + 0.25)
        parts.append(box(low, high, bevel=0.05))
    return parts


def _cargo(generator, beam, deep):
    draw = generator.uniform
    wide, aft, low = beam * draw(0.54, 0.66), draw(-0.75, -0.68), deep - 0.08
    top, high = deep + draw(0.4, 0.5), deep + draw(0.14, 0.22)
    parts = [box((-wide, low, aft), (wide, top, aft + draw(0.26, 0.34)))]
    ahead = aft + 0.5
    for _ in range(pick(generator, 1, 2)):
        end = ahead + draw(0.24, 0.3)
        parts.append(box((-wide, low, ahead), (wide, high, end)))
        ahead = end + draw(0.16, 0.19)
    return parts


def _cabin(generator, beam, deep):
    draw = generator.uniform
    wide, back, front = beam * draw(0.6, 0.75), draw(-0.55, -0.4), draw(0.15, 0.32)
    high = deep + draw(0.2, 0.26)
    house = box((-wide, deep - 0.08, back), (wide, high, front), bevel=0.06)
    side = [(high - 0.1, back + 0.1), (high - 0.1, front - 0.05)]
    side += [(high + 0.22, front - 0.25), (high + 0.22, back + 0.15)]
    parts = [house, prism(side, 0, -0.85 * wide, 0.85 * wide, bevel=0.04)]
    if pick(generator, True, False):
        z = back + draw(0.2, 0.3)
        parts.append(rod((0, high, z), (0, high + draw(0.4, 0.5), z), 0.08))
    return parts


def _tug(generator, beam, deep):
    draw = generator.uniform
    wide, back, front = beam * draw(0.6, 0.75), draw(-0.55, -0.4), draw(0.15, 0.32)
    high, z = deep + draw(0.2, 0.26), back + 0.16
    house = box((-wide, deep - 0.08, back), (wide, high, front), bevel=0.06)
    bridge = (-0.8 * wide, high - 0.1, front - 0.3), (0.8 * wide, high + 0.26, front)
    top, radius = high + draw(0.3, 0.42), draw(0.1, 0.13)
    funnels = [rod((0, high - 0.1, z), (0, top, z), radius)]
    if pick(generator, True, False):
        funnels = pair(rod((0.15, high - 0.1, z), (0.15, top, z), 0.085))
    return [house, box(*bridge), *funnels]


_UPPERWORKS = {
    "cabin": _cabin,
    "cargo": _cargo,
    "open": _open,
    "sail": _sail,
    "tug": _tug,
}
