"""How noise is added to clean weights, and what the denoiser is asked to predict.

Time runs from 0 (clean) to 1 (noise). Both processes are records of pure functions:
training and sampling need not know which of the two they use.
"""

import jax
import jax.numpy as jnp

from wsjax.types import Process

__all__ = ["PROCESSES", "ddpm", "flow"]

_SMALLEST = 1e-4  # The smallest level that anything is divided by.


def ddpm(
    *,
    steps: int = 1000,
    first: float = 1e-4,
    last: float = 2e-2,
    predicts: str = "noise",
) -> Process:
    """The paper's process: linear betas, noise prediction (section 3.5, Eq. 6).

    q(x_t | x_0) = N(sqrt(alpha_bar) x_0, (1 - alpha_bar) I), Ho et al. 2020, Eq. 4.

    Args:
      steps: T. With 1000 the last level is nearly pure noise, with 500 it is not.
      first: beta_1.
      last: beta_T.
      predicts: what the denoiser is trained to predict, by mean squared error:
        "noise", or "clean" weights as in HyperDiffusion (Erkoç et al. 2023; T = 500).

    Raises:
      ValueError: if `predicts` is neither.
    """
    if predicts not in ("noise", "clean"):
        raise ValueError(f"predicts={predicts!r}; choose 'noise' or 'clean'")
    alpha_bars = jnp.append(1.0, jnp.cumprod(1.0 - jnp.linspace(first, last, steps)))

    def draw_time(key):
        return jax.random.randint(key, (), 1, steps + 1) / steps

    def levels(t):
        alpha_bar = alpha_bars[jnp.round(t * steps).astype(int)]
        return jnp.sqrt(alpha_bar), jnp.sqrt(1.0 - alpha_bar)

    def loss(prediction, clean, draw, t):
        del t
        target = draw if predicts == "noise" else clean
        return jnp.mean(jnp.square(prediction - target))

    def clean(noisy, prediction, t):
        if predicts == "clean":
            return prediction
        signal, noise = levels(t)
        return (noisy - noise * prediction) / signal

    def noise(noisy, prediction, t):
        if predicts == "noise":
            return prediction
        signal, noise = levels(t)
        return (noisy - signal * prediction) / jnp.maximum(noise, _SMALLEST)

    def linear(t, spread):
        signal, noise = levels(t)
        return _linear(signal, noise, spread, predicts)

    return Process(draw_time, levels, loss, clean, noise, linear)


def flow(*, location: float = 0.0, scale: float = 1.0, floor: float = 0.1) -> Process:
    """Straight paths `(1 - t) clean + t draw`, clean prediction, logit-normal times.

    Rectified flow with the prediction and the weighting of JiT ("Back to Basics", Li
    and He 2025): the network predicts the clean weights, but the loss is the squared
    error of the velocity, so that errors of the prediction are weighted by 1 / t^2.

    Args:
      location: mean of the logit of t.
      scale: standard deviation of the logit of t.
      floor: t below which the weight stays at 1 / floor^2.
    """

    def draw_time(key):
        return jax.nn.sigmoid(location + scale * jax.random.normal(key))

    def levels(t):
        return 1.0 - t, t

    def loss(prediction, clean, draw, t):
        del draw
        weight = 1.0 / jnp.square(jnp.maximum(t, floor))
        return weight * jnp.mean(jnp.square(prediction - clean))

    def clean(noisy, prediction, t):
        del noisy, t
        return prediction

    def noise(noisy, prediction, t):
        return (noisy - (1.0 - t) * prediction) / jnp.maximum(t, _SMALLEST)

    def linear(t, spread):
        signal, noise = levels(t)
        return _linear(signal, noise, spread, "clean")

    return Process(draw_time, levels, loss, clean, noise, linear)


def _linear(
    signal: jax.Array, noise: jax.Array, spread: jax.Array, predicts: str
) -> tuple[jax.Array, jax.Array]:
    """Of Gaussian numbers the posterior mean, which is linear, and its deviation."""
    total = jnp.square(signal * spread) + jnp.square(noise)
    total = jnp.maximum(total, _SMALLEST**2)
    if predicts == "clean":
        return signal * jnp.square(spread) / total, spread * noise / jnp.sqrt(total)
    return noise / total, signal * spread / jnp.sqrt(total)


PROCESSES = {"ddpm": ddpm, "flow": flow}
