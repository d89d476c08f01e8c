"""Parts of the report that only shapes have: 3D viewers, surfaces, mesh quality."""

import collections
import pathlib

import numpy as np

from experiments.domain import surfaces
from experiments.domain.data import Data
from experiments.page import comparison, viewer
from wsjax import store
from wsjax.data import shapes
from wsjax.data.shapes import Shapes
from wsjax.meshes import formats
from wsjax.meshes.mesh import BadMesh, Mesh

__all__ = ["content", "flags", "pairs", "reconstruction", "samples"]

_SAMPLES = 8  # Most generated shapes in the viewer.
_PAIRS = 4  # Most test shapes in the viewer, each beside its fit.
_FACES = 6_000  # Most faces of a shape in the viewer: about 100 kB of HTML.
_MEANINGS = {
    "open": "edges with one face",
    "non-manifold": "edges with more than two faces",
    "flipped faces": "neighbours disagree about which side is outside",
    "inverted": "outside and inside swapped",
    "self-intersecting": "faces run through each other",
    "self-intersection not checked": "too many faces near each other",
    "several bodies": "parts that share no edge",
    "degenerate faces": "faces without an area",
    "duplicate faces": "the same three vertices twice",
    "turned": "distances were positive inside, their sign was changed",
}


def content(
    root: pathlib.Path, name: str, data: Data, fits: dict[str, dict]
) -> dict | None:
    """Collects what the report's template shows of shapes.

    Args:
      root: the run folder.
      name: of the representation.
      data: the data set.
      fits: metrics of the finished fits, by representation.

    Returns:
      None if the data are pictures; else a dictionary of `kind` ("sdf" or "occupancy"),
      `clamp` (distance at which an SDF is cut off) and `grid` (cells per axis); `fit`
      from `reconstruction`, None without a fit; `alike` from `comparison.alike`;
      `flags` from `flags`, and the number of `flagged` shapes; `viewers`, HTML of the
      viewers "samples" and "heldout" that have meshes; and `script`, the source that
      the page's content security policy must allow for them.

    Raises:
      ValueError: if a mesh file is damaged, naming it and the way out.
    """
    source = data.domain.shapes
    if source is None:
        return None
    meshes = {
        "samples": samples(root / "samples" / name),
        "heldout": pairs(root / "evaluate" / name, data, source),
    }
    shown = {k: viewer.fragment(m, faces=_FACES) for k, m in meshes.items() if m}
    quality = source.quality
    return {
        "kind": source.kind,
        "clamp": source.clamp,
        "grid": data.size,
        "fit": reconstruction(root / "fit" / name) if name in fits else None,
        "alike": comparison.alike(root, fits),
        "flags": flags(quality),
        "flagged": sum(map(bool, quality)),
        "viewers": shown,
        "script": viewer.script_hash(),
    }


def reconstruction(folder: pathlib.Path) -> dict:
    """Computes figures of a fit that its metrics.json lacks, from its manifest.

    Returns:
      `n_measured`: number of fits whose IoU was measured; `n_flat`: number of these
      without a surface; `iou_p05`: 5 % quantile of the IoU, None without any;
      `heldout`: means of all surface measures over the test part.
    """
    instances = store.manifest(folder)["instances"]
    ious = [i["iou"] for i in instances if i.get("iou") is not None]
    return {
        "n_measured": len(ious),
        "n_flat": sum(map(comparison.flat, instances)),
        "iou_p05": float(np.quantile(ious, 0.05)) if ious else None,
        "heldout": surfaces.means([i for i in instances if i["part"] == "test"]),
    }


def flags(quality: list[dict]) -> list[dict]:
    """Counts the flags of mesh quality, the most frequent first.

    Args:
      quality: per shape, the record of its quality: its `flags` count, or its keys if
        it has no such entry.

    Returns:
      `{"flag": str, "meaning": str, "n": number of shapes}` per flag.
    """
    counts = collections.Counter(
        flag for record in quality for flag in record.get("flags", record)
    )
    return [
        {"flag": flag, "meaning": _MEANINGS.get(flag, ""), "n": n}
        for flag, n in counts.most_common()
    ]


def samples(folder: pathlib.Path) -> dict[str, Mesh]:
    """Reads the first 8 meshes of `folder`/meshes, by a title for the viewer.

    Raises:
      ValueError: if a file is no mesh, naming it and the way out.
    """
    paths = _paths(folder).items()
    return {f"sample {stem}": _mesh(path) for stem, path in list(paths)[:_SAMPLES]}


def pairs(folder: pathlib.Path, data: Data, source: Shapes) -> dict[str, Mesh]:
    """Reads the first 4 test shapes that have a mesh of their fit, and that mesh.

    The mesh of the fit of instance 17 is `folder`/meshes/00017 with a suffix. A shape
    whose original has no faces, as a point cloud has none, is shown by its fit alone.

    Returns:
      Meshes by their titles for the viewer, each original before its fit.

    Raises:
      ValueError: if a file is no mesh, naming it and the way out.
    """
    paths, shown = _paths(folder), {}
    rows = [row for row in data.rows("test") if f"{row:05d}" in paths]
    for row in rows[:_PAIRS]:
        name, original = data.names[row], shapes.read_mesh(source, int(row))
        if len(original.faces):
            shown[f"{name}, original"] = original
        shown[f"{name}, fit"] = _mesh(paths[f"{row:05d}"])
    return shown


def _paths(folder: pathlib.Path) -> dict[str, pathlib.Path]:
    """Mesh files in `folder`/meshes by their names without suffix, sorted."""
    paths = sorted((folder / "meshes").glob("*"))
    return {path.stem: path for path in paths if path.suffix in formats.SUFFIXES}


def _mesh(path: pathlib.Path) -> Mesh:
    try:
        return formats.decode(path.read_bytes(), path.suffix)
    except BadMesh as error:
        raise ValueError(
            f"{path} is no readable mesh ({error}); delete the folder of the stage it "
            "is in and run the command that writes it again"
        ) from error
