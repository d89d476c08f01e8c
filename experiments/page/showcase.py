"""What the report shows of shapes alone: surfaces, meshes, what was wrong with them."""

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

_SAMPLES = 8  # Generated shapes to turn around,
_PAIRS = 4  # held-out ones beside their fits,
_FACES = 6_000  # and how many faces each has at most: about 100 kB.
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
    """Everything about shapes that the page shows; None if the data are pictures.

    Args:
      root: the run folder.
      name: of the representation.
      data: the data set.
      fits: metrics of the finished fits, by representation.

    Returns:
      `fit`, see `reconstruction`, None if there is none; `alike`, see
      `comparison.alike`; `flags`, see `flags`, and the number of `flagged` shapes;
      `viewers`: pieces of HTML, of the samples and of the held-out shapes, without
      those that have no meshes; `script`: what a content security policy has to allow
      for them; `kind`, `clamp`, `grid`: how the data are.
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
    """What the metrics of a fit leave out.

    Returns:
      `n_measured`, fits that were measured, `n_flat`, those of them without a surface,
      `iou_p05`, and under `heldout` the means over held-out instances alone.
    """
    instances = store.manifest(folder)["instances"]
    ious = [i["iou"] for i in instances if i.get("iou") is not None]
    return {
        "n_measured": len(ious),
        "n_flat": sum(map(comparison.flat, instances)),
        "iou_p05": float(np.quantile(ious, 0.05)) if ious else None,
        "heldout": surfaces.means([i for i in instances if i["heldout"]]),
    }


def flags(quality: list[dict]) -> list[dict]:
    """How many shapes have each `flag`, as `n`, and its `meaning`, the most first."""
    counts = collections.Counter(
        flag for found in quality for flag in found.get("flags", found)
    )
    return [
        {"flag": flag, "meaning": _MEANINGS.get(flag, ""), "n": n}
        for flag, n in counts.most_common()
    ]


def samples(folder: pathlib.Path) -> dict[str, Mesh]:
    """The first meshes of `folder`/meshes by their names.

    Raises:
      ValueError: if a file is no mesh, naming it and the way out.
    """
    paths = _paths(folder).items()
    return {f"sample {stem}": _mesh(path) for stem, path in list(paths)[:_SAMPLES]}


def pairs(folder: pathlib.Path, data: Data, source: Shapes) -> dict[str, Mesh]:
    """Held-out shapes, each beside the mesh in `folder`/meshes that has its row.

    Raises:
      ValueError: if a file is no mesh, naming it and the way out.
    """
    found, shown = _paths(folder), {}
    rows = [row for row in np.flatnonzero(data.heldout) if f"{row:05d}" in found]
    for row in rows[:_PAIRS]:
        name, original = data.names[row], shapes.read_mesh(source, int(row))
        if len(original.faces):
            shown[f"{name}, original"] = original
        shown[f"{name}, fit"] = _mesh(found[f"{row:05d}"])
    return shown


def _paths(folder: pathlib.Path) -> dict[str, pathlib.Path]:
    """Mesh files by their names, sorted."""
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
