r"""Exports fitted weights to files that other programs can read.

  python -m experiments.export --config=configs/digits.py --workdir=runs/digits \
      --format=safetensors

Reads fit/<representation>/, writes export/<representation>/: weights.npz with all
instances or, with `--format=safetensors`, a folder safetensors/ with one file per
instance that was fitted.
"""

import pathlib

from absl import flags
from ml_collections import ConfigDict

from experiments.recipe.opening import opened
from experiments.recipe.planned import as_planned
from experiments.recipe.representation import representation_name
from experiments.running import launch, run_folder
from wsjax import exchange, store

_FORMATS = ["npz", "safetensors"]
_FORMAT = flags.DEFINE_enum(
    "format", "npz", _FORMATS, "One .npz file, or one .safetensors file per instance."
)


def run(config: ConfigDict, workdir: str, *, kind: str = "npz") -> pathlib.Path:
    """Exports the fits of the recipe's representation; returns the file or folder.

    Args:
      config: the recipe.
      workdir: the run folder.
      kind: "npz" or "safetensors".

    Raises:
      ValueError: if the format or representation is unknown, or a shard is damaged.
      FileNotFoundError: if the representation was not fitted yet.
    """
    if kind not in _FORMATS:
        raise ValueError(f"unknown format {kind!r}; choose one of {_FORMATS}")
    _, root = opened(config, workdir)
    name = representation_name(config)
    folder, out = root / "fit" / name, root / "export" / name
    run_folder.need(folder / "manifest.json", "fit")
    if damaged := store.damaged(folder):
        raise ValueError(
            f"{damaged[0]} is damaged or missing; run `python -m experiments.fit` with"
            " this --config and --workdir, it fits these instances again"
        )
    if kind == "npz":
        path, n = out / "weights.npz", store.manifest(folder)["n"]
        exchange.to_npz(folder, path)
    else:
        path = out / "safetensors"
        n = exchange.to_safetensors(folder, path)
    print(f"export {name}: {n} instances in {path}", flush=True)
    return path


if __name__ == "__main__":
    launch.main(
        as_planned(lambda config, workdir: run(config, workdir, kind=_FORMAT.value))
    )
