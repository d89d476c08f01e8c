"""A finished run folder of shapes, written by hand."""

import re

import handmade
import numpy as np
import trimesh
from handmade import OWN, OWN_ROW, RIVAL

from configs import shapes
from wsjax import files
from wsjax.meshes import formats, picture
from wsjax.meshes.mesh import Mesh

FIT = {
    "iou_mean": 0.875,
    "chamfer_squared_mean": 0.0015,
    "chamfer_squared_floor": 0.0006,
    "chamfer_mean_mean": 0.01,
    "f_score_mean": 0.9375,
    "f_score_ceiling": 0.953125,
    "normal_consistency_mean": 0.9625,
}
# Of each instance: iou, squared Chamfer distance; the third is no test one.
FITTED = {
    OWN: [None, (0.5, 0.004), (0.75, 0.001), (0.9, 0.002)],
    "lora": [(0.8, 0.001), (0.6, 0.006), (0.7, 0.001), (0.8, None)],
}
SETS = {
    "n_references": 2,
    "mmd_cd": 0.0123,
    "mmd_cd_floor": 0.0101,
    "cov_cd": 0.375,
    "cov_cd_floor": 0.5,
    "one_nna_cd": 0.875,
    "one_nna_cd_floor": 0.625,
}


def ball(radius):
    """A sphere of 320 faces."""
    made = trimesh.creation.icosphere(subdivisions=2, radius=radius)
    return Mesh(np.asarray(made.vertices, float), np.asarray(made.faces, np.int64))


def as_shapes(metrics):
    """Metrics of pictures under the names that those of shapes have."""
    return {
        re.sub("^pixels_", "grid_", key.replace("pixel_pca", "grid_pca")): value
        for key, value in metrics.items()
    }


def with_chamfer(metrics):
    """Metrics of a structure study with a barrier of thousandths."""
    kinds = ("barrier_displaced_", "barrier_lambda_")
    barriers = [key for key in metrics if key.startswith(kinds)]
    return metrics | {
        key.replace("barrier", "barrier_chamfer"): metrics[key] / 1000
        for key in barriers
    }


def rewrite(path, change):
    files.write_json(path, change(files.read_json(path)))


def instance(i, measures):
    """A line of a manifest; `measures` are its iou and Chamfer distance, if any."""
    found = {
        "name": str(i),
        "part": "validation" if i == 2 else "test",
        "status": "done",
        "psnr_db": 30.0,
    }
    if measures is None:
        return found | {"status": "failed: diverged", "psnr_db": None}
    iou, distance = measures
    if distance is not None:
        found |= {"chamfer_squared": distance, "chamfer_squared_floor": 0.0005}
    return found | {"iou": iou}


def write(folder, config):
    """A finished run folder of shapes, by hand."""
    handmade.write(folder, config)
    for name, lines in FITTED.items():
        place = folder / "fit" / name
        rewrite(place / "metrics.json", lambda m: m | FIT | {"n_fitted": 4})
        instances = [instance(i, measures) for i, measures in enumerate(lines)]
        handmade.write_manifest(place, instances)
    for row in (OWN_ROW, "lora"):
        rewrite(folder / "structure" / row / "metrics.json", with_chamfer)
    evaluated, sampled = folder / "evaluate" / OWN, folder / "samples" / OWN
    rewrite(evaluated / "metrics.json", lambda m: as_shapes(m) | SETS)
    rewrite(folder / "evaluate" / RIVAL / "metrics.json", as_shapes)
    rewrite(
        evaluated / "baselines.json",
        lambda rows: {name: as_shapes(m) for name, m in rows.items()},
    )
    rewrite(folder / "analyze" / OWN / "metrics.json", as_shapes)
    verdict = evaluated / "audit.json"
    verdict.write_text(verdict.read_text().replace("pixel_pca", "grid_pca"))
    rewrite(sampled / "metrics.json", lambda m: m | {"n_empty": 3, "faces_mean": 1280})
    for i in range(12):
        content = formats.encode(ball(0.9 - 0.05 * i), ".glb")
        files.write_bytes(sampled / "meshes" / f"{i:05d}.glb", content)
    turning = picture.turntable(ball(0.5), frames=3, size=32)
    files.write_bytes(sampled / "turntable.gif", picture.gif(turning))


def quick(cache):
    """A recipe of ten shapes."""
    config = shapes.get_config("tiny")
    config.data.update(n=10, size=8, preset="compact", cache=str(cache), test=0.3)
    config.structure.n = 2
    return config


def flawed(found, names):
    """The data with three flawed meshes, and other names."""
    quality = [{} for _ in names]
    quality[1] = {"flags": ["open", "inverted"], "faces": 12}
    quality[2] = {"flags": ["open"], "faces": 12}
    quality[4] = {"turned": "distances were positive inside"}
    source = found.domain.shapes._replace(quality=quality)
    return found._replace(names=names, domain=found.domain._replace(shapes=source))
