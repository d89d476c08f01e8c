"""Guidance: samples that show their label more plainly, at the price of variety."""

import jax

from wsjax.types import Denoise


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
      conditional: with the label.
      unconditional: without one; not called outside of the interval.
      weight: 1: `conditional` itself; larger: further from what all labels share.
      low: first time of the interval.
      high: last time of the interval.

    Raises:
      ValueError: if the interval is empty.
    """
    if low > high:
        raise ValueError(f"guidance from {low} to {high}: no time lies there")

    def denoise(noisy: jax.Array, t: jax.Array) -> jax.Array:
        known = conditional(noisy, t)

        def push(known):
            # The same sum, written such that a weight of 1 changes no bit.
            return known + (weight - 1.0) * (known - unconditional(noisy, t))

        inside = (low <= t) & (t <= high)
        return jax.lax.cond(inside, push, lambda known: known, known)

    return denoise
