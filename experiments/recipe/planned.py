"""The recipe that stands for one whose run folder has a plan."""

import json
import pathlib
from collections.abc import Callable

from ml_collections import ConfigDict

from experiments.recipe import dataset
from experiments.recipe.trial import check_trial, trials_of, with_trial
from experiments.running import run_folder
from wsjax import files

__all__ = ["as_planned", "begun_without", "check_plan", "place", "planned", "wanted"]


def place(root: pathlib.Path) -> pathlib.Path:
    """Folder of the plan of a run folder; it is a run folder, too."""
    return root / "plan"


def planned(config: ConfigDict, workdir: str) -> ConfigDict:
    """The recipe with the setting that the plan of its run folder chose.

    That is the recipe itself if its `plan.first` is False, if it has no section `plan`,
    or if the run folder has no finished plan. Else `plan.first` is False in the result,
    so that a second call changes nothing.

    Args:
      config: the recipe, as given.
      workdir: the run folder.

    Raises:
      ValueError: if the plan was made for another recipe; names the keys that differ.
    """
    folder = place(pathlib.Path(workdir))
    path = folder / "chosen.json"
    if not wanted(config) or not path.exists():
        return config
    run_folder.same_recipe(folder, json.loads(config.to_json()))
    chosen = files.read_json(path, keys=("name", "trial"))
    own = with_trial(config, chosen["name"], chosen["trial"])
    own.plan.first = False
    return own


def wanted(config: ConfigDict) -> bool:
    """Whether the recipe stands for what the plan of its run folder chooses."""
    return bool(config.get("plan", {}).get("first"))


def as_planned(run: Callable[..., object]) -> Callable[[ConfigDict, str], object]:
    """A binary's `run(config, workdir)`, which then gets the `planned` recipe."""
    return lambda config, workdir: run(planned(config, workdir), workdir)


def begun_without(root: pathlib.Path) -> bool:
    """Whether a run folder was begun before it had a plan; it goes on without one."""
    return (root / "recipe.json").exists() and not place(root).exists()


def check_plan(config: ConfigDict) -> None:
    """Refuses a plan that cannot work, before anything is measured.

    Raises:
      ValueError: naming the key, what was expected and found, and the way out.
    """
    if "plan" not in config:
        raise ValueError(
            "the recipe has no section plan; add config.plan = sections.plan(...), as "
            "configs/images.py does, or use that recipe"
        )
    shape = dataset.load(config).shape
    variants, among = config.plan.variants, config.plan.choose_from
    if not set(among) & set(variants):
        raise ValueError(
            f"--config.plan.choose_from={tuple(among)}: expected one or more of the "
            f"representations in plan.variants, {sorted(variants)}; name one of these"
        )
    for name in variants:
        for trial in trials_of(variants[name]):
            check_trial(config, name, trial, shape)
