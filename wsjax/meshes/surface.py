"""The surface of a field: from values in space to a triangle mesh.

Samples lie at cell centres as in `wsjax.coords.grid`: n per axis, the i-th at
(i + 0.5) * 2 / n - 1, the axes in the order x, y, z. Values below the level are inside.
"""

from collections.abc import Callable

import numpy as np
from skimage.measure import marching_cubes

from wsjax.meshes.mesh import Mesh

__all__ = ["extract", "lattice", "polygons"]

# No sample is taken to lie nearer to the level than this share of the largest change
# across the surface: a surface exactly through a sample makes faces without area.
_NUDGE = 1e-3


def extract(
    value_at: Callable[[np.ndarray], np.ndarray],
    *,
    resolution: int = 64,
    coarse: int = 16,
    slope: float = 10.0,
    level: float = 0.0,
    chunk: int = 4096,
) -> Mesh:
    """The level set of a field on [-1, 1]^3.

    Marching cubes (Lorensen and Cline 1987, with the cases of Lewiner et al. 2003) on
    the samples of `lattice`, which says what may be missed.

    Args:
      value_at: as `lattice`.
      resolution: as `lattice`.
      coarse: as `lattice`.
      slope: as `lattice`.
      level: value on the surface; what is below is inside.
      chunk: as `lattice`.

    Returns:
      A closed mesh, faces counter-clockwise from outside. What reaches the border of
      the cube is cut off there, with a lid on its face. Without a surface (all inside
      counts as one, of the cube itself) zero vertices and faces.

    Raises:
      ValueError: as `lattice`.
    """
    values = lattice(
        value_at,
        resolution=resolution,
        coarse=coarse,
        slope=slope,
        level=level,
        chunk=chunk,
    )
    return polygons(values, level=level)


def lattice(
    value_at: Callable[[np.ndarray], np.ndarray],
    *,
    resolution: int = 64,
    coarse: int = 16,
    slope: float = 10.0,
    level: float = 0.0,
    chunk: int = 4096,
) -> np.ndarray:
    """Samples of a field, exact beside its level set and of the right side elsewhere.

    From coarse to fine: a cell is divided unless its centre is so far from the level
    that no sample within it can lie on the other side. Then the surface is followed:
    all corners of each cube that it passes are sampled, until none is missing. The
    result has the same surface as a dense one if, within a coarse cell, the field
    changes by at most `slope` per unit of length. If it is steeper somewhere, only a
    part that is missed as a whole stays out: one that touches no divided cell, such as
    a speck or a thin sheet between coarse samples whose values are all far from the
    level. Parts between the finest samples are missed by a dense lattice, too.

    Args:
      value_at: `value_at(points [M, 3] float32) -> [M]`, always called with M = `chunk`
        points (the last call is filled up), so that a jitted function compiles once.
      resolution: n, samples per axis; a multiple of `coarse`, or below it.
      coarse: samples per axis that are always taken.
      slope: largest trusted change of the value per unit of length. A signed distance
        that is divided by a clamp has 1 / clamp. `inf` samples everything.
      level: value on the surface.
      chunk: points per call.

    Returns:
      `[n, n, n]` float32.

    Raises:
      ValueError: if `resolution` is no multiple of `coarse`, or the field gives values
        that are not finite or not one per point.
    """
    n = min(coarse, resolution)
    if n < 1 or resolution % n:
        raise ValueError(
            f"resolution: expected a multiple of coarse ({coarse}), got {resolution};"
            f" take {max(resolution // max(n, 1), 1) * max(n, 1)} or another coarse"
        )
    exact = np.ones((n, n, n), bool)
    values = np.empty(exact.shape, np.float32)
    _sample(value_at, values, exact, chunk)
    while n < resolution:
        farthest = np.sqrt(3.0) * (1 / n - 1 / resolution)  # Sample from the centre.
        near = exact & (np.abs(values - level) <= slope * farthest)
        factor = 2 if resolution // n % 2 == 0 else resolution // n
        n *= factor
        values, exact = (_repeat(volume, factor) for volume in (values, near))
        _sample(value_at, values, exact, chunk)
    missing = _beside_surface(values < level) & ~exact
    while missing.any():
        _sample(value_at, values, missing, chunk)
        exact |= missing
        missing = _beside_surface(values < level) & ~exact
    return values


def polygons(values: np.ndarray, *, level: float = 0.0) -> Mesh:
    """The level set of dense samples, closed at the border.

    Where samples across a face of the lattice tie exactly, as in a binary volume, four
    faces of the mesh may meet at an edge.

    Args:
      values: `[n, n, n]` samples at cell centres.
      level: value on the surface; what is below is inside.

    Returns:
      A mesh as `extract`, in the coordinates of the cube.
    """
    n = len(values)
    inside = np.pad(values < level, 1)
    if not inside.any():
        return Mesh(np.zeros((0, 3)), np.zeros((0, 3), np.int64))
    # Mirrored in value beyond the border: the lid is then exactly on the border.
    signed = np.abs(np.pad(values - np.float32(level), 1, mode="edge"))
    signed[inside] *= -1
    crossed = inside[1:] != inside[:-1]
    least = _NUDGE * np.abs(np.diff(signed, axis=0))[crossed].max()
    least = max(least, np.finfo(np.float32).tiny)
    signed = np.where(inside, np.minimum(signed, -least), np.maximum(signed, least))
    vertices, faces, _, _ = marching_cubes(signed, 0.0, gradient_direction="descent")
    return Mesh((vertices - 0.5) * (2.0 / n) - 1.0, faces.astype(np.int64))


def _sample(value_at, values: np.ndarray, where: np.ndarray, chunk: int) -> None:
    """Sets the values where asked to those of the field."""
    cells = np.flatnonzero(where)
    for start in range(0, len(cells), chunk):
        some = cells[start : start + chunk]
        filled = np.resize(some, chunk)
        index = np.stack(np.unravel_index(filled, where.shape), axis=-1)
        points = ((index + 0.5) * (2.0 / len(where)) - 1.0).astype(np.float32)
        found = np.asarray(value_at(points))
        if found.shape != (chunk,) or not np.isfinite(found).all():
            raise ValueError(
                f"value_at: expected {chunk} finite values for {chunk} points, got"
                f" {np.isfinite(found).sum()} finite ones in shape {found.shape}"
            )
        values.reshape(-1)[some] = found[: len(some)]


def _repeat(volume: np.ndarray, factor: int) -> np.ndarray:
    for axis in range(3):
        volume = np.repeat(volume, factor, axis)
    return volume


def _beside_surface(inside: np.ndarray) -> np.ndarray:
    """Marks the corners of all cubes of eight samples that lie on both sides."""
    any_in = every_in = np.pad(inside, 1)
    for axis in range(3):
        first, second = _neighbours(any_in, axis)
        any_in = first | second
        first, second = _neighbours(every_in, axis)
        every_in = first & second
    marked = any_in & ~every_in
    # n + 1 cubes per axis lie around n samples.
    for axis in range(3):
        first, second = _neighbours(marked, axis)
        marked = first | second
    return marked


def _neighbours(volume: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    n = volume.shape[axis]
    return volume.take(range(n - 1), axis), volume.take(range(1, n), axis)
