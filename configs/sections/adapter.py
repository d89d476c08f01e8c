"""The section `adapter`: options of representations, and which one is used."""

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
    further: Mapping[str, Options] | None = None,
    name: str = "mlora_asym",
) -> ConfigDict:
    """Options of each representation.

    Recipes choose them such that the first six have about as many trainable numbers
    per instance. A mask (the "_asym" representations) freezes some entries, which
    breaks the permutation symmetries of neurons or rank components.

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
      further: of others by name, such as `{"shifts": {"latent": 256}}`.
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
        **{other: dict(options) for other, options in (further or {}).items()},
    )
