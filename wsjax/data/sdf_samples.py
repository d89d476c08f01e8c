"""Samples of signed distance, from files without a mesh, to the arrays of a shape.

Whatever is not a sample of the file is approximated:

  * distances elsewhere (`grid`, `inside`) are means over the 8 nearest samples of all
    columns, weighted by their inverse distance;
  * normals of `surface` are the least principal axis of 16 neighbours, turned to where
    that distance grows.
"""

import numpy as np
from scipy.spatial import cKDTree

from wsjax.meshes import sampling
from wsjax.meshes.distance import SignedDistance
from wsjax.meshes.sampling import SURFACE, Preset

__all__ = ["AROUND", "COLUMNS", "NEIGHBOURS", "STEP", "interpolated", "to_arrays"]

COLUMNS = ("groundtruth", "uniform")
NEIGHBOURS = 8
AROUND = 16  # Neighbours that make a tangent plane.
STEP = 0.02  # To either side of the surface, to see which one is outside.


def interpolated(known: np.ndarray) -> SignedDistance:
    """Signed distance between samples `[P, 4]` of it: x, y, z, distance."""
    tree, distances = cKDTree(known[:, :3]), known[:, 3]

    def signed(points, bound):
        lengths, near = tree.query(points, k=NEIGHBOURS)
        weights = 1.0 / np.maximum(lengths, 1e-9)
        means = (weights * distances[near]).sum(axis=1) / weights.sum(axis=1)
        return means.clip(-bound, bound)

    return signed


def to_arrays(
    samples: dict[str, np.ndarray],
    preset: Preset,
    size: int,
    generator: np.random.Generator,
) -> dict[str, np.ndarray]:
    """The arrays of `wsjax.meshes.sampling` from samples of signed distance.

    Args:
      samples: rows `[P, 4]` of x, y, z and distance by name: those of `COLUMNS`, and
        any others that lie near the surface.
      preset: how many of them to take, see `Preset`.
      size: side of the grid, in cells.
      generator: of what is drawn at random.
    """
    ground, uniform = samples["groundtruth"], samples["uniform"]
    close = [rows for name, rows in samples.items() if name not in COLUMNS]
    around = np.concatenate([*close, uniform])
    # The sign on the surface itself is rounding, which says nothing of the inside.
    near = [*close, *([] if preset.kind == "occupancy" else [ground])]
    signal = _draw(np.concatenate(near) if near else uniform, preset.near, generator)
    signal = np.concatenate([signal, _draw(uniform, preset.uniform, generator)])
    signal = generator.permutation(signal)
    signed = interpolated(np.concatenate([around, ground]))
    surface = _draw(ground[:, :3], 2 * SURFACE, generator)
    normals = _normals(surface, ground[:, :3], interpolated(around))
    return {
        "points": signal[:, :3].astype(np.float32),
        "values": sampling.to_values(lambda _, bound: signal[:, 3], signal, preset),
        **sampling.shared(signed, preset, size=size),
        "surface": np.concatenate([surface, normals], axis=1).astype(np.float32),
        "vertices": np.zeros((0, 3), np.float32),
        "faces": np.zeros((0, 3), np.int32),
    }


def _draw(rows: np.ndarray, count: int, generator: np.random.Generator) -> np.ndarray:
    """Rows at random, none twice if there are enough."""
    return rows[generator.choice(len(rows), count, replace=len(rows) < count)]


def _normals(
    points: np.ndarray, cloud: np.ndarray, signed: SignedDistance
) -> np.ndarray:
    _, near = cKDTree(cloud).query(points, k=AROUND)
    around = cloud[near] - cloud[near].mean(axis=1, keepdims=True)
    _, axes = np.linalg.eigh(np.einsum("pki,pkj->pij", around, around))
    normals = axes[:, :, 0]  # Of the least eigenvalue.
    grows = signed(points + STEP * normals, 1.0) > signed(points - STEP * normals, 1.0)
    return np.where(grows[:, None], normals, -normals)
