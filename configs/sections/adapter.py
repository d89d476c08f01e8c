"""The section `adapter`: options of the six representations, and which one is used."""

from collections.abc import Mapping

from ml_collections import ConfigDict, config_dict

__all__ = ["adapter", "cells", "windows"]

Options = Mapping[str, object]


def adapter(
    *,
    mlp: Options,
    mlp_asym: Options,
    factors: Options,
    unmasked: Options,
    multiplicative: Options,
    windows: Mapping[str, Options] | None = None,
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
      windows: options of `gains` and `allotted`, for recipes of pictures that offer
        them.
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
        **{key: dict(options) for key, options in (windows or {}).items()},
    )


def windows(*, side: int = 8) -> dict[str, dict]:
    """Options of `gains` and `allotted`, for recipes of pictures.

    Their numbers follow from the size of the pictures by a share, unless a recipe gives
    `numbers`.

    Args:
      side: pixels per side of a window, about: the divisor of the picture's length that
        is nearest.
    """
    return {
        "gains": {"numbers": config_dict.placeholder(int), "share": 0.4, "side": side},
        "allotted": {
            "numbers": config_dict.placeholder(int),
            "share": 0.2,
            "side": side,
            "dictionaries": 16,  # Of which each window chooses one.
        },
    }


def cells(*, numbers: int = 4000) -> dict[str, dict]:
    """Options of `cells`, for recipes of shapes.

    Args:
      numbers: of a shape in all, its octree included.
    """
    return {"cells": {"numbers": numbers}}
