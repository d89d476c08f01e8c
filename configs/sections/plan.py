"""The section `plan`: the settings that `experiments.plan` measures and chooses from.

Its variants are those of the section `sweep`: dictionaries of what they override.
"""

from collections.abc import Mapping, Sequence

from ml_collections import ConfigDict, config_dict

from configs.sections.sweep import Variant

__all__ = [
    "functa_plan",
    "picture_curves",
    "picture_plan",
    "plan",
    "shape_plan",
    "tiny_plan",
]


def plan(
    *,
    variants: Mapping[str, Sequence[Variant]],
    choose_from: tuple[str, ...],
    target: float | None = None,
    numbers: int | None = None,
    seconds: float | None = None,
    n: int = 64,
    checked: int = 512,
    first: bool = True,
) -> ConfigDict:
    """Settings of a plan; the choice has to keep `target`, `numbers` and `seconds`.

    Args:
      variants: by representation.
      choose_from: representations that the choice may fall on: those that a generator
        can learn. The front shows all.
      target: least mean PSNR in dB, for shapes mean IoU; the setting of the fewest
        numbers that reaches it is chosen. None: the one of the highest quality.
      numbers: most numbers per field; None: any.
      seconds: most CPU-seconds per field; None: any.
      n: number of validation instances on which settings are measured.
      checked: most other instances on which `--check` fits the front again.
      first: whether `experiments.pipeline` plans first, and all binaries take the
        recipe's representation from the plan of their run folder.
    """
    return config_dict.create(
        variants=dict(variants),
        choose_from=choose_from,
        target=config_dict.FieldReference(target, field_type=float),
        numbers=config_dict.FieldReference(numbers, field_type=int),
        seconds=config_dict.FieldReference(seconds, field_type=float),
        n=n,
        checked=checked,
        first=first,
    )


def picture_plan() -> ConfigDict:
    """Gains as shares of a picture's values, with and without a choice among more."""
    shares = (1 / 12, 1 / 8, 1 / 6, 1 / 4, 1 / 3, 1 / 2, 2 / 3)
    variants: dict[str, list[Variant]] = {
        "gains": [
            {"adapter": {"share": share, "candidates": candidates}}
            for candidates in (1.0, 2.0, 3.0)
            for share in shares
        ]
    }
    # Fits in closed form cost so little that many can tell what all will be like.
    return plan(variants=variants, choose_from=("gains",), target=35.0, n=512)


def picture_curves() -> ConfigDict:
    """About 256, 512, 1,024 and 2,048 numbers per picture for each representation."""
    brief: Variant = {"consensus": 32, "rounds": 1, "guess": 0}
    numbers = (256, 512, 1024, 2048)
    sizes = ((16, 14), (22, 22), (30, 32), (44, 44))
    fields = [
        {"features": size, "width": width, "scale": scale}
        for size, width in sizes
        for scale in (2.0, 3.0, 4.5)
    ]
    # Ranks of a base's five layers of 64 channels, and of its output layer: a rank is
    # 128 numbers, and a layer with a rank has 64 more for its biases.
    layers = (*(f"layer_{i}" for i in range(5)), "output")
    ranks = [
        dict(zip(layers, some, strict=True))
        for some in (
            (1, 0, 0, 0, 0, 1),
            (2, 1, 0, 0, 0, 0),
            (1, 1, 1, 1, 1, 1),
            (3, 3, 3, 2, 2, 1),
        )
    ]
    variants: dict[str, list[Variant]] = {
        "gains": [
            {"adapter": {"numbers": n, "candidates": candidates}}
            for candidates in (1.0, 3.0)
            for n in numbers
        ],
        "mlp": [
            {**brief, "learning_rate": (0.04, 0.08, 0.16), "adapter": {"field": field}}
            for field in fields
        ],
        "lora": [
            {**brief, "learning_rate": (0.03, 0.06), "adapter": {"ranks": some}}
            for some in ranks
        ],
        "mlora_asym": [
            {**brief, "learning_rate": (0.1, 0.2), "adapter": {"ranks": some}}
            for some in ranks
        ],
    }
    return plan(variants=variants, choose_from=tuple(variants), first=False)


def functa_plan() -> ConfigDict:
    """Shifts at several learning rates."""
    trial: Variant = {"consensus": 32, "rounds": 1, "guess": 0}
    rates = {"learning_rate": (0.02, 0.04, 0.08, 0.16)}
    return plan(
        variants={"shifts": [{**trial, **rates}]}, choose_from=("shifts",), first=False
    )


def shape_plan() -> ConfigDict:
    """From some 1,000 to 4,000 numbers per shape for each representation."""
    brief: Variant = {"consensus": 16, "rounds": 1, "guess": 0}
    fields = [
        {"features": width, "width": width, "scale": scale}
        for width in (22, 32, 44)
        for scale in (1.0, 1.5, 2.5)
    ]
    variants: dict[str, list[Variant]] = {
        "cells": [{"adapter": {"numbers": numbers}} for numbers in (1000, 2000, 4000)],
        "mlp": [
            {**brief, "learning_rate": (0.02, 0.04), "adapter": {"field": field}}
            for field in fields
        ],
        "lora": [
            {**brief, "learning_rate": (0.02, 0.04), "adapter": {"rank": rank}}
            for rank in (1, 2, 5)
        ],
        "mlora_asym": [
            {**brief, "learning_rate": (0.04, 0.08), "adapter": {"rank": rank}}
            for rank in (1, 2, 5)
        ],
    }
    return plan(
        variants=variants, choose_from=("mlora_asym", "lora"), numbers=3000, n=24
    )


def tiny_plan(chosen: str = "mlora_asym") -> ConfigDict:
    """Three settings, of which the plan of a tiny recipe chooses that of `chosen`."""
    begin: Variant = {"rounds": 0, "guess": 0, "learning_rate": (0.01,)}
    variants: dict[str, list[Variant]] = {
        "gains": [{"adapter": {"numbers": 16}}],
        "mlora_asym": [{**begin, "adapter": {"rank": 1}}],
        "mlp": [begin],
    }
    if chosen != "gains":
        del variants["gains"]  # It is of pictures alone.
    return plan(variants=variants, choose_from=(chosen,), n=4, checked=4)
