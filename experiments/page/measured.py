"""All numbers that the stages of a run folder have written."""

import pathlib

from wsjax import files

__all__ = ["figures"]

_STAGES = (
    "fit",
    "plan",
    "reconstruction",
    "evaluate",
    "analyze",
    "structure",
    "sweep",
    "speed",
    "tune",
    "diffusion",
    "benchmark",
    "scaling",
)
# Stages of a pipeline that have a folder for the recipe's own representation.
_OWN = ("fit", "diffusion", "evaluate", "analyze")
_SPENT = ("cpu_seconds_", "compile_seconds_")
_COSTS = ("seconds", "cpu_seconds")


def figures(folder: pathlib.Path) -> dict[tuple[str, str, str], float]:
    """All numbers of a run, by stage, row and name.

    Raises:
      ValueError: if a file has another form, naming it.
    """
    found = {}
    for stage in _STAGES:
        for path in sorted(folder.glob(f"{stage}/*/metrics.json")):
            found[stage, path.parent.name] = files.read_json(path)
        for path in sorted(folder.glob(f"{stage}/*/trials.jsonl")):
            for number, line in enumerate(files.read_lines(path)):
                own = line.get("trial_number", number)
                found[stage, f"{path.parent.name}.{own}"] = line
    # Trivial generators have no folder of their own; those of the recipe's own weights.
    own = _own(folder)
    for row, metrics in _rows(folder / "evaluate" / own / "baselines.json").items():
        found.setdefault(("evaluate", row), metrics)
    for row, spent in _trained(folder / "generation.json").items():
        found.get(("evaluate", row), {}).update(spent)
    # Of what a pipeline took, these two folders are all that is no stage of figures.
    made = {"base": "base", "samples": f"samples/{own}"}
    spent = {row: _read(folder / place / "metrics.json") for row, place in made.items()}
    spent |= {stage: found.get((stage, own), {}) for stage in _OWN}
    for row, metrics in spent.items():
        found["costs", row] = {key: metrics[key] for key in _COSTS if key in metrics}
    return {
        (stage, row, name): float(value)
        for (stage, row), metrics in found.items()
        for name, value in metrics.items()
        if isinstance(value, int | float)
    }


def _read(path: pathlib.Path) -> dict:
    """The contents of a JSON file; none if there is no such file."""
    return files.read_json(path) if path.exists() else {}


def _rows(path: pathlib.Path) -> dict[str, dict]:
    """Metrics by row of a JSON file; none if there is no such file."""
    return files.read_rows(path) if path.exists() else {}


def _trained(path: pathlib.Path) -> dict[str, dict[str, float]]:
    """CPU-seconds of training, in all and by stage, by row of a generation.json."""
    key, found = "cpu_seconds_training", {}
    for row, metrics in _rows(path).items():
        if isinstance(metrics.get(key), int | float):
            spent = {k: x for k, x in metrics.items() if k.startswith(_SPENT)}
            found[row] = spent
        elif "failed" not in metrics:
            raise ValueError(
                f"{path}: expected a number {key}, or why it failed, of {row!r}, found "
                f"{sorted(metrics)}; delete the file and run experiments.generation"
            )
    return found


def _own(folder: pathlib.Path) -> str:
    """Name of the recipe's own representation; empty for a run without a recipe."""
    if not (path := folder / "recipe.json").exists():
        return ""
    recipe = files.read_json(path, keys=("recipe",))["recipe"]
    try:
        return str(recipe["adapter"]["name"])
    except (KeyError, TypeError) as error:
        raise ValueError(
            f"{path}: expected the name of a representation as recipe.adapter.name, "
            "found none; restore the file, or name another run folder"
        ) from error
