"""The domain of shapes: fields are fitted to distances or occupancy at points."""

from collections.abc import Sequence

import jax
import numpy as np
from absl import logging
from chex import ArrayTree

from experiments.domain import clouds, surfaces
from experiments.domain.data import Domain, Rows
from experiments.domain.representation import Representation
from experiments.domain.surfaces import Meshing
from experiments.domain.views import Views
from wsjax import tree
from wsjax.data import shapes
from wsjax.data.shapes import Shapes
from wsjax.fit import losses
from wsjax.meshes.picture import picture

_SIDE = 112  # Pixels per side of a shape's picture.
_POINTS = 2048  # Points per shape that suffice to measure a PSNR.
# What is always read of a shape, and what the cache calls it.
_READ = {"values": "grid", "points": "points", "targets": "values"}
_LOSSES = {"sdf": losses.clamped_error, "occupancy": losses.cross_entropy}


def domain(source: Shapes, meshing: Meshing) -> Domain:
    """Builds the `Domain` of a set of shapes; `meshing`: how to extract surfaces."""

    def read(rows: Rows, also: Sequence[str] = ()) -> dict[str, np.ndarray]:
        more = [name for name in also if name not in _READ]
        arrays = shapes.read(source, rows, *_READ.values(), *more)
        return dict(zip([*_READ, *more], arrays, strict=True))

    def train_on(rows: Rows, factor: int) -> tuple[np.ndarray, ...]:
        del factor  # Points have no resolution.
        return shapes.read(source, rows, "points", "values")

    def shown(values: np.ndarray) -> np.ndarray:
        cut = np.clip(np.asarray(values, np.float32), -1.0, 1.0)
        return cut.reshape(len(cut), *[source.size] * 3, 1)

    return Domain(
        kind=source.kind,
        view="grid",
        classes=source.classes or None,
        loss=_LOSSES[source.kind],
        read=read,
        train_on=train_on,
        shown=shown,
        notes=lambda row: _notes(source, row),
        shapes=source,
        views=lambda form: _views(source, meshing, form),
        fidelity=lambda form: surfaces.fidelity(meshing, form, source),
        overlap=lambda form: _overlap(source, form),
        nearness=lambda form: _nearness(source, meshing, form),
        # Points are in random order, so the first ones are a random subset.
        few=lambda instances: {k: x[:, :_POINTS] for k, x in instances.items()},
        places=lambda rows, points, shrink: read(rows)["points"][:, :points],
        whole=_whole,
        finish=lambda form, folder, adapters: clouds.mesh_all(
            meshing, form, folder, adapters
        ),
        compare=lambda folder, rows, heldout, pairs: clouds.compare(
            meshing, source, folder, rows, heldout
        ),
        examples=lambda form, folder, adapters, rows: clouds.write_meshes(
            meshing, form, folder, adapters, rows
        ),
    )


def _notes(source: Shapes, row: int) -> dict:
    """Manifest entries of a shape: defects of its mesh, and its original frame.

    A vertex x of the normalised mesh was at `scale * x + centre` in the file.
    """
    frame = source.frames[row]
    return {
        "quality": source.quality[row],
        "centre": [float(x) for x in frame.centre],
        "scale": float(frame.scale),
    }


def _views(source: Shapes, meshing: Meshing, form: Representation) -> Views:
    """Views that draw surfaces; a shape that cannot be meshed is left white."""
    mesh_of = surfaces.mesher(meshing, form)

    def shaded(mesh_of, items) -> np.ndarray:
        return np.stack(surfaces.in_parallel(lambda x: one(mesh_of, x), items))

    def one(mesh_of, item) -> np.ndarray:
        drawn, reason = surfaces.attempt(lambda: picture(mesh_of(item), size=_SIDE))
        if drawn is None:
            logging.warning("a shape is left white in a picture: %s", reason)
            return picture(surfaces.EMPTY, size=_SIDE)
        return drawn

    def of_adapters(stacked: ArrayTree) -> np.ndarray:
        n = len(jax.tree.leaves(stacked)[0])
        return shaded(lambda i: mesh_of(tree.row(stacked, i)), range(n))

    def of_rows(rows: Rows) -> np.ndarray:
        return shaded(lambda row: shapes.read_mesh(source, row), rows)

    return Views(of_adapters, of_rows, zoom=1)


def _overlap(source: Shapes, form: Representation):
    """Returns `measure(rows [n], stacked) -> IoU [n]`, NaN where there is none."""
    inside = surfaces.overlap(form, source)

    def one(row: int, adapter: ArrayTree) -> float:
        measured = surfaces.gathered({"iou": lambda: inside(row, adapter)})
        return measured.get("iou", np.nan)

    return lambda rows, stacked: np.array(
        surfaces.in_parallel(
            lambda i: one(rows[i], tree.row(stacked, i)), range(len(rows))
        )
    )


def _nearness(source: Shapes, meshing: Meshing, form: Representation):
    """Returns `near(stacked, rows [n]) -> [n]`: minus the squared Chamfer distance."""
    chamfer = surfaces.chamfer(meshing, form, source)
    return lambda stacked, rows: -np.array(chamfer(rows, stacked))


def _whole(values: np.ndarray) -> np.ndarray:
    """`[n]` booleans: whether a shape has cells inside and outside, so a surface."""
    inside = values.reshape(len(values), -1) < 0
    return inside.any(axis=1) & ~inside.all(axis=1)
