"""How a recipe trains its base, fits its instances, and rehearses these fits."""

from collections.abc import Callable

from ml_collections import ConfigDict

from experiments.fitting.encode import Encoding
from experiments.fitting.engine import FitOptions
from experiments.fitting.rehearse import Rehearsal
from experiments.recipe.representation import representation_name
from experiments.running.keys import keys
from wsjax import adapters
from wsjax.fields import Modulated
from wsjax.fit import autodecoder
from wsjax.representations import FAMILIES

__all__ = [
    "BY_NAME",
    "autodecoder_of",
    "encoding_of",
    "fit_options_of",
    "rehearsal_of",
]

BY_NAME = ("learning_rate", "pull")
"""Keys of `fit` that hold one value per representation."""


def fit_options_of(config: ConfigDict) -> FitOptions:
    """The section `fit`, with the values for the recipe's representation.

    One that solves its fits takes `fit.refine` steps in place of `fit.steps`.
    """
    name = representation_name(config)
    options = {
        key: config.fit[key][name] if key in BY_NAME else config.fit[key]
        for key in FitOptions._fields
        if key != "seed"
    }
    if name in (*FAMILIES, "encoded"):
        options["steps"] = config.fit.refine
    return FitOptions(seed=config.seed, **options)


def autodecoder_of(
    config: ConfigDict, modulated: Modulated, loss: Callable, n: int
) -> tuple[autodecoder.State, Callable]:
    """Returns the state before the first step, and `advance` of the section `base`.

    Args:
      config: the recipe.
      modulated: the field that is trained.
      loss: `(predicted [P, C], target [P, C]) -> []`.
      n: number of instances.
    """
    base = config.base
    tx = autodecoder.adam(learning_rate=base.learning_rate, steps=sum(base.steps))
    advance = autodecoder.make_advance(
        modulated,
        tx,
        penalty=base.penalty,
        decay=base.decay,
        chunk=base.chunk,
        loss=loss,
    )
    key, dim = keys(config.seed)["base"], base.field.latent_dim
    return autodecoder.start(key, modulated, tx, n=n, latent_dim=dim), advance


def encoding_of(config: ConfigDict) -> Encoding:
    """The section `base.encoder`, with the representation `encoded`.

    Raises:
      ValueError: if the recipe has no options of that representation.
    """
    if "encoded" not in config.adapter:
        raise ValueError(
            f"--config.base.encoder.steps={config.base.encoder.steps}: expected the "
            f"options of the encoder in adapter.encoded, found {sorted(config.adapter)}"
            "; give 0 steps, or take a recipe that has them"
        )
    adapter = adapters.by_name("encoded", **config.adapter.encoded.to_dict())
    return Encoding(config.seed, adapter, **config.base.encoder.to_dict())


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
