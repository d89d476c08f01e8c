"""Settings that the folder of one stage is bound to, beside the recipe of the run."""

import pathlib

from flax.traverse_util import flatten_dict

from wsjax import files

__all__ = ["bind", "differing"]


def bind(folder: pathlib.Path, settings: dict) -> None:
    """Binds the folder of a stage to settings that other stages are free of.

    Args:
      folder: of the stage; settings.json is written into it before its work begins. A
        folder that holds work without it was made by an earlier version, and is kept.
      settings: what its results depend on, as JSON types.

    Raises:
      ValueError: if work in the folder began with other settings; names the keys.
    """
    path = folder / "settings.json"
    if not path.exists():
        if not any(folder.glob("*")):
            files.write_json(path, settings)
        return
    if lines := differing(files.read_json(path), settings):
        raise ValueError(
            f"{folder} was begun with other settings; these differ: "
            f"{'; '.join(lines.values())}. Use the old ones, or remove the folder"
        )


def differing(old: dict, new: dict) -> dict[str, str]:
    """By key, such as `fit.steps`, a line on each value that differs."""
    before, after = (flatten_dict(x, sep=".") for x in (old, new))
    return {
        key: f"{key}: {before.get(key)} -> {after.get(key)}"
        for key in sorted(before.keys() | after.keys())
        if before.get(key) != after.get(key)
    }
