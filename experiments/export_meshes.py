r"""Writes the surfaces of fitted or generated shapes as mesh files, at any resolution.

  python -m experiments.export_meshes --config=configs/shapes.py --workdir=runs/shapes \
      --of=fit --resolution=256 --suffix=.ply --n=10

Reads fit/ or samples/<representation>/, writes export/<representation>/fit/ or
samples/: a mesh per instance with its number and its name. Fits lie where their
originals did. What is there already is kept.
"""

import pathlib

import numpy as np
from absl import flags
from ml_collections import ConfigDict
from tqdm import tqdm

from experiments.domain import surfaces
from experiments.domain.representation import start
from experiments.recipe.dataset import meshing_of
from experiments.recipe.opening import opened
from experiments.recipe.representation import representation_name, representation_of
from experiments.running import launch, run_folder
from wsjax import files, store, tree
from wsjax.meshes import formats
from wsjax.meshes.mesh import Frame, Mesh, restore

_SETS = ("fit", "samples")
_GROUP = 64  # Instances that are read at once.
_OF = flags.DEFINE_enum("of", "fit", _SETS, "Fitted or generated shapes.")
_RESOLUTION = flags.DEFINE_integer("resolution", 128, "Cells per side.", 8)
_SUFFIX = flags.DEFINE_enum("suffix", ".glb", formats.SUFFIXES, "Format of the files.")
_N = flags.DEFINE_integer("n", None, "First n instances only.", 1)


def run(
    config: ConfigDict,
    workdir: str,
    *,
    of: str = "fit",
    resolution: int = 128,
    suffix: str = ".glb",
    n: int | None = None,
) -> pathlib.Path:
    """Writes the meshes of one set; returns their folder.

    Args:
      config: the recipe.
      workdir: the run folder.
      of: "fit" or "samples".
      resolution: cells per side; a multiple of the recipe's `mesh.coarse`.
      suffix: ".glb", ".ply", ".obj", ".stl" or ".off".
      n: the first n instances only.

    Raises:
      ValueError: if the data are no shapes, or the set or resolution is none.
      FileNotFoundError: if the set was not made yet.
    """
    data, root = opened(config, workdir)
    if data.domain.shapes is None:
        raise ValueError(f"data.name={config.data.name!r} are pictures, not shapes")
    if of not in _SETS:
        raise ValueError(f"of={of!r}: choose one of {_SETS}")
    name = representation_name(config)
    source, out = root / of / name, root / "export" / name / of
    run_folder.need(source / "manifest.json", "fit" if of == "fit" else "sample")
    form = representation_of(config, root, data.channels)
    meshing = meshing_of(config)._replace(resolution=resolution)
    mesh_of = surfaces.mesher(meshing, form)
    first = start(root / "fit" / name, form)
    total = min(filter(None, (n, store.manifest(source)["n"])))
    for begin in tqdm(range(0, total, _GROUP), desc="meshes", unit="group"):
        rows = slice(begin, min(begin + _GROUP, total))
        weights, instances = store.load(source, like=first, rows=rows)

        def one(i: int, begin=begin, weights=weights, instances=instances):
            path = out / _file_name(begin + i, instances[i]["name"], suffix)
            if not path.exists():
                mesh = _placed(mesh_of(tree.row(weights, i)), instances[i])
                if len(mesh.faces):
                    files.write_bytes(path, formats.encode(mesh, suffix))

        surfaces.in_parallel(one, np.flatnonzero(store.done(instances)))
    print(f"export {name}: meshes in {out}", flush=True)
    return out


def _file_name(number: int, name: str, suffix: str) -> str:
    """Of the instance that was read from `class/name.obj`: 00007_class_name.glb."""
    stem = pathlib.PurePosixPath(name).with_suffix("").as_posix()
    return f"{number:05d}_{stem.replace('/', '_')}{suffix}"


def _placed(mesh: Mesh, instance: dict) -> Mesh:
    """A mesh where its original lay; a sample has none."""
    if "centre" not in instance:
        return mesh
    return restore(mesh, Frame(np.array(instance["centre"]), instance["scale"]))


if __name__ == "__main__":
    launch.main(
        lambda config, workdir: run(
            config,
            workdir,
            of=_OF.value,
            resolution=_RESOLUTION.value,
            suffix=_SUFFIX.value,
            n=_N.value,
        )
    )
