"""The representation that a recipe names, on the base that `train_base` wrote."""

import pathlib
from collections.abc import Callable

import jax
import numpy as np
from ml_collections import ConfigDict

from experiments.domain.representation import Representation
from experiments.running import run_folder
from experiments.running.keys import keys
from wsjax import adapters, checkpoint, fields, representations
from wsjax.fields import Modulated
from wsjax.representations import FAMILIES, NAMES, Family
from wsjax.types import Field, Params

__all__ = [
    "family_of",
    "meta_learnt",
    "needs_base",
    "network",
    "own_field",
    "parts_of",
    "representation_name",
    "representation_of",
    "representations_of",
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
    if name not in NAMES:
        raise ValueError(
            f"adapter.name={name!r} is no representation; choose one of {sorted(NAMES)}"
        )
    if name not in config.adapter:
        raise ValueError(
            f"adapter.name={name!r}: the recipe has no options for it; choose one of "
            f"{sorted(set(config.adapter) - {'name'})}"
        )
    return name


def family_of(config: ConfigDict, shape: tuple[int, ...]) -> Family | None:
    """The recipe's representation, if its base is of its own kind; else None.

    `shape`: cells per axis of the common grid, and C.

    Raises:
      ValueError: if the options cannot serve such instances.
    """
    name = representation_name(config)
    if name not in FAMILIES:
        return None
    *size, channels = shape
    options = config.adapter[name].to_dict()
    try:
        return representations.by_name(name, tuple(size), channels, **options)
    except ValueError as error:
        raise ValueError(f"--config.adapter.{name}: {error}") from error


def representations_of(config: ConfigDict) -> list[str]:
    """The adapters of the residual base, and of whole fields, that have options."""
    return [name for name in adapters.ADAPTERS if name in config.adapter]


def standalone(config: ConfigDict) -> bool:
    """Whether the recipe's representation fits whole fields, which need no base."""
    return "field" in config.adapter[representation_name(config)]


def meta_learnt(config: ConfigDict, name: str) -> bool:
    """Whether `train_base` learns the start of whole fields, and no base.

    It does if the section `base.rehearsal` names such a representation, here `name`.
    """
    rehearsal = config.base.rehearsal
    whole = "field" in config.adapter[name]
    return bool(rehearsal.episodes and rehearsal.adapter == name and whole)


def own_field(config: ConfigDict, name: str, channels: int) -> tuple[Field, Params]:
    """The field that each instance of a standalone representation owns; its start.

    The start is one random initialisation, which all instances share.
    """
    field = fields.mlp(**config.adapter[name].field, channels=channels)
    return field, field.init(keys(config.seed)["base"])


def needs_base(config: ConfigDict) -> bool:
    """Whether the recipe trains a base: to fit, to compare with, or for `structure`."""
    name = representation_name(config)
    own = not standalone(config) or meta_learnt(config, name)
    return bool(config.fit.compare or config.structure.n or own)


def with_name(config: ConfigDict, name: str) -> ConfigDict:
    """A copy of the recipe whose representation is `name`."""
    own = config.copy_and_resolve_references()
    own.adapter.name = name
    return own


def parts_of(config: ConfigDict, base: Params) -> Params:
    """The base, extended by what the recipe's representations keep in it.

    All of them: one base serves whichever of them is fitted.
    """
    key = keys(config.seed)["parts"]
    for number, name in enumerate(representations_of(config)):
        options = config.adapter[name].to_dict()
        if "field" in options:
            continue
        extend = adapters.by_name(name, **options).extend
        if extend is not None:
            base = extend(jax.random.fold_in(key, number), base)
    return base


def representation_of(
    config: ConfigDict, folder: pathlib.Path, shape: tuple[int, ...]
) -> Representation:
    """Builds the recipe's representation on the base that `train_base` wrote.

    A representation whose options hold a `field` is standalone and needs no trained
    base: its base is one random initialisation of that field, shared by all instances,
    unless that was `meta_learnt`.

    Args:
      config: the recipe.
      folder: the run folder.
      shape: cells per axis of the common grid, and C, values per point.

    Raises:
      ValueError: if the recipe names no known representation, or if the base is that of
        another.
      FileNotFoundError: if the base is needed and has not been trained yet.
    """
    name, channels = representation_name(config), shape[-1]
    if (family := family_of(config, shape)) is not None:
        base = _trained(folder, family.field.init)
        return Representation(
            name, family.field, family.adapter, base, {}, standalone=False
        )
    options = config.adapter[name].to_dict()
    own = options.pop("field", None)
    adapter = adapters.by_name(name, **options)
    if own is not None:
        field, base = own_field(config, name, channels)
        if meta_learnt(config, name):
            base = _trained(folder, field.init)
        wiring = fields.mlp_wiring(base)
        return Representation(name, field, adapter, base, wiring, standalone=True)
    field = network(config, channels).field
    base = _trained(folder, lambda key: parts_of(config, field.init(key)))
    wiring = fields.residual_wiring(base)
    return Representation(name, field, adapter, base, wiring, standalone=False)


def _trained(folder: pathlib.Path, init: Callable[[jax.Array], Params]) -> Params:
    """The params that `train_base` wrote; `init(key)` has their shapes."""
    run_folder.need(folder / "base" / "folded", "train_base")
    like = jax.eval_shape(init, jax.random.key(0))
    like = jax.tree.map(lambda x: np.zeros(x.shape, x.dtype), like)
    return checkpoint.restore(folder / "base" / "folded", 0, like)
