"""Confidence intervals of means over instances."""

import numpy as np

__all__ = ["interval"]


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
