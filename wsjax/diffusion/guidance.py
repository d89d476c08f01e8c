"""Guidance: samples that are more typical of their label, but less varied."""

import jax

from wsjax.types import Denoise

__all__ = ["guided"]

_LARGEST = 100.0  # Weight; published ones end below 20.


def guided(
    conditional: Denoise,
    unconditional: Denoise,
    *,
    weight: float,
    low: float = 0.0,
    high: float = 1.0,
) -> Denoise:
    """Classifier-free guidance (Ho and Salimans 2022) in an interval of time.

    Predicts `unconditional + weight * (conditional - unconditional)` at times from
    `low` to `high` and `conditional` elsewhere: near pure noise guidance costs variety,
    near the end it does nothing (Kynkäänniemi et al. 2024).

    Args:
      conditional: the denoiser with the label.
      unconditional: the denoiser without a label; not called outside of the interval.
      weight: 1 is `conditional` itself, 0 `unconditional`; above 1 samples move
        further from what all labels share.
      low: smallest time with guidance.
      high: largest time with guidance.

    Raises:
      ValueError: if the interval is empty, or `weight` is below 0 or above 100.
    """
    if not 0.0 <= weight <= _LARGEST:
        raise ValueError(
            f"weight={weight} should lie between 0 and {_LARGEST:g}, such as 1.5"
        )
    if low > high:
        raise ValueError(f"guidance from {low} to {high}: no time lies there")

    def denoise(noisy: jax.Array, t: jax.Array) -> jax.Array:
        labelled = conditional(noisy, t)

        def push(labelled):
            # The sum of the docstring, written such that a weight of 1 changes no bit.
            return labelled + (weight - 1.0) * (labelled - unconditional(noisy, t))

        inside = (low <= t) & (t <= high)
        return jax.lax.cond(inside, push, lambda labelled: labelled, labelled)

    return denoise
