"""The surfaces of fields of shapes, and how near they come to the true ones."""

import concurrent.futures
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import jax
import numpy as np
from absl import logging
from chex import ArrayTree

from experiments.domain.representation import Representation
from wsjax import fields, machine, tree
from wsjax.data import shapes
from wsjax.data.shapes import Shapes
from wsjax.meshes import sampling, surface
from wsjax.meshes.distance import surface_points
from wsjax.meshes.mesh import Mesh
from wsjax.metrics import shapes as metrics

__all__ = [
    "EMPTY",
    "RADIUS",
    "UNMEASURED",
    "Meshing",
    "attempt",
    "chamfer",
    "cloud",
    "fidelity",
    "gathered",
    "in_parallel",
    "means",
    "mesher",
    "surface_measures",
    "value_of",
]

Result = TypeVar("Result")

EMPTY = Mesh(np.zeros((0, 3)), np.zeros((0, 3), np.int64))
"""The surface of a field that has none."""
UNMEASURED = "unmeasured"
"""Key of an instance's entry that says why some of its measures are missing."""
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


def in_parallel(one: Callable[..., Result], *items) -> list[Result]:
    """Calls `one` on every item, one thread per processor; results are in order."""
    with concurrent.futures.ThreadPoolExecutor(machine.processors()) as pool:
        return list(pool.map(one, *items))


def attempt(one: Callable[[], Result]) -> tuple[Result | None, str | None]:
    """Calls `one` for a single instance, whose failure must not stop the others.

    Returns:
      `(result, None)`, or `(None, reason)` if `one` cannot compute its result. Errors
      of the machine, such as a full disk, are raised.
    """
    try:
        return one(), None
    except (ArithmeticError, RuntimeError, ValueError) as error:
        return None, " ".join(str(error).split()) or type(error).__name__


def cloud(mesh: Mesh, n: int, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Points `[n, 3]` on a mesh and their normals, always the same."""
    return surface_points(mesh, n, np.random.default_rng(seed))


def fidelity(
    meshing: Meshing, form: Representation, source: Shapes
) -> Callable[[np.ndarray, ArrayTree], list[dict[str, Any]]]:
    """`measure(rows, stacked adapters) -> measures`, a dict per instance.

    `chamfer_squared` and `chamfer_mean` to one half of the true surface points, and
    the other half's as the floor; `f_score` at `RADIUS`, the other half's as ceiling;
    `normal_consistency`; `iou` at the points that all shapes share. A field without a
    surface has the last alone. A measure that cannot be computed is missing, and
    `unmeasured` says why: a wire that passes between all the points has no `iou`.
    """
    mesh_of, value = mesher(meshing, form), value_of(form)
    merge, places = jax.jit(form.adapter.merge), sampling.common_points()

    def overlap(row: int, adapter: ArrayTree) -> float:
        ((bits,),) = shapes.read(source, [row], "inside")
        fitted = value(merge(form.base, adapter), places) < 0.0
        return metrics.iou(fitted, np.unpackbits(bits).astype(bool))

    def of_surface(row: int, adapter: ArrayTree) -> dict[str, Any]:
        ((true,),) = shapes.read(source, [row], "surface")
        return surface_measures(mesh_of(adapter), np.asarray(true, float))

    def measure(row: int, adapter: ArrayTree) -> dict[str, Any]:
        measured = gathered({"iou": lambda: overlap(row, adapter)})
        surface, reason = attempt(lambda: of_surface(row, adapter))
        if surface is None:
            surface = {UNMEASURED: reason}
        reasons = [
            part[UNMEASURED] for part in (measured, surface) if UNMEASURED in part
        ]
        joined = {UNMEASURED: "; ".join(reasons)} if reasons else {}
        return measured | surface | joined

    return lambda rows, stacked: in_parallel(
        lambda i: measure(rows[i], tree.row(stacked, i)), range(len(rows))
    )


def chamfer(
    meshing: Meshing, form: Representation, source: Shapes
) -> Callable[[np.ndarray, ArrayTree], list[float]]:
    """`measure(rows, stacked adapters) -> squared Chamfer distances`, a row each.

    A field without a surface counts as one point in the middle of the cube. Where the
    distance cannot be computed, it is NaN.
    """
    mesh_of = mesher(meshing, form)

    def measure(row: int, adapter: ArrayTree) -> float:
        ((true,),) = shapes.read(source, [row], "surface")
        reference = true[: len(true) // 2, :3]
        mesh = mesh_of(adapter)
        points = cloud(mesh, len(reference))[0] if len(mesh.faces) else np.zeros((1, 3))
        return metrics.chamfer_squared(points, reference)

    def one(row: int, adapter: ArrayTree) -> float:
        distance, reason = attempt(lambda: measure(row, adapter))
        if distance is None:
            logging.warning("no Chamfer distance of instance %d: %s", row, reason)
            return np.nan
        return distance

    return lambda rows, stacked: in_parallel(
        lambda i: one(rows[i], tree.row(stacked, i)), range(len(rows))
    )


def surface_measures(mesh: Mesh, true: np.ndarray) -> dict[str, Any]:
    """Measures of a mesh against true surface points with normals `[2 Q, 6]`.

    Those that cannot be computed are missing, and `unmeasured` says why.
    """
    if not len(mesh.faces):
        return {}
    reference, other = np.split(true, 2)
    points, normals = cloud(mesh, len(reference))
    places, floor = reference[:, :3], other[:, :3]
    return gathered(
        {
            "chamfer_squared": lambda: metrics.chamfer_squared(points, places),
            "chamfer_squared_floor": lambda: metrics.chamfer_squared(floor, places),
            "chamfer_mean": lambda: metrics.chamfer_mean(points, places),
            "f_score": lambda: metrics.f_score(points, places, radius=RADIUS),
            "f_score_ceiling": lambda: metrics.f_score(floor, places, radius=RADIUS),
            "normal_consistency": lambda: metrics.normal_consistency(
                points, normals, places, reference[:, 3:]
            ),
        }
    )


def gathered(measures: dict[str, Callable[[], float]]) -> dict[str, Any]:
    """Computes measures by name, to six digits; leaves out those that fail.

    Returns:
      The values, finite, and under `unmeasured` the reasons of those that are missing.
    """
    values: dict[str, Any] = {}
    reasons = []
    for name, measure in measures.items():
        value, reason = attempt(measure)
        if value is None:
            reasons.append(f"{name}: {reason}")
        elif not np.isfinite(value):
            reasons.append(f"{name}: {value:g} is no number")
        else:
            values[name] = float(f"{value:.6g}")
    return values | ({UNMEASURED: "; ".join(reasons)} if reasons else {})


def means(instances: list[dict]) -> dict[str, float]:
    """Metrics of a set: the mean of every measure, over the instances that have it."""
    metrics_of_set = {}
    for name, mean in _MEASURES.items():
        values = [i[name] for i in instances if i.get(name) is not None]
        if values:
            metrics_of_set[mean] = float(np.mean(values))
    return metrics_of_set
