"""The first step of every binary: it loads the data and opens the run folder."""

import json
import pathlib

from ml_collections import ConfigDict

from experiments.domain.data import Data
from experiments.recipe import checks, dataset
from experiments.running import run_folder

__all__ = ["opened"]


def opened(config: ConfigDict, workdir: str) -> tuple[Data, pathlib.Path]:
    """Loads the recipe's data and creates or re-opens the run folder.

    For a new folder the recipe is checked against the data before anything is written.

    Args:
      config: the recipe.
      workdir: path of the run folder.

    Returns:
      The data set and the run folder.

    Raises:
      ValueError: if the recipe cannot work with these data; if the folder was made by
        another recipe (naming the keys that differ) or from other data; or as the
        loader of the data set.
      OSError: if the folder cannot be written.
    """
    data = dataset.load(config)
    if not (pathlib.Path(workdir) / "recipe.json").exists():
        checks.check(config, data, denoiser=False)
    recipe = json.loads(config.to_json())
    return data, run_folder.open_run(recipe, workdir, data.fingerprint)
