"""The surfaces of fields of shapes, and how near they come to the true ones."""

import concurrent.futures
import os
from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np
from chex import ArrayTree

from experiments.domain.representation import Representation
from wsjax import fields, tree
from wsjax.data import shapes
from wsjax.data.shapes import Shapes
from wsjax.meshes import sampling, surface
from wsjax.meshes.distance import surface_points
from wsjax.meshes.mesh import Mesh
from wsjax.metrics import shapes as metrics

RADIUS = 0.02
"""Distance below which a point counts as met by the F-score: 1 % of the cube."""
# Measures of an instance, and what their mean is called.
_MEASURES = {
    "chamfer_squared": "chamfer_squared_mean",
    "chamfer_squared_floor": "chamfer_squared_floor",
    "chamfer_mean": "chamfer_mean_mean",
    "f_score": "f_score_mean",
    "f_score_ceiling": "f_score_ceiling",
    "normal_consistency": "normal_consistency_mean",
    "iou": "iou_mean",
}


class Meshing(NamedTuple):
    """How surfaces are taken from fields, and compared.

    `resolution`: cells per side of the grid; `coarse`: cells per side that are always
    looked at; `slope`: largest change of a value per unit of length; `chunk`: points
    per call; `suffix` of mesh files; `points` of a surface and number of `references`
    that Chamfer distances between sets are of.
    """

    resolution: int
    coarse: int
    slope: float
    chunk: int
    suffix: str
    points: int
    references: int


def value_of(form: Representation) -> Callable[..., np.ndarray]:
    """`value(params, points [M, 3]) -> [M]` of a merged field, compiled once per M."""
    render = jax.jit(lambda params, x: fields.render(form.field, params, x)[:, 0])
    return lambda params, points: np.asarray(render(params, points))


def mesher(meshing: Meshing, form: Representation) -> Callable[[ArrayTree], Mesh]:
    """`mesh_of(adapter) -> Mesh`, the surface of one field; it may be empty."""
    merge, value = jax.jit(form.adapter.merge), value_of(form)

    def mesh_of(adapter: ArrayTree) -> Mesh:
        params = merge(form.base, adapter)
        return surface.extract(
            lambda points: value(params, points),
            resolution=meshing.resolution,
            coarse=meshing.coarse,
            slope=meshing.slope,
            chunk=meshing.chunk,
        )

    return mesh_of


def in_parallel(one: Callable, *items) -> list:
    """`one` of every item, in order, one thread per processor."""
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(one, *items))


def cloud(mesh: Mesh, n: int, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Points `[n, 3]` on a mesh and their normals, always the same."""
    return surface_points(mesh, n, np.random.default_rng(seed))


def fidelity(
    meshing: Meshing, form: Representation, source: Shapes
) -> Callable[[np.ndarray, ArrayTree], list[dict[str, float]]]:
    """`measure(rows, stacked adapters) -> measures`, a dict per instance.

    `chamfer_squared` and `chamfer_mean` to one half of the true surface points, and
    the other half's as the floor; `f_score` at `RADIUS`, the other half's as ceiling;
    `normal_consistency`; `iou` at the points that all shapes share. A field without a
    surface has the last alone.
    """
    mesh_of, value = mesher(meshing, form), value_of(form)
    merge, places = jax.jit(form.adapter.merge), sampling.common_points()

    def measure(row: int, adapter: ArrayTree) -> dict[str, float]:
        (true,), (bits,) = shapes.read(source, [row], "surface", "inside")
        inside = np.unpackbits(bits).astype(bool)
        found = value(merge(form.base, adapter), places) < 0.0
        measured = {"iou": metrics.iou(found, inside)}
        return measured | surface_measures(mesh_of(adapter), np.asarray(true, float))

    return lambda rows, stacked: in_parallel(
        lambda i: _rounded(measure(rows[i], tree.row(stacked, i))), range(len(rows))
    )


def chamfer(
    meshing: Meshing, form: Representation, source: Shapes
) -> Callable[[np.ndarray, ArrayTree], list[float]]:
    """`measure(rows, stacked adapters) -> squared Chamfer distances`, a row each.

    A field without a surface counts as one point in the middle of the cube.
    """
    mesh_of = mesher(meshing, form)

    def measure(row: int, adapter: ArrayTree) -> float:
        ((true,),) = shapes.read(source, [row], "surface")
        reference = true[: len(true) // 2, :3]
        mesh = mesh_of(adapter)
        points = cloud(mesh, len(reference))[0] if len(mesh.faces) else np.zeros((1, 3))
        return metrics.chamfer_squared(points, reference)

    return lambda rows, stacked: in_parallel(
        lambda i: measure(rows[i], tree.row(stacked, i)), range(len(rows))
    )


def surface_measures(mesh: Mesh, true: np.ndarray) -> dict[str, float]:
    """Measures of a mesh against true surface points with normals `[2 Q, 6]`."""
    if not len(mesh.faces):
        return {}
    reference, other = np.split(true, 2)
    points, normals = cloud(mesh, len(reference))
    places, floor = reference[:, :3], other[:, :3]
    return {
        "chamfer_squared": metrics.chamfer_squared(points, places),
        "chamfer_squared_floor": metrics.chamfer_squared(floor, places),
        "chamfer_mean": metrics.chamfer_mean(points, places),
        "f_score": metrics.f_score(points, places, radius=RADIUS),
        "f_score_ceiling": metrics.f_score(floor, places, radius=RADIUS),
        "normal_consistency": metrics.normal_consistency(
            points, normals, places, reference[:, 3:]
        ),
    }


def _rounded(measured: dict[str, float]) -> dict[str, float]:
    return {name: float(f"{value:.6g}") for name, value in measured.items()}


def means(instances: list[dict]) -> dict[str, float]:
    """Metrics of a set: the mean of every measure, over the instances that have it."""
    found = {}
    for name in _MEASURES:
        values = [i[name] for i in instances if i.get(name) is not None]
        if values:
            found[_MEASURES[name]] = float(np.mean(values))
    return found
