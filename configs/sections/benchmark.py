"""The section `benchmark`: our fits against a plain reference."""

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
    """Time to equal quality.

    Args:
      target: mean PSNR in dB that both must reach.
      n: held-out instances that our fits are timed on.
      steps: of our fits; the fewest that reach the target are timed.
      repeats: how often our fits are timed; the fastest counts.
      plain_n: held-out instances that the reference is timed on.
      plain_steps: of the reference; the fewest that reach the target are timed.
    """
    return config_dict.create(
        target=target,
        steps=steps,
        n=n,
        repeats=repeats,
        plain_steps=plain_steps,
        plain_rates=(0.01, 0.02, 0.04, 0.08),  # Learning rates of the reference.
        plain_n=plain_n,
    )
