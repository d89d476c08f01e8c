"""The section `benchmark`: the speed of our fits against a plain reference."""

from ml_collections import ConfigDict, config_dict

__all__ = ["benchmark"]


def benchmark(
    *,
    target: float = 31.0,
    n: int = 256,
    steps: tuple[int, ...] = (30, 60, 90, 120, 160, 240),
    repeats: int = 3,
    plain_n: int = 32,
    plain_steps: tuple[int, ...] = (40, 55, 75, 100, 150, 200, 300, 450),
) -> ConfigDict:
    """Settings for timing both to equal quality.

    Args:
      target: mean PSNR in dB that both must reach on training instances.
      n: number of validation instances on which our fits are timed.
      steps: numbers of steps to try for our fits, rising; the first that reaches the
        target is timed.
      repeats: how often both are timed; the run of the fewest CPU-seconds counts.
      plain_n: number of validation instances on which the reference is timed.
      plain_steps: numbers of steps to try for the reference, rising, each at all
        `plain_rates`; the first pair that reaches the target is timed.
    """
    return config_dict.create(
        target=target,
        steps=steps,
        n=n,
        repeats=repeats,
        plain_steps=plain_steps,
        plain_rates=(0.01, 0.02, 0.04, 0.08),  # Learning rates to try, reference.
        plain_n=plain_n,
    )
