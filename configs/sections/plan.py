"""The section `plan`: the settings that `experiments.plan` measures and chooses from.

Its variants are those of the section `sweep`: dictionaries of what they override.
"""

from collections.abc import Mapping, Sequence

from ml_collections import ConfigDict, config_dict

from configs.sections.sweep import Variant

__all__ = ["picture_plan", "plan", "shape_plan"]


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
