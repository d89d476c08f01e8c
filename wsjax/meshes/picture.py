"""Pictures of meshes, rendered without a graphics card.

Embree, called through libigl, casts a ray through each pixel. The camera is
orthographic and its frame fixed, so that pictures of several meshes are comparable.
"""

import io

import numpy as np
from igl import per_corner_normals
from igl.embree import line_mesh_intersection
from PIL import Image

from wsjax.meshes.mesh import Mesh

__all__ = ["FRAME", "gif", "picture", "turntable"]

# Half the side of the frame. A cube [-0.9, 0.9]^3 fits into it at any azimuth and at
# elevations of up to 20 degrees.
FRAME = 1.3

# Lights that move with the camera: to the right, up and towards it, then the strength.
# The first is the sun, the others are the sky.
_LIGHTS = np.array(
    [
        [-0.45, 0.70, 0.60, 0.55],
        [0.80, 0.35, 0.50, 0.18],
        [0.10, 0.85, -0.35, 0.26],
    ]
)
_HEADLIGHT = 0.17  # At the camera: nothing that the camera sees is in its shadow.
_AMBIENT = 0.26
_CREASE = 35.0  # Degrees between faces from which an edge is sharp.
_BIAS = 0.02  # A surface nearer to a point than this casts no shadow on it.


def picture(
    mesh: Mesh,
    *,
    size: int = 128,
    azimuth: float = 35.0,
    elevation: float = 20.0,
    supersample: int = 2,
    colour: tuple[float, float, float] = (0.68, 0.76, 0.86),
) -> np.ndarray:
    """Renders a mesh in [-1, 1]^3, +y up, on white.

    Lambert shading by a sun and two weaker lights, with shadows, and a headlight. Faces
    are seen from both sides; edges sharper than 35 degrees stay edges.

    Args:
      mesh: what to show; without faces the picture is white.
      size: pixels per side.
      azimuth: degrees that the camera is turned about +y from +z (the front) to +x.
      elevation: degrees that it is raised.
      supersample: rays per pixel and axis.
      colour: red, green and blue of the surface in full light, 0 to 1.

    Returns:
      `[size, size, 3]` float32 in [0, 1]; the frame is 2 * FRAME wide.
    """
    n = size * supersample
    canvas = np.ones((n * n, 3))
    if len(mesh.faces):
        seen = _seen(mesh, azimuth, elevation)
        rays, points, normals = _visible(seen, n)
        light = _brightness(seen, points, normals)
        canvas[rays] = np.outer(light, colour).clip(0, 1)
    blocks = canvas.reshape(size, supersample, size, supersample, 3)
    return blocks.mean(axis=(1, 3)).astype(np.float32)


def turntable(
    mesh: Mesh, *, frames: int = 24, size: int = 160, azimuth: float = 35.0, **how
) -> np.ndarray:
    """Pictures of one full turn.

    Args:
      mesh: as `picture`.
      frames: F, pictures per turn.
      size: as `picture`.
      azimuth: of the first picture, in degrees; the camera moves on to larger ones.
      **how: other arguments of `picture`.

    Returns:
      `[F, size, size, 3]` float32 in [0, 1].
    """
    angles = azimuth + 360 / frames * np.arange(frames)
    return np.stack([picture(mesh, size=size, azimuth=a, **how) for a in angles])


def gif(frames: np.ndarray, *, milliseconds: int = 80) -> bytes:
    """An animation that loops for ever.

    Args:
      frames: `[F, H, W, 3]` pictures in [0, 1].
      milliseconds: that each is shown; a GIF counts in steps of 10.

    Returns:
      The content of a GIF file.
    """
    pixels = np.round(np.asarray(frames) * 255).astype(np.uint8)
    first, *others = (Image.fromarray(frame) for frame in pixels)
    content = io.BytesIO()
    first.save(
        content,
        "gif",
        save_all=True,
        append_images=others,
        duration=milliseconds,
        loop=0,
    )
    return content.getvalue()


def _seen(mesh: Mesh, azimuth: float, elevation: float) -> Mesh:
    """The mesh in the axes of the camera: to the right, up, towards it."""
    a, e = np.radians([azimuth, elevation])
    right = [np.cos(a), 0, -np.sin(a)]
    back = [np.sin(a) * np.cos(e), np.sin(e), np.cos(a) * np.cos(e)]
    axes = np.stack([right, np.cross(back, right), back])
    return Mesh(mesh.vertices @ axes.T, mesh.faces)


def _visible(seen: Mesh, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of n x n rays: which hit, where, and the normals there, towards the camera."""
    place = (np.arange(n) + 0.5) * (2 * FRAME / n) - FRAME
    up, right = np.meshgrid(-place, place, indexing="ij")
    low, high = seen.vertices.min(axis=0), seen.vertices.max(axis=0)
    within = (low[0] <= right) & (right <= high[0]) & (low[1] <= up) & (up <= high[1])
    origins = np.stack([right, up, np.full_like(up, high[2] + 1)], axis=-1)[within]
    ahead = np.tile([0.0, 0.0, -1.0], (len(origins), 1))
    faces, points, weights = _first_hits(seen, origins, ahead)
    hit = faces >= 0
    faces, weights = faces[hit], weights[hit]
    corners = per_corner_normals(seen.vertices, seen.faces, _CREASE).reshape(-1, 3, 3)
    normals = np.einsum("nc,ncd->nd", weights, corners[faces])
    normals /= np.linalg.norm(normals, axis=1, keepdims=True) + 1e-12
    normals *= np.where(normals[:, 2:] < 0, -1, 1)
    return np.flatnonzero(within)[hit], points[hit], normals


def _brightness(seen: Mesh, points: np.ndarray, normals: np.ndarray) -> np.ndarray:
    lights, strengths = _LIGHTS[:, :3], _LIGHTS[:, 3]
    lights = lights / np.linalg.norm(lights, axis=1, keepdims=True)
    cosines = normals @ lights.T
    point, light = np.nonzero(cosines > 0)
    # A ray starts beyond the shape: does it arrive at the point?
    lit, towards = points[point], -lights[light]
    away = 2 * np.linalg.norm(seen.vertices, axis=1).max() + 1
    faces, first, _ = _first_hits(seen, lit - away * towards, towards)
    gap = np.einsum("nd,nd->n", lit - first, towards)
    arrives = (faces < 0) | (gap <= _BIAS)
    given = strengths[light] * cosines[point, light] * arrives
    direct = np.bincount(point, given, minlength=len(points))
    return _AMBIENT + _HEADLIGHT * normals[:, 2] + direct


def _first_hits(mesh: Mesh, origins: np.ndarray, directions: np.ndarray):
    """The face that each ray hits first (-1: none), where, in both coordinates.

    Origins have to lie outside of the mesh and look towards it, since the library
    follows each ray in both directions.

    Returns:
      Faces `[R]`, points `[R, 3]` and their barycentric coordinates `[R, 3]`.
    """
    found = line_mesh_intersection(origins, directions, mesh.vertices, mesh.faces)
    faces, second, third = found[:, 0].astype(int), found[:, 1], found[:, 2]
    weights = np.stack([1 - second - third, second, third], axis=-1)
    points = np.einsum("nc,ncd->nd", weights, mesh.vertices[mesh.faces[faces]])
    return faces, points, weights
