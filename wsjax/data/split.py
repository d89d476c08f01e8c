"""A fixed split into a part to fit and a part to judge by."""

import numpy as np


def heldout(n: int, *, fraction: float = 0.2, seed: int = 0) -> np.ndarray:
    """Chooses instances to hold out, at random but always the same ones.

    Args:
      n: number of instances.
      fraction: the part to hold out, between 0 and 1.
      seed: of the random choice.

    Returns:
      `[n]` booleans, True for exactly `round(n * fraction)` held-out instances.

    Raises:
      ValueError: if `fraction` is not between 0 and 1, or either part is empty.
    """
    if not 0.0 < fraction < 1.0:
        raise ValueError(f"fraction= needs a number between 0 and 1, got {fraction}")
    count = round(n * fraction)
    if not 0 < count < n:
        raise ValueError(
            f"fraction={fraction} of {n} instances holds out {count} and leaves"
            f" {n - count}, expected at least one each; change fraction= or take more"
        )
    chosen = np.random.default_rng(seed).permutation(n)[:count]
    mask = np.zeros(n, bool)
    mask[chosen] = True
    return mask
