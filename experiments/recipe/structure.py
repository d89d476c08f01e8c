"""The rows of the structure study: each representation, mLoRA from several starts."""

from ml_collections import ConfigDict

from experiments.fitting.perturbed import Perturbation
from experiments.recipe.representation import representations_of, with_name

__all__ = ["own_row", "perturbations_of", "rows_of"]


def rows_of(config: ConfigDict) -> dict[str, ConfigDict]:
    """The recipe of every row by its name, such as `lora` or `mlora_asym_skip`."""
    rows = {}
    for name in representations_of(config):
        own = with_name(config, name)
        own.fit.points = config.structure.points
        if not _has_starts(name):
            rows[name] = own
            continue
        for start, options in config.structure.starts.items():
            row = own.copy_and_resolve_references()
            row.fit.learning_rate[name] = options.learning_rate
            with row.adapter[name].unlocked():
                row.adapter[name].start = start
                row.adapter[name].spread = options.spread
            rows[f"{name}_{start}"] = row
    return rows


def own_row(config: ConfigDict) -> str:
    """Name of the row of the recipe's representation, from the start it is fitted from.

    The study lacks it if `structure.starts` lacks that start.
    """
    name = config.adapter.name
    return f"{name}_{config.adapter[name].start}" if _has_starts(name) else name


def perturbations_of(config: ConfigDict) -> tuple[Perturbation, ...]:
    """How the starts are perturbed: displaced ones first, then by lambda."""
    return (
        *(Perturbation("displaced", x) for x in config.structure.displacements),
        *(Perturbation("lambda", x) for x in config.structure.strengths),
    )


def _has_starts(name: str) -> bool:
    return name.startswith("mlora")
