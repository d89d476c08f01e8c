"""Confidence intervals of means, and of shares, over instances."""

import numpy as np

__all__ = ["interval", "share_interval"]


def interval(values: np.ndarray, *, confidence: float = 0.95) -> tuple[float, float]:
    """Mean and half the width of its Student confidence interval.

    Args:
      values: `[N]`, one per instance, drawn independently.
      confidence: chance that the interval holds the mean of all instances.

    Returns:
      Both in the unit of the values.

    Raises:
      ValueError: if there are fewer than 2 values or they are no vector.
    """
    values = np.asarray(values, np.float64)
    if values.ndim != 1 or len(values) < 2:
        raise ValueError(f"need 2 values or more, got shape {values.shape}")
    # Here, as it takes a second to import.
    from scipy import stats

    quantile = stats.t.ppf((1 + confidence) / 2, len(values) - 1)
    return float(values.mean()), float(quantile * stats.sem(values))


def share_interval(share: float, n: int, *, confidence: float = 0.95) -> float:
    """Half the width of an interval about a share, such as an accuracy.

    Wilson's score interval (1927) covers about as often as it says even for few
    instances or a share near 0 or 1, but is not centred at the share. This is the
    distance to its farther end, so that share ± half holds all of it.

    Args:
      share: of instances that have a property, in [0, 1].
      n: instances, drawn independently.
      confidence: chance that the interval holds the share of all instances.

    Returns:
      Half the width, above 0 even where all instances or none have the property.

    Raises:
      ValueError: if there are no instances or the share is outside [0, 1].
    """
    if n < 1 or not 0 <= share <= 1:
        raise ValueError(
            f"need 1 instance or more and a share in [0, 1], got {n} and {share}"
        )
    from scipy import stats

    z = stats.norm.ppf((1 + confidence) / 2)
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    spread = np.sqrt(share * (1 - share) / n + (z / (2 * n)) ** 2) * z / (1 + z**2 / n)
    return float(spread + abs(centre - share))
