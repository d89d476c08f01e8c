"""Denoisers that learn what the best linear one misses."""

import jax
import jax.numpy as jnp

from wsjax.diffusion.train import Apply
from wsjax.types import Process

__all__ = ["preconditioned"]


def preconditioned(process: Process, apply: Apply, spread: jax.Array) -> Apply:
    """Adds a network to the best linear denoiser, in units of what that misses.

    The preconditioning of Karras et al. 2022 (EDM), with a deviation for each number in
    place of one for all: a network whose output is zero is the exact denoiser of a
    Gaussian, and errors of a trained one stay small beside what there is to learn.
    Without it, a few per cent too much of the numbers that vary most are amplified at
    every step of a sampler.

    Args:
      process: noise process.
      apply: the network; it is given noisy vectors of variance 1 on average.
      spread: `[K]`, deviation of each number in training, about a mean of zero; numbers
        should be uncorrelated, such as principal components.
    """
    power = jnp.mean(jnp.square(spread))

    def through(params, noisy, t, label, key):
        slope, left = process.linear(t, spread)
        signal, noise = process.levels(t)
        length = jnp.sqrt(jnp.square(signal) * power + jnp.square(noise))
        return slope * noisy + left * apply(params, noisy / length, t, label, key)

    return through
