"""The section `adapter`: the six representations of an instance, and which is used."""

from collections.abc import Mapping

from ml_collections import ConfigDict, config_dict

__all__ = ["adapter"]

Options = Mapping[str, object]


def adapter(
    *,
    mlp: Options,
    mlp_asym: Options,
    factors: Options,
    unmasked: Options,
    multiplicative: Options,
    name: str = "mlora_asym",
) -> ConfigDict:
    """Options of each representation, chosen so that all have as many numbers.

    Args:
      mlp: the field of a whole MLP per instance: Fourier `features` of the given
        `scale`, then `depth` hidden layers of `width` channels.
      mlp_asym: the same with a mask that breaks the symmetries of its neurons.
      factors: options of all four low-rank forms.
      unmasked: further ones of the two forms without a mask. The mask freezes entries;
        a thinner output layer makes up for them.
      multiplicative: further ones of the two forms that multiply the base.
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
    )
