"""Folders of boxes, and loading them with few samples."""

import numpy as np
import trimesh

from wsjax.data import shapes
from wsjax.meshes.sampling import Preset

TINY = Preset(near=48, spreads=(0.05,), uniform=16)


def box(half, centre=(0.0, 0.0, 0.0)):
    made = trimesh.creation.box(extents=2 * np.array(half))
    made.apply_translation(centre)
    return made


def write(folder):
    """Three boxes in two classes, about (5, 0, 0)."""
    for place, half in [
        ("low/a.ply", (1, 0.2, 1)),
        ("low/b.obj", (1, 0.3, 1)),
        ("tall/c.stl", (0.4, 1, 0.4)),
    ]:
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        box(half, centre=(5, 0, 0)).export(folder / place)
    return folder


def loader(folder, cache):
    """`load(**options) -> Shapes` of a folder, or of another `path`."""

    def load(path=folder, **options):
        options = {"size": 4, "preset": TINY, "cache": cache, **options}
        return shapes.load_path(path, **options)

    return load


def drawn(cache, **options):
    """Shapes of the built-in categories."""
    options = {"size": 4, "preset": TINY, "cache": cache, **options}
    return shapes.load_parametric(**options)
