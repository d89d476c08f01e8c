"""The section `adapter`: options of the six representations, and which one is used."""

from collections.abc import Mapping

from ml_collections import ConfigDict, config_dict

__all__ = ["adapter", "cells", "gains"]

Options = Mapping[str, object]


def adapter(
    *,
    mlp: Options,
    mlp_asym: Options,
    factors: Options,
    unmasked: Options,
    multiplicative: Options,
    more: Mapping[str, Options] | None = None,
    name: str = "mlora_asym",
) -> ConfigDict:
    """Options of each representation.

    Recipes choose them such that all six have about as many trainable numbers per
    instance. A mask (the "_asym" representations) freezes some entries, which breaks
    the permutation symmetries of neurons or rank components.

    Args:
      mlp: of the field of `mlp`, one whole MLP per instance: number `features` and
        frequency `scale` of its Fourier features, then `depth` hidden layers of `width`
        channels.
      mlp_asym: the same for `mlp_asym`, the masked MLP.
      factors: of `lora`, `lora_asym`, `mlora` and `mlora_asym`, such as their `rank`.
      unmasked: further options of `lora` and `mlora`. Without a mask they have more
        trainable numbers; a smaller rank of the output layer makes up for that.
      multiplicative: further options of `mlora` and `mlora_asym`, such as their
        `start`.
      more: options of further representations that the recipe offers, by name.
      name: the representation that the recipe fits.
    """
    return config_dict.create(
        name=name,
        mlp={"field": dict(mlp)},
        mlp_asym={"field": dict(mlp_asym)},
        lora={**factors, **unmasked},
        lora_asym=dict(factors),
        mlora={**factors, **unmasked, **multiplicative},
        mlora_asym={**factors, **multiplicative},
        **{key: dict(options) for key, options in (more or {}).items()},
    )


def gains() -> dict[str, dict]:
    """Options of `gains`, for recipes of pictures.

    Their numbers follow from the size of the pictures by a share, and the side of a
    window from their shorter side, unless a recipe gives them.
    """
    return {
        "gains": {
            "numbers": config_dict.placeholder(int),
            "share": 0.2,
            "candidates": 3.0,
            "side": config_dict.placeholder(int),
        }
    }


def cells(*, numbers: int = 4000) -> dict[str, dict]:
    """Options of `cells`, for recipes of shapes.

    Args:
      numbers: of a shape in all, its octree included.
    """
    return {"cells": {"numbers": numbers}}
