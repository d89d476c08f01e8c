"""The section `tune`: the settings of denoisers that `experiments.tune` tries."""

from ml_collections import ConfigDict, config_dict

__all__ = ["brief_tune", "tune"]


def tune(
    *,
    learning_rates: tuple[float, ...] = (5e-4, 1e-3, 2e-3, 4e-3),
    batches: tuple[int, ...] = (32, 64, 128),
    share: float = 0.4,
) -> ConfigDict:
    """Settings that are tried for the recipe's own generator and its rivals alike.

    Args:
      learning_rates: at which each generator is trained, at its own batch size.
      batches: instances per step at which it is then trained, at the best of the rates
        and for as many instances in all.
    """
    return config_dict.create(
        learning_rates=learning_rates,
        batches=batches,
        share=share,
    )


def brief_tune() -> ConfigDict:
    """Four rates at the generators' own batches, for trainings that are short."""
    return tune(learning_rates=(1e-3, 2e-3, 4e-3, 8e-3), batches=(), share=0.5)
