"""Writes the surfaces of generated shapes; compares the set with real shapes."""

import io
import pathlib
from collections.abc import Sequence

import jax
import numpy as np
from absl import logging
from chex import ArrayTree

from experiments.domain import surfaces
from experiments.domain.representation import Representation
from experiments.domain.surfaces import Meshing
from wsjax import files, tree
from wsjax.data import shapes
from wsjax.data.shapes import Shapes
from wsjax.meshes import formats
from wsjax.meshes.mesh import Mesh
from wsjax.meshes.picture import gif, turntable
from wsjax.metrics import shape_sets

_TURNED = 6  # Samples in the turntable animation.


def write_meshes(
    meshing: Meshing,
    form: Representation,
    folder: pathlib.Path,
    weights: ArrayTree,
    numbers: Sequence[int] | np.ndarray,
) -> list[Mesh]:
    """Writes the surface of each field as a mesh file, such as meshes/00007.glb.

    If the surface of an instance cannot be extracted, the others are still written, and
    unmeshed.json holds the reason by number.

    Args:
      meshing: how to extract surfaces.
      form: the representation.
      folder: where meshes/ and unmeshed.json go.
      weights: stacked adapters `[n, ...]`.
      numbers: `[n]` numbers that name the files.

    Returns:
      The n meshes. Where a field has no surface, or it cannot be extracted, the mesh is
      empty and has no file.
    """
    mesh_of, suffix = surfaces.mesher(meshing, form), meshing.suffix
    failed: dict[str, str] = {}

    def one(i: int) -> Mesh:
        mesh = mesh_of(tree.row(weights, i))
        if len(mesh.faces):
            path = folder / "meshes" / f"{numbers[i]:05d}{suffix}"
            content = formats.encode(mesh, suffix)
            # Raises if points cannot be drawn from the mesh, before it is written.
            surfaces.cloud(mesh, 1)
            files.write_bytes(path, content)
        return mesh

    def or_empty(i: int) -> Mesh:
        mesh, reason = surfaces.attempt(lambda: one(i))
        if mesh is None:
            failed[f"{numbers[i]:05d}"] = str(reason)
            return surfaces.EMPTY
        return mesh

    meshes = surfaces.in_parallel(or_empty, range(len(numbers)))
    if failed:
        logging.warning("%d surfaces cannot be taken, see unmeshed.json", len(failed))
        files.write_json(folder / "unmeshed.json", dict(sorted(failed.items())))
    return meshes


def mesh_all(
    meshing: Meshing,
    form: Representation,
    folder: pathlib.Path,
    weights: ArrayTree,
) -> dict[str, float]:
    """Writes meshes/, clouds.npy (for `compare`) and turntable.gif of all samples.

    Returns:
      `n_empty`, the number of samples without a surface or whose surface cannot be
      extracted, and `faces_mean`, the mean number of faces of the others.
    """
    n = len(jax.tree.leaves(weights)[0])
    meshes = write_meshes(meshing, form, folder, weights, range(n))
    full = [mesh for mesh in meshes if len(mesh.faces)]
    points = meshing.points
    clouds = surfaces.in_parallel(lambda mesh: surfaces.cloud(mesh, points)[0], full)
    clouds = np.reshape(clouds, (-1, points, 3)).astype(np.float32)
    buffer = io.BytesIO()
    np.save(buffer, clouds)
    files.write_bytes(folder / "clouds.npy", buffer.getvalue())
    if full:
        files.write_bytes(folder / "turntable.gif", _turntable(full[:_TURNED]))
    faces = [len(mesh.faces) for mesh in full]
    return {
        "n_empty": n - len(full),
        "faces_mean": float(np.sum(faces) / max(1, len(full))),
    }


def _turntable(meshes: list[Mesh]) -> bytes:
    """A GIF in which the meshes rotate side by side."""
    turned = surfaces.in_parallel(lambda mesh: turntable(mesh, size=112), meshes)
    return gif(np.concatenate(turned, axis=2))


def compare(
    meshing: Meshing, source: Shapes, folder: pathlib.Path, rows, heldout
) -> dict[str, float]:
    """MMD, COV and 1-NNA of the samples in `folder` against held-out shapes.

    Keys that end in `_floor` are the same metrics of equally many training shapes. All
    sets are cut to one size, `n_references`; below 2 there are no other metrics.

    Args:
      meshing: its `points` per surface and number of `references` are used.
      source: the data set.
      folder: of the samples; holds clouds.npy.
      rows: `[N]` instances that were fitted.
      heldout: `[N]` booleans, which of them are held out.
    """
    count, points = meshing.references, meshing.points
    samples = _finite(np.load(folder / "clouds.npy"))
    references = _true(source, rows[heldout][:count], points)
    train = _true(source, rows[~heldout][:count], points)
    # Metrics compare sets of equal size; empty surfaces do not count as samples.
    n = min(len(references), len(train), len(samples))
    metrics: dict[str, float] = {"n_references": n}
    if n < 2:
        return metrics
    references = references[:n]
    within = shape_sets.distances(references, references)
    for ending, clouds in {"": samples, "_floor": train}.items():
        measured = shape_sets.compare(clouds[:n], references, within_references=within)
        metrics |= {f"{name}{ending}": value for name, value in measured.items()}
    return metrics


def _true(source: Shapes, rows: np.ndarray, points: int) -> np.ndarray:
    """Clouds `[n, P, 3]` of real surfaces, without instances that cannot be read."""
    read = [
        surfaces.attempt(lambda row=row: shapes.read(source, [row], "surface"))[0]
        for row in rows
    ]
    clouds = [surface[:, :points, :3] for (surface,) in filter(None, read)]
    return _finite(np.concatenate(clouds or [np.zeros((0, points, 3))]))


def _finite(clouds: np.ndarray) -> np.ndarray:
    """Drops the clouds of `[N, P, 3]` that have a NaN or infinite coordinate."""
    return clouds[np.isfinite(clouds).all(axis=(1, 2))]
