"""Rifles; the muzzle points towards +z."""

import numpy as np

from wsjax.data.parametric import solids
from wsjax.data.parametric.solids import box, pick, prism, rod
from wsjax.meshes.mesh import Mesh

__all__ = ["rifle"]


def rifle(generator: np.random.Generator) -> Mesh:
    """A stock, a receiver and a barrel, with grip, magazine and sight."""
    draw = generator.uniform
    half, tall = draw(0.11, 0.13), draw(0.13, 0.17)  # Half the receiver's section.
    back, front = draw(-0.4, -0.3), draw(0.14, 0.26)
    parts = [box((-half, -tall, back), (half, tall, front))]
    bore, barrel = draw(0.0, 0.04), draw(0.08, 0.095)
    muzzle = (0, bore, 0.9)
    parts.append(rod((0, bore, front - 0.1), muzzle, barrel))
    hold = front + draw(0.25, 0.42)
    parts.append(
        box((-half, -tall, front - 0.05), (half, bore + 0.06, hold), bevel=0.04)
    )
    parts += _stock(pick(generator, "dropped", "straight", "tube"), half, back, draw)
    parts += _below(generator, half, tall, back, draw)
    if pick(generator, True, False):
        parts.append(rod(muzzle, (0, bore, 0.9 - draw(0.16, 0.24)), barrel + 0.025))
    return solids.union(parts + _sight(generator, tall, (back + front) / 2, draw))


def _sight(generator, tall, middle, draw):
    kind = pick(generator, "scope", "none", "handle")
    above, long = tall + draw(0.2, 0.24), draw(0.2, 0.3)
    middle += draw(-0.03, 0.06)
    rear, front = middle - long, middle + long
    if kind == "scope":
        tube = rod((0, above, rear), (0, above, front), draw(0.075, 0.09))
        return [tube, box((-0.07, 0, middle - 0.1), (0.07, above, middle + 0.1))]
    if kind == "handle":
        posts = [
            box((-0.07, 0, z), (0.07, above + 0.1, z + 0.14))
            for z in (rear, front - 0.14)
        ]
        return [*posts, box((-0.07, above, rear), (0.07, above + 0.13, front))]
    return []


def _stock(kind, half, back, draw):
    drop, butt = draw(0.06, 0.16), draw(0.32, 0.42)
    near, end = back + 0.05, -0.9
    if kind == "tube":
        pad = box((-half, 0.08 - butt, end), (half, 0.1, end + draw(0.14, 0.2)))
        return [rod((0, 0, near), (0, 0, end + 0.05), draw(0.08, 0.09)), pad]
    high = 0.1 - (drop / 2 if kind == "dropped" else 0.0)
    low = high - butt if kind == "dropped" else -0.18
    side = [(0.1, near), (high, end), (low, end), (-0.1, near)]
    return [prism(side, 0, -half, half, bevel=0.03)]


def _below(generator, half, tall, back, draw):
    """The grip, and ahead of it the magazine if there is one."""
    kind = pick(generator, "straight", "curved", "none")
    slant, low, z = draw(0.04, 0.12), 0.1 - tall - draw(0.36, 0.46), back + 0.06
    side = [(0, z), (0, z + 0.17), (low, z + 0.16 - slant), (low, z - slant)]
    grip = prism(side, 0, 0.01 - half, half - 0.01, bevel=0.02)
    if kind == "none":
        return [grip]
    z, low = back + 0.23 + draw(0.14, 0.2), -tall - draw(0.3, 0.46)
    lean = draw(0.08, 0.14) if kind == "curved" else 0.0
    side = [(0, z), (0, z + 0.2), (low, z + 0.19 + lean), (low, z + lean)]
    return [grip, prism(side, 0, 0.01 - half, half - 0.01, bevel=0.02)]
