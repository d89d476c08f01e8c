"""The first thing that every binary does: its data are read, its run folder opened."""

import json
import pathlib

from ml_collections import ConfigDict

from experiments.domain.data import Data
from experiments.recipe import checks, dataset
from experiments.running import run_folder

__all__ = ["opened"]


def opened(config: ConfigDict, workdir: str) -> tuple[Data, pathlib.Path]:
    """Loads the recipe's data and creates or re-opens the run folder.

    A recipe that these data cannot serve is refused before the folder is made.

    Raises:
      ValueError: if the recipe asks for what these data cannot give; if the folder was
        made by another recipe, naming the keys that differ, or from other data; or as
        the data set says.
      OSError: if the folder cannot be written.
    """
    data = dataset.load(config)
    if not (pathlib.Path(workdir) / "recipe.json").exists():
        checks.check(config, data, denoiser=False)
    recipe = json.loads(config.to_json())
    return data, run_folder.open_run(recipe, workdir, data.fingerprint)
