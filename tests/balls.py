"""Lattices of simple solids, and a small base of cells that is learnt from them."""

import jax
import numpy as np

from wsjax import cells

LATTICE = 16
FORM = cells.layout(
    numbers=160,
    lattice=LATTICE,
    sides=(8, 4),
    ranks=((), (2, 4)),
    choices=3,
)
AXIS = np.linspace(-1.0, 1.0, LATTICE + 1)
NODES = np.stack(np.meshgrid(AXIS, AXIS, AXIS, indexing="ij"), axis=-1)


def in_bytes(distances):
    """A lattice as `wsjax.meshes.lattice` keeps it, from distances in cells."""
    values = np.clip(distances / 4.0, -1.0, 1.0)
    whole = np.rint(127.0 * values)
    return np.where(values < 0.0, np.minimum(whole, -1.0), whole).astype(np.int8)


def ball(centre, radius):
    lengths = np.linalg.norm(NODES - np.asarray(centre), axis=-1)
    return in_bytes((lengths - radius) * LATTICE / 2)


def several(n, seed=0):
    """Balls `[n, ...]` of several sizes at several places."""
    drawn = np.random.default_rng(seed)
    centres, radii = drawn.uniform(-0.3, 0.3, (n, 3)), drawn.uniform(0.3, 0.6, n)
    return np.stack([ball(*pair) for pair in zip(centres, radii, strict=True)])


def learnt(key=0, n=24, form=FORM):
    shapes = several(n)
    return cells.learn(jax.random.key(key), lambda: iter([{"lattice": shapes}]), form)
