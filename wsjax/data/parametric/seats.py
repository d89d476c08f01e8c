"""Benches, chairs and sofas."""

import numpy as np

from wsjax.data.parametric import solids
from wsjax.data.parametric.solids import box, pair, pick, rod, tilted, turned
from wsjax.meshes.mesh import Mesh

__all__ = ["bench", "chair", "sofa"]


def chair(generator: np.random.Generator) -> Mesh:
    """A narrow seat with a tall back, on legs, a pedestal or side panels."""
    draw = generator.uniform
    width, depth = draw(0.4, 0.52), draw(0.38, 0.48)  # Half of each.
    height, top = draw(0.68, 0.86), draw(1.65, 1.85)
    thick, leg = draw(0.15, 0.22), draw(0.08, 0.1)
    seat = box(
        (-width, height - thick, -depth), (width, height, depth), bevel=draw(0.03, 0.07)
    )
    legs = pick(generator, "posts", "posts", "pedestal", "panels")
    parts = [seat, *_chair_legs(legs, width, depth, height - thick / 2, leg, draw)]
    back = pick(generator, "solid", "upright slats", "rungs")
    lean = draw(0, 13)
    raised = _chair_back(back, width, (height - thick, height, top), depth, draw)
    parts += [tilted(part, lean, (height - thick / 2, -depth)) for part in raised]
    if pick(generator, True, False):
        rest = height + draw(0.32, 0.42)
        reach, half = depth * draw(0.6, 0.95), draw(0.07, 0.085)
        outer = width + 0.02
        arm = box((outer - 2 * half, rest - 0.14, -depth - 0.06), (outer, rest, reach))
        post = box(
            (outer - 2 * half, height - thick, reach - 0.16),
            (outer, rest - 0.05, reach),
        )
        parts += pair(arm, post)
    return solids.union(parts)


def _chair_legs(kind, width, depth, height, leg, draw):
    x, z = width - leg, depth - leg
    if kind == "pedestal":
        foot = draw(0.34, 0.46)
        base = turned(
            [(foot, 0), (foot, 0.12), (leg + 0.06, 0.22), (leg + 0.03, height)]
        )
        return [base]
    if kind == "panels":
        return pair(box((x - leg, 0, -depth), (width, height, depth)))
    splay = draw(0, 0.09)
    thin = draw(0.074, 0.08)
    feet = [((x, height, s * z), (x + splay, 0, s * (z + splay))) for s in (-1, 1)]
    return pair(*[rod(high, low, leg, end_radius=thin) for high, low in feet])


def _chair_back(kind, width, heights, depth, draw):
    """An upright back; `heights` are of the seat below and above, and of the top."""
    low, seat, top = heights
    near, far = draw(0.15, 0.18) - depth, -depth
    if kind == "solid":
        return [box((-width, low, far), (width, top, near), bevel=draw(0.03, 0.07))]
    post, rail = draw(0.144, 0.17), top - draw(0.16, 0.24)
    parts = pair(box((width - post, low, far), (width, top, near)))
    parts.append(box((-width, rail, far), (width, top, near)))
    if kind == "upright slats":
        slat = min(width - post - 0.13, draw(0.1, 0.16))
        return [*parts, box((-slat, low, far), (slat, top - 0.05, near))]
    count, thick = (2 if rail - seat > 0.74 else 1), 0.15
    gap = (rail - seat - count * thick) / (count + 1)
    for i in range(count):
        y = seat + gap + i * (gap + thick)
        parts.append(box((-width, y, far), (width, y + thick, near)))
    return parts


def bench(generator: np.random.Generator) -> Mesh:
    """A long low seat of planks, legs at its ends, with a low back or none."""
    draw = generator.uniform
    half, height = draw(0.86, 0.92), draw(0.46, 0.6)
    planks, thick = pick(generator, 1, 2, 3), draw(0.13, 0.17)
    wide = (draw(0.5, 0.6), draw(0.19, 0.24), draw(0.135, 0.15))[planks - 1]
    gap = draw(0.125, 0.14)
    depth = (planks * wide + (planks - 1) * gap) / 2  # Half of it.
    low = height - thick
    parts = []
    for i in range(planks):
        rear = -depth + i * (wide + gap)
        parts.append(box((-half, low, rear), (half, height, rear + wide)))
    legs = pick(generator, "panels", "posts", "blocks")
    parts += _bench_legs(legs, half, depth, low, draw)
    back = pick(generator, "none", "board", "two rails")
    if back != "none":
        parts += _bench_back(back, half, depth, height, draw)
        if pick(generator, True, False):
            parts += _bench_arms(half, depth, height, draw)
    return solids.union(parts)


def _bench_legs(kind, half, depth, low, draw):
    inset, thick = draw(0.02, 0.25), draw(0.14, 0.19)
    outer, top = half - inset, low + 0.06
    if kind == "panels":
        return pair(box((outer - thick, 0, -depth), (outer, top, depth)))
    if kind == "blocks":
        wide = draw(0.26, 0.38)
        return pair(box((outer - wide, 0, -depth + 0.05), (outer, top, depth - 0.05)))
    beam = box((outer - thick, low - 0.12, -depth), (outer, top, depth))
    rear, front = [
        box((outer - thick, 0, z), (outer, low, z + thick))
        for z in (-depth, depth - thick)
    ]
    return pair(beam, rear, front)


def _bench_back(kind, half, depth, height, draw):
    top, thick = height + draw(0.42, 0.5), draw(0.13, 0.16)
    top += 0.13 if kind == "two rails" else 0.0
    near, far, lean = -depth + thick, -depth, draw(0, 14)
    at = half - draw(0.1, 0.3)
    posts = pair(box((at - 0.16, height - 0.13, far), (at, top - 0.03, near)))
    wide = draw(0.22, 0.28) if kind == "board" else draw(0.13, 0.145)
    rails = [box((-half, top - wide, far), (half, top, near))]
    if kind == "two rails":
        below = top - 2 * wide - draw(0.12, 0.13)
        rails.append(box((-half, below, far), (half, below + wide, near)))
    return [tilted(part, lean, (height - 0.06, far)) for part in posts + rails]


def _bench_arms(half, depth, height, draw):
    rest, thick = height + draw(0.27, 0.33), draw(0.13, 0.16)
    arm = box((half - thick, rest - 0.13, -depth - 0.03), (half, rest, depth))
    post = box((half - thick, height - 0.1, depth - 0.15), (half, rest - 0.05, depth))
    return pair(arm, post)


def sofa(generator: np.random.Generator) -> Mesh:
    """A wide upholstered body down to the floor: thick arms, back and cushions."""
    draw = generator.uniform
    half, depth = draw(0.86, 0.92), draw(0.38, 0.46)
    seat, height = draw(0.36, 0.44), draw(0.78, 0.98)
    arm, rest = draw(0.2, 0.3), draw(0.52, 0.66)
    back = draw(0.24, 0.32)
    inner, rear = half - arm, -depth + back
    parts = [box((-half + 0.04, 0, -depth), (half - 0.04, seat - 0.1, depth - 0.03))]
    rake = draw(0, 9)
    spine = box((-half + 0.03, 0.1, -depth), (half - 0.03, height, rear), bevel=0.07)
    parts.append(tilted(spine, rake, (0.1, -depth)))
    kind = pick(generator, "square", "rolled", "sloping")
    parts += _sofa_arms(kind, half, inner, depth, rest, draw)
    count = pick(generator, 1, 2, 3)
    edges = np.linspace(-inner - 0.03, inner + 0.03, count + 1)
    puff = draw(0.05, 0.08)
    chaise = pick(generator, None, None, 0, -1)
    longer = draw(0.2, 0.32)
    for i, (left, right) in enumerate(zip(edges[:-1], edges[1:], strict=True)):
        front = depth + 0.02
        if count > 1 and chaise is not None and i == chaise % count:
            front += longer
            parts.append(box((left, 0, 0), (right, seat - 0.06, front - 0.03)))
        parts.append(
            box((left, seat - 0.2, rear - 0.1), (right, seat, front), bevel=puff)
        )
        high = (left, seat - 0.1, rear - 0.1), (right, height - 0.08, rear + 0.13)
        parts.append(tilted(box(*high, bevel=puff), rake, (0.1, -depth)))
    return solids.union(parts)


def _sofa_arms(kind, half, inner, depth, rest, draw):
    if kind == "sloping":
        low = rest - draw(0.1, 0.16)
        side = [(0, -depth), (rest, -depth), (rest, -depth / 2)]
        side += [(low, depth), (0, depth)]
        return pair(solids.prism(side, 0, inner, half, bevel=0.05))
    if kind == "square":
        return pair(
            box((inner, 0, -depth), (half, rest, depth), bevel=draw(0.03, 0.07))
        )
    radius = (half - inner) / 2 + 0.03
    middle = (half + inner) / 2
    ends = (middle, rest - radius, -depth), (middle, rest - radius, depth + 0.02)
    panel = box((inner + 0.02, 0, -depth), (half - 0.02, rest - radius, depth))
    return pair(panel, rod(*ends, radius, sides=20))
