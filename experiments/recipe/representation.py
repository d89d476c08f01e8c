"""The representation that a recipe names, on the base that `train_base` wrote."""

import pathlib

import jax
import numpy as np
from ml_collections import ConfigDict

from experiments.domain.representation import Representation
from experiments.running import run_folder
from experiments.running.keys import keys
from wsjax import adapters, checkpoint, fields
from wsjax.fields import Modulated

__all__ = [
    "needs_base",
    "network",
    "representation_name",
    "representation_of",
    "standalone",
    "with_name",
]


def network(config: ConfigDict, channels: int) -> Modulated:
    """The modulated field that `train_base` trains."""
    return fields.modulated(**config.base.field, channels=channels)


def representation_name(config: ConfigDict) -> str:
    """Name of the recipe's representation.

    Raises:
      ValueError: if there is no representation of that name.
    """
    name = config.adapter.name
    if name not in adapters.ADAPTERS:
        raise ValueError(
            f"adapter.name={name!r} is no representation; choose one of "
            f"{sorted(adapters.ADAPTERS)}"
        )
    return name


def standalone(config: ConfigDict) -> bool:
    """Whether the recipe's representation fits whole fields, which need no base."""
    return "field" in config.adapter[representation_name(config)]


def needs_base(config: ConfigDict) -> bool:
    """Whether the recipe trains a base: to fit, to compare with, or for `structure`."""
    return bool(config.fit.compare or config.structure.n or not standalone(config))


def with_name(config: ConfigDict, name: str) -> ConfigDict:
    """A copy of the recipe whose representation is `name`."""
    own = config.copy_and_resolve_references()
    own.adapter.name = name
    return own


def representation_of(
    config: ConfigDict, folder: pathlib.Path, channels: int
) -> Representation:
    """Builds the recipe's representation on the base that `train_base` wrote.

    A representation whose options hold a `field` is standalone and needs no trained
    base: its base is one random initialisation of that field, shared by all instances.

    Args:
      config: the recipe.
      folder: the run folder.
      channels: C, values per point.

    Raises:
      ValueError: if the recipe names no known representation.
      FileNotFoundError: if the base is needed and has not been trained yet.
    """
    name = representation_name(config)
    options = config.adapter[name].to_dict()
    own = options.pop("field", None)
    adapter = adapters.by_name(name, **options)
    if own is not None:
        field = fields.mlp(**own, channels=channels)
        base = field.init(keys(config.seed)["base"])
        wiring = fields.mlp_wiring(base)
        return Representation(name, field, adapter, base, wiring, standalone=True)
    run_folder.need(folder / "base" / "folded", "train_base")
    trained = network(config, channels).field
    like = jax.eval_shape(trained.init, jax.random.key(0))
    like = jax.tree.map(lambda x: np.zeros(x.shape, x.dtype), like)
    base = checkpoint.restore(folder / "base" / "folded", 0, like)
    wiring = fields.residual_wiring(base)
    return Representation(name, trained, adapter, base, wiring, standalone=False)
