"""Extracts the surfaces of shape fields and measures them against the true ones."""

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

__all__ = ["EMPTY", "RADIUS", "UNMEASURED", "Meshing", "attempt", "chamfer", "cloud"]
__all__ += ["fidelity", "gathered", "in_parallel", "means", "mesher", "overlap"]
__all__ += ["surface_measures", "value_of"]

Result = TypeVar("Result")

EMPTY = Mesh(np.zeros((0, 3)), np.zeros((0, 3), np.int64))
"""The mesh without faces, for a field that has no surface."""
UNMEASURED = "unmeasured"
"""Key in an instance's metrics: the reason why some of them are missing."""
RADIUS = 0.02
"""Distance within which the F-score counts a point as matched: 1 % of the cube."""
# Metrics of an instance, and the name of their mean over a set.
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
    """How surfaces are extracted from fields and compared.

    For marching cubes (see `wsjax.meshes.surface.lattice`): `resolution`, cells per
    side; `coarse`, cells per side that are always evaluated; `slope`, the assumed
    largest change of a value per unit of length; `chunk`, points per call of the field.
    `suffix`: format of mesh files, such as ".glb". For distances between sets:
    `points` per surface, and the largest number of `references`.
    """

    resolution: int
    coarse: int
    slope: float
    chunk: int
    suffix: str
    points: int
    references: int


def value_of(form: Representation) -> Callable[..., np.ndarray]:
    """Returns `value(params, points [M, 3]) -> [M]`; `params` are merged."""
    render = jax.jit(lambda params, x: fields.render(form.field, params, x)[:, 0])
    return lambda params, points: np.asarray(render(params, points))


def mesher(meshing: Meshing, form: Representation) -> Callable[[ArrayTree], Mesh]:
    """Returns `mesh_of(adapter) -> Mesh`, the surface of one field; may be empty."""
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
    """Like `list(map(one, *items))`, with one thread per processor."""
    with concurrent.futures.ThreadPoolExecutor(machine.processors()) as pool:
        return list(pool.map(one, *items))


def attempt(one: Callable[[], Result]) -> tuple[Result | None, str | None]:
    """Calls `one` and catches numerical errors, so that other instances go on.

    Returns:
      `(result, None)`, or `(None, reason)` if `one` raised an ArithmeticError,
      RuntimeError or ValueError. Other errors, such as a full disk, are raised.
    """
    try:
        return one(), None
    except (ArithmeticError, RuntimeError, ValueError) as error:
        return None, " ".join(str(error).split()) or type(error).__name__


def cloud(mesh: Mesh, n: int, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Random points on a mesh and their normals, each `[n, 3]`; the same every time."""
    return surface_points(mesh, n, np.random.default_rng(seed))


def fidelity(
    meshing: Meshing, form: Representation, source: Shapes
) -> Callable[[np.ndarray, ArrayTree], list[dict[str, Any]]]:
    """Returns `measure(rows, stacked adapters) -> metrics`, one dict per instance.

    The true surface points are split in halves. A fit is compared with the first half:
    `chamfer_squared`, `chamfer_mean`, `f_score` (at `RADIUS`), `normal_consistency`.
    The second half, compared in the same way, gives `chamfer_squared_floor` and
    `f_score_ceiling`. `iou` is measured at points that all shapes share; a field
    without a surface has no other metric. A metric that cannot be computed is missing,
    and `unmeasured` gives the reason: a wire so thin that no point is inside
    it or its fit has no `iou`.
    """
    mesh_of, inside = mesher(meshing, form), overlap(form, source)

    def of_surface(row: int, adapter: ArrayTree) -> dict[str, Any]:
        ((true,),) = shapes.read(source, [row], "surface")
        return surface_measures(mesh_of(adapter), np.asarray(true, float))

    def measure(row: int, adapter: ArrayTree) -> dict[str, Any]:
        measured = gathered({"iou": lambda: inside(row, adapter)})
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


def overlap(form: Representation, source: Shapes) -> Callable[..., float]:
    """Returns `measure(row, adapter) -> IoU`, at points that all shapes share."""
    merge, value = jax.jit(form.adapter.merge), value_of(form)
    places = sampling.common_points()

    def measure(row: int, adapter: ArrayTree) -> float:
        ((bits,),) = shapes.read(source, [row], "inside")
        fitted = value(merge(form.base, adapter), places) < 0.0
        return metrics.iou(fitted, np.unpackbits(bits).astype(bool))

    return measure


def chamfer(
    meshing: Meshing, form: Representation, source: Shapes
) -> Callable[[np.ndarray, ArrayTree], list[float]]:
    """Returns `measure(rows [n], stacked adapters) -> n squared Chamfer distances`.

    A field without a surface counts as a single point at the centre of the cube. A
    distance that cannot be computed is NaN, and a warning is logged.
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
    """The metrics of `fidelity` that need a surface; `{}` if the mesh is empty.

    Args:
      mesh: the surface of a fit.
      true: `[2 Q, 6]` points on the true surface, each with its normal.
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
    """Computes each metric, rounded to six digits; leaves out those that fail.

    Returns:
      The finite values by name; if some are missing, also `unmeasured`, the reasons.
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
    """Mean of each metric over the instances that have it, for the metrics of a set."""
    metrics_of_set = {}
    for name, mean in _MEASURES.items():
        values = [i[name] for i in instances if i.get(name) is not None]
        if values:
            metrics_of_set[mean] = float(np.mean(values))
    return metrics_of_set
