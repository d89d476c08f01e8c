"""Data whose diffusion is known in closed form."""

import jax
import jax.numpy as jnp
import numpy as np

K = 3
MEAN, SPREAD = np.array([1.0, -0.5, 0.0]), np.array([0.5, 2.0, 1.0])


def exact(process, noisy, t, mean=MEAN):
    """`(E[clean | noisy], E[draw | noisy])` of a Gaussian, from its closed form."""
    signal, noise = process.levels(t)
    variance = (signal * SPREAD) ** 2 + noise**2
    surplus = (noisy - signal * mean) / variance
    return mean + signal * SPREAD**2 * surplus, noise * surplus


def end_point(process, start, t=1.0, mean=MEAN):
    """Where the exact flow of a Gaussian takes `start` from t: it shifts and scales."""
    signal, noise = process.levels(jnp.asarray(t))
    spread = np.sqrt((signal * SPREAD) ** 2 + noise**2)
    return mean + SPREAD * (start - signal * mean) / spread


def denoiser(name, process, mean=MEAN):
    """The exact denoiser of the Gaussian, for `flow` or `ddpm`."""

    def denoise(noisy, t):
        return exact(process, noisy, t, mean)[name == "ddpm"]

    return denoise


MODES = np.array([[1.0, 1.0, 0.0], [-1.0, 0.5, 1.0], [0.0, -1.5, -1.0]])


def of_modes(name, process, width=0.4):
    """The exact denoiser of a mixture of three equal Gaussians around `MODES`."""

    def denoise(noisy, t):
        signal, noise = process.levels(t)
        variance = (signal * width) ** 2 + noise**2
        surplus = noisy[None] - signal * MODES
        share = jax.nn.softmax(-0.5 * jnp.square(surplus).sum(axis=1) / variance)
        surplus = share @ surplus / variance
        if name == "ddpm":
            return noise * surplus
        return share @ MODES + signal * width**2 * surplus

    return denoise
