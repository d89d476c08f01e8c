"""The standalone field: Fourier features and linear layers (paper section 3.1)."""

import itertools

import jax
import jax.numpy as jnp

from wsjax.fields.linear import linear
from wsjax.types import Field, Params

__all__ = ["fourier", "head", "mlp", "wiring"]


def fourier(params: Params, coord: jax.Array) -> jax.Array:
    """Sine and cosine of every frequency at one point, `[D] -> [F]`."""
    phases = coord @ params["fourier"]["frequencies"]
    return jnp.concatenate([jnp.sin(phases), jnp.cos(phases)])


def head(params: Params, x: jax.Array) -> jax.Array:
    """From Fourier features to the value, `[F] -> [C]`."""
    hidden = sum(name.startswith("layer_") for name in params)
    for i in range(hidden):
        x = jax.nn.relu(linear(params[f"layer_{i}"], x))
    return linear(params["output"], x)


def wiring(params: Params) -> dict[str, tuple[str | None, str | None]]:
    """Names the channel spaces between layers, as `residual.wiring` does.

    Each hidden layer is a space of its own.
    """
    hidden = sum(name.startswith("layer_") for name in params)
    spaces: list[str | None] = [None, *(f"hidden_{i}" for i in range(hidden)), None]
    layers = [*(f"layer_{i}" for i in range(hidden)), "output"]
    return dict(zip(layers, itertools.pairwise(spaces), strict=True))


def mlp(
    *,
    features: int,
    width: int,
    channels: int,
    depth: int = 1,
    dim: int = 2,
    scale: float = 1.0,
) -> Field:
    """Fourier-feature MLP.

    Args:
      features: F, Fourier features; F / 2 frequencies, sine and cosine of each.
      width: channels of a hidden layer.
      channels: C, values per point.
      depth: hidden layers; the paper's field has one.
      dim: D, coordinates per point.
      scale: standard deviation of the frequencies, in half-periods per unit.

    Raises:
      ValueError: if `features` is odd.
    """
    if features % 2:
        raise ValueError(f"features must be even (sine and cosine), got {features}")

    def init(key: jax.Array) -> Params:
        fourier_key, *keys = jax.random.split(key, depth + 2)
        frequencies = jax.random.normal(fourier_key, (dim, features // 2))
        params = {"fourier": {"frequencies": jnp.pi * scale * frequencies}}
        widths = [features] + [width] * depth + [channels]
        names = [f"layer_{i}" for i in range(depth)] + ["output"]
        for i, name in enumerate(names):
            d_in, d_out = widths[i], widths[i + 1]
            kernel = jax.random.normal(keys[i], (d_in, d_out)) * jnp.sqrt(2.0 / d_in)
            params[name] = {"kernel": kernel, "bias": jnp.zeros(d_out)}
        return params

    return Field(init, fourier, head)
