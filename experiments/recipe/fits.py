"""How a recipe fits its instances, and how it rehearses these fits on the base."""

from ml_collections import ConfigDict

from experiments.fitting.engine import FitOptions
from experiments.fitting.rehearse import Rehearsal
from experiments.recipe.representation import representation_name
from wsjax import adapters
from wsjax.representations import FAMILIES

__all__ = ["BY_NAME", "fit_options_of", "rehearsal_of"]

BY_NAME = ("learning_rate", "pull")
"""Keys of `fit` that hold one value per representation."""


def fit_options_of(config: ConfigDict) -> FitOptions:
    """The section `fit`, with the values for the recipe's representation.

    One that is solved in closed form takes `fit.refine` steps in place of `fit.steps`.
    """
    name = representation_name(config)
    options = {
        key: config.fit[key][name] if key in BY_NAME else config.fit[key]
        for key in FitOptions._fields
        if key != "seed"
    }
    if name in FAMILIES:
        options["steps"] = config.fit.refine
    return FitOptions(seed=config.seed, **options)


def rehearsal_of(config: ConfigDict) -> Rehearsal:
    """The section `base.rehearsal`, with the adapter of the representation it names.

    That of whole fields is their offset from the base, which is their start.
    """
    options = config.base.rehearsal.to_dict()
    name = options.pop("adapter")
    own = config.adapter[name].to_dict()
    whole = own.pop("field", None) is not None
    adapter = adapters.by_name(name, **own)
    if whole:
        adapter = adapters.offset(adapter)
    return Rehearsal(seed=config.seed, adapter=adapter, **options)
