"""Generated shapes: their surfaces on disk, and how near the set comes to real ones."""

import pathlib

import numpy as np
from ml_collections import ConfigDict

from experiments import dataset, parts, surfaces
from wsjax import records, tree
from wsjax.data import shapes
from wsjax.meshes import files
from wsjax.metrics import shape_sets


def mesh_all(
    config: ConfigDict, form: parts.Representation, folder: pathlib.Path, weights
) -> dict[str, float]:
    """Writes a mesh per instance of `weights` into meshes/, points on them beside it.

    Returns:
      `n_empty`, instances without any surface, and `faces_mean` of the others. Their
      clouds, `[n, P, 3]`, are what `clouds` reads.
    """
    mesh_of, points = surfaces.mesher(config, form), config.evaluate.points
    n = len(next(iter(tree.named(weights).values())))

    def one(i: int):
        mesh = mesh_of(tree.row(weights, i))
        if not len(mesh.faces):
            return 0, None
        name = f"{i:05d}{config.mesh.suffix}"
        content = files.encode(mesh, config.mesh.suffix)
        records.write_bytes(folder / "meshes" / name, content)
        return len(mesh.faces), surfaces.cloud(mesh, points)[0].astype(np.float32)

    faces, found = zip(*surfaces.in_parallel(one, range(n)), strict=True)
    found = [cloud for cloud in found if cloud is not None]
    np.save(folder / "clouds.npy", np.reshape(found, (-1, points, 3)))
    return {
        "n_empty": n - len(found),
        "faces_mean": float(np.sum(faces) / max(1, len(found))),
    }


def compare(
    config: ConfigDict, data: dataset.Data, folder: pathlib.Path, rows, heldout
) -> dict[str, float]:
    """MMD, COV and 1-NNA of the samples in `folder` against held-out shapes.

    The floor of each is that of as many training shapes against the same ones.

    Args:
      config: the recipe; of `evaluate`, `points` and `references` are read.
      data: the data set.
      folder: of the samples.
      rows: `[N]` of the instances that were fitted.
      heldout: `[N]` booleans, which of them are held out.
    """
    train, heldout = rows[~heldout], rows[heldout]
    samples = np.load(folder / "clouds.npy")
    # At equal count: an empty surface is no sample.
    n = min(config.evaluate.references, len(heldout), len(train), len(samples))
    metrics = {"n_references": n}
    if n < 2:
        return metrics
    references = _true(data, heldout[:n], config)
    within = shape_sets.distances(references, references)
    for ending, clouds in {
        "": samples,
        "_floor": _true(data, train[:n], config),
    }.items():
        found = shape_sets.compare(clouds[:n], references, within_references=within)
        metrics |= {f"{name}{ending}": value for name, value in found.items()}
    return metrics


def _true(data: dataset.Data, rows, config: ConfigDict) -> np.ndarray:
    """Points `[n, P, 3]` on the surfaces of real instances."""
    (surface,) = shapes.read(data.shapes, rows, "surface")
    return surface[:, : config.evaluate.points, :3]
