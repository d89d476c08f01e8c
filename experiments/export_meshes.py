r"""Exports the surfaces of fitted or generated shapes as mesh files.

  python -m experiments.export_meshes --config=configs/shapes.py --workdir=runs/shapes \
      --of=fit --resolution=256 --suffix=.ply --n=10

Reads fit/<representation>/ or samples/<representation>/, writes
export/<representation>/fit-256/ or .../samples-256/: one mesh per instance, such as
00007_class_name.ply. Meshes of fits have the position and scale of their originals.
Files that exist are kept. index.json names the file of each instance, or the reason why
it has none.
"""

import pathlib
from collections.abc import Callable

import numpy as np
from absl import flags
from chex import ArrayTree
from ml_collections import ConfigDict
from tqdm import tqdm

from experiments.domain import surfaces
from experiments.domain.representation import start
from experiments.recipe.dataset import meshing_of
from experiments.recipe.opening import opened
from experiments.recipe.planned import as_planned
from experiments.recipe.representation import representation_name, representation_of
from experiments.running import launch, run_folder
from wsjax import files, store, tree
from wsjax.meshes import formats
from wsjax.meshes.mesh import Frame, Mesh, restore

_SETS = ("fit", "samples")
_SUFFIXES = (".glb", ".ply", ".obj", ".stl", ".off")  # The formats of `formats.encode`.
_GROUP = 64  # Instances that are in memory at once.
_OF = flags.DEFINE_enum("of", "fit", _SETS, "Export fitted or generated shapes.")
_RESOLUTION = flags.DEFINE_integer("resolution", 128, "Cells per side of the grid.", 8)
_SUFFIX = flags.DEFINE_enum("suffix", ".glb", _SUFFIXES, "Format of the mesh files.")
_N = flags.DEFINE_integer("n", None, "Export only the first n instances.", 1)


def run(
    config: ConfigDict,
    workdir: str,
    *,
    of: str = "fit",
    resolution: int = 128,
    suffix: str = ".glb",
    n: int | None = None,
) -> pathlib.Path:
    """Exports the meshes of one set of weights; returns their folder.

    Args:
      config: the recipe.
      workdir: the run folder.
      of: "fit" or "samples".
      resolution: cells per side; a multiple of the recipe's `mesh.coarse`.
      suffix: ".glb", ".ply", ".obj", ".stl" or ".off".
      n: export only the first n instances; None for all.

    Raises:
      ValueError: if the data are pictures, or a set, suffix or resolution is not valid.
      FileNotFoundError: if the set does not exist yet.
      OSError: if the folder cannot be written to.
    """
    data, root = opened(config, workdir)
    if data.domain.shapes is None:
        raise ValueError(f"data.name={config.data.name!r} are pictures, not shapes")
    if of not in _SETS:
        raise ValueError(f"of={of!r}: choose one of {_SETS}")
    if suffix not in _SUFFIXES:
        raise ValueError(f"suffix={suffix!r}: choose one of {_SUFFIXES}")
    name = representation_name(config)
    source = root / of / name
    out = root / "export" / name / f"{of}-{resolution}"
    run_folder.need(source / "manifest.json", "fit" if of == "fit" else "sample")
    form = representation_of(config, root, data.shape)
    meshing = meshing_of(config)._replace(resolution=resolution)
    mesh_of = surfaces.mesher(meshing, form)
    first = start(root / "fit" / name, form)
    total = min(filter(None, (n, store.manifest(source)["n"])))
    made: dict[str, str] = {}
    skipped: dict[str, str] = {}
    for begin in tqdm(range(0, total, _GROUP), desc="meshes", unit="group"):
        rows = range(begin, min(begin + _GROUP, total))
        weights, instances = store.load(
            source, like=first, rows=slice(begin, rows.stop)
        )
        names = [instance["name"] for instance in instances]
        paths = [out / _file_name(*x, suffix) for x in zip(rows, names, strict=True)]
        reasons = _write_group(mesh_of, weights, instances, paths)
        made |= {
            k: x.name for k, x in zip(names, paths, strict=True) if k not in reasons
        }
        skipped |= reasons
    _write_index(out, made, skipped)
    print(f"export {name}: {total - len(skipped)} meshes in {out}", flush=True)
    return out


def _write_index(
    out: pathlib.Path, made: dict[str, str], skipped: dict[str, str]
) -> None:
    """Prints the reason for each instance without a mesh; writes index.json."""
    for instance, reason in skipped.items():
        print(f"skipped {instance}: {reason}", flush=True)
    files.write_json(out / "index.json", {"meshes": made, "skipped": skipped})


def _write_group(
    mesh_of: Callable[[ArrayTree], Mesh],
    weights: ArrayTree,
    instances: list[dict],
    paths: list[pathlib.Path],
) -> dict[str, str]:
    """Writes the meshes of a group of instances.

    Args:
      mesh_of: extracts the surface of an adapter.
      weights: stacked adapters.
      instances: their manifest entries.
      paths: their files.

    Returns:
      Reasons by name of the instances that have no mesh.
    """

    def one(i: int) -> str | None:
        if paths[i].exists():
            return None
        return _write(paths[i], _placed(mesh_of(tree.row(weights, i)), instances[i]))

    done = np.flatnonzero(store.done(instances))
    reasons = {i: instance["status"] for i, instance in enumerate(instances)}
    reasons |= dict(zip(done, surfaces.in_parallel(one, done), strict=True))
    return {instances[i]["name"]: reason for i, reason in reasons.items() if reason}


def _write(path: pathlib.Path, mesh: Mesh) -> str | None:
    """Writes a mesh; returns None, or the reason why it cannot be written."""
    if not len(mesh.faces):
        return "the field has no surface"
    try:
        content = formats.encode(mesh, path.suffix)
    except ValueError as error:
        return str(error)
    files.write_bytes(path, content)
    return None


def _file_name(number: int, name: str, suffix: str) -> str:
    """File name of a mesh: instance 7, `class/name.obj`, gives 00007_class_name.glb.

    `files.safe_name` replaces characters that file systems refuse, and shortens.
    """
    stem = pathlib.PurePosixPath(name).with_suffix("").as_posix().replace("/", "_")
    front = f"{number:05d}_"
    most = files.MOST - len(front) - len(suffix)
    return front + files.safe_name(stem, most=most) + suffix


def _placed(mesh: Mesh, instance: dict) -> Mesh:
    """Moves the mesh of a fit to the frame of its original; a sample has none."""
    if "centre" not in instance:
        return mesh
    return restore(mesh, Frame(np.array(instance["centre"]), instance["scale"]))


if __name__ == "__main__":
    launch.main(
        as_planned(
            lambda config, workdir: run(
                config,
                workdir,
                of=_OF.value,
                resolution=_RESOLUTION.value,
                suffix=_SUFFIX.value,
                n=_N.value,
            )
        )
    )
