"""From meshes to the samples that fields are fitted to and judged by.

All arrays of one shape, as `sample` returns them, with S the side of the grid:

  * `points` `[P, 3]`, `values` `[P, 1]`: the signal, in random order, so that every
    slice mixes points near the surface and elsewhere in the same shares;
  * `grid` `[S^3, 1]`: values at `wsjax.coords.grid((S, S, S))`, the points that all
    shapes share;
  * `surface` `[2 * SURFACE, 6]`: surface points and normals in two independent
    halves, whose distance is the floor of any distance between two surfaces;
  * `inside` `[COMMON / 8]` uint8: a bit for each of `common_points()`, 1 inside;
  * `vertices` `[V, 3]`, `faces` `[F, 3]` int32: the mesh, empty if there is none.

A value is signed distance over `clamp`, cut to [-1, 1], or else -1 inside and 1
outside ("occupancy"): either way below 0 inside. Floats are float32.
"""

from typing import NamedTuple

import numpy as np
from scipy.stats import qmc

from wsjax.meshes.distance import (
    SignedDistance,
    cloud_areas,
    cloud_distance,
    signed_distance,
    surface_points,
)
from wsjax.meshes.mesh import Mesh

__all__ = [
    "COMMON",
    "HAIR",
    "PRESETS",
    "Preset",
    "SURFACE",
    "VERSION",
    "check",
    "common_points",
    "from_point_cloud",
    "grid_points",
    "sample",
    "scatter",
    "shared",
    "to_values",
]

SURFACE = 2048
"""Points in each half of `surface`, as most of the literature takes."""

COMMON = 32768
"""Points at which the insides of two shapes are compared."""

VERSION = 2
"""Grows when the same shape and options give other arrays than before."""

HAIR = 1e-9
"""Cut-off distance where only the sign is wanted; it makes the search short."""


class Preset(NamedTuple):
    """Where a shape is sampled and what is stored there.

    `near` points lie near the surface: surface points with Gaussian noise, as many for
    each standard deviation in `spreads`; `uniform` ones anywhere in [-1, 1]^3. `kind`
    is "sdf", cut at the distance `clamp`, or "occupancy", which ignores `clamp`.
    """

    near: int
    spreads: tuple[float, ...]
    uniform: int
    kind: str = "sdf"
    clamp: float = 0.1


PRESETS = {
    # Enough for a trial run.
    "coarse": Preset(near=384, spreads=(0.02, 0.08), uniform=128),
    "compact": Preset(near=12288, spreads=(0.02, 0.08), uniform=4096),
    # As many points per shape as one column of the authors' ShapeNetSDF.
    "paper": Preset(near=131072, spreads=(0.02, 0.08), uniform=131072),
    # Erkoç et al. 2023; their box has side 1, so that their 0.01 is 0.02 here.
    "hyperdiffusion": Preset(
        near=100000, spreads=(0.02,), uniform=100000, kind="occupancy"
    ),
}
"""Presets by name; the distance is cut where Park et al. 2019 (DeepSDF) cut it."""


def sample(
    mesh: Mesh, preset: Preset, *, size: int, seed: int | list[int]
) -> dict[str, np.ndarray]:
    """Samples one mesh.

    Args:
      mesh: normalised, so that it lies within [-1, 1]^3.
      preset: an entry of `PRESETS`, or your own.
      size: side S of the grid, in cells.
      seed: of all random points; equal arguments give equal arrays.

    Returns:
      The arrays listed at the top of this file.

    Raises:
      ValueError: if the preset is impossible, or the mesh has no faces or no area.
    """
    check(preset)
    generator = np.random.default_rng(seed)
    surface = surface_points(mesh, 2 * SURFACE, generator)
    anchors, _ = surface_points(mesh, preset.near, generator)
    points = scatter(anchors, preset, generator)

    def signed(points, bound):
        return signed_distance(mesh, points, bound=bound)

    return {
        "points": points,
        "values": to_values(signed, points, preset),
        **shared(signed, preset, size=size),
        "surface": np.concatenate(surface, axis=1).astype(np.float32),
        "vertices": mesh.vertices.astype(np.float32),
        "faces": mesh.faces.astype(np.int32),
    }


def from_point_cloud(
    cloud: np.ndarray,
    normals: np.ndarray,
    preset: Preset,
    *,
    size: int,
    seed: int | list[int],
) -> dict[str, np.ndarray]:
    """Samples one oriented point cloud; `vertices` and `faces` are empty.

    Signed distance is that of `wsjax.meshes.distance.cloud_distance`. Points of
    `surface` are drawn from the cloud with replacement, so that with few points the
    two halves share some, and their distance is no floor.

    Args:
      cloud: `[M, 3]` surface points, normalised.
      normals: `[M, 3]` of length 1, outwards.
      preset: as `sample`.
      size: as `sample`.
      seed: as `sample`.

    Returns:
      The arrays listed at the top of this file.

    Raises:
      ValueError: if the preset is impossible, or there are too few points.
    """
    check(preset)
    generator = np.random.default_rng(seed)
    areas = cloud_areas(cloud)
    total, count = areas.sum(), 2 * SURFACE + preset.near
    if not total > 0.0:
        raise ValueError("expected a cloud of different points, found equal ones")
    drawn = generator.choice(len(cloud), count, p=areas / total)
    rows, anchors = drawn[: 2 * SURFACE], cloud[drawn[2 * SURFACE :]]
    points = scatter(anchors, preset, generator)
    signed = cloud_distance(cloud, normals)
    return {
        "points": points,
        "values": to_values(signed, points, preset),
        **shared(signed, preset, size=size),
        "surface": np.concatenate([cloud[rows], normals[rows]], 1).astype(np.float32),
        "vertices": np.zeros((0, 3), np.float32),
        "faces": np.zeros((0, 3), np.int32),
    }


def scatter(
    anchors: np.ndarray, preset: Preset, generator: np.random.Generator
) -> np.ndarray:
    """Draws the points at which a signal is sampled.

    Args:
      anchors: `[preset.near, 3]` surface points, in random order.
      preset: see `Preset`.
      generator: of noise, uniform points and order.

    Returns:
      `[near + uniform, 3]` float32 in [-1, 1], in random order; where noise
      leads out of the box, the point is on its wall.
    """
    spreads = np.resize(preset.spreads, (preset.near, 1))  # In turn, so evenly.
    near = anchors + spreads * generator.normal(size=anchors.shape)
    uniform = generator.uniform(-1.0, 1.0, (preset.uniform, 3))
    points = np.concatenate([near, uniform]).clip(-1.0, 1.0).astype(np.float32)
    return generator.permutation(points)


def shared(
    signed: SignedDistance, preset: Preset, *, size: int
) -> dict[str, np.ndarray]:
    """`grid` and `inside`, which are taken at the same points for all shapes."""
    return {
        "grid": to_values(signed, grid_points(size), preset),
        "inside": np.packbits(signed(common_points(), HAIR) < 0.0),
    }


def to_values(signed: SignedDistance, points: np.ndarray, preset: Preset) -> np.ndarray:
    """Values `[P, 1]` float32 of a signal at points `[P, 3]`, in [-1, 1]."""
    bound = preset.clamp if preset.kind == "sdf" else HAIR
    distances = np.asarray(signed(points, bound)).clip(-bound, bound)
    if preset.kind == "occupancy":
        distances = np.where(distances < 0.0, -bound, bound)
    return (distances / bound).astype(np.float32)[:, None]


def grid_points(size: int) -> np.ndarray:
    """`wsjax.coords.grid((size, size, size))` `[size^3, 3]` in float64, without JAX."""
    axis = (np.arange(size) + 0.5) * (2.0 / size) - 1.0
    return np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(
        -1, 3
    )


def common_points() -> np.ndarray:
    """The points `[COMMON, 3]` of `inside`, even in [-1, 1]^3, the same for all shapes.

    A plain Sobol sequence, moved by half a step to be symmetric: volumes come out
    nearer than with random points, and no version of a library draws it otherwise.
    """
    return 2.0 * qmc.Sobol(3, scramble=False).random(COMMON) - 1.0 + 1.0 / COMMON


def check(preset: Preset) -> None:
    """Raises `ValueError` if a preset is impossible, naming what is wrong."""
    if preset.kind not in ("sdf", "occupancy"):
        raise ValueError(
            f"kind= needs 'sdf' or 'occupancy' in a preset, got {preset.kind!r}"
        )
    if min(preset.near, preset.uniform) < 0 or preset.near + preset.uniform < 1:
        raise ValueError(
            "near= and uniform= need counts of points with a sum of at least 1 in a"
            f" preset, got {preset.near} and {preset.uniform}"
        )
    if not (preset.spreads and min(preset.spreads) >= 0.0 and preset.clamp > 0.0):
        raise ValueError(
            "a preset needs spreads= of at least 0 and clamp= above 0, got"
            f" {preset.spreads} and {preset.clamp}"
        )
