"""Samplers: from noise to clean weights, one scan over a short step function."""

import jax
import jax.numpy as jnp

from wsjax.types import Denoise, Process, Sampler


def ddim(process: Process, *, steps: int) -> Sampler:
    """Deterministic DDIM (Song et al. 2021, Eq. 12 with eta = 0).

    On straight paths this is Euler's method for the flow.

    Args:
      process: gives the levels and reads the prediction.
      steps: calls of the denoiser, at equal distances in time from 1 to 0.
    """

    def sampler(denoise: Denoise, start: jax.Array) -> jax.Array:
        def step(noisy, times):
            t, following = times
            prediction = denoise(noisy, t)
            signal, noise = process.levels(following)
            clean = process.clean(noisy, prediction, t)
            return signal * clean + noise * process.noise(noisy, prediction, t), None

        times = jnp.linspace(1.0, 0.0, steps + 1)
        sample, _ = jax.lax.scan(step, start, (times[:-1], times[1:]))
        return sample

    return sampler


def heun(process: Process, *, steps: int) -> Sampler:
    """Heun's second-order method for straight paths (`flow`).

    Args:
      process: straight paths, velocity = noise - clean.
      steps: S; the denoiser is called 2 S - 1 times, the last step being Euler's.
    """

    def sampler(denoise: Denoise, start: jax.Array) -> jax.Array:
        def velocity(noisy, t):
            prediction = denoise(noisy, t)
            clean = process.clean(noisy, prediction, t)
            return process.noise(noisy, prediction, t) - clean

        def step(noisy, times):
            t, following = times
            slope = velocity(noisy, t)
            euler = noisy + (following - t) * slope
            mean = 0.5 * (slope + velocity(euler, following))
            return noisy + (following - t) * mean, None

        times = jnp.linspace(1.0, 0.0, steps + 1)
        noisy, _ = jax.lax.scan(step, start, (times[:-2], times[1:-1]))
        return noisy - times[-2] * velocity(noisy, times[-2])

    return sampler


SAMPLERS = {"ddim": ddim, "heun": heun}
