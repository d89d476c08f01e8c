"""The residual coordinate network whose folded form serves as base field.

CIPS-like (`CIPSres`): Fourier layer, one linear layer, residual blocks of two, output.
Layers are a flat dict, `layer_0 .. layer_{2 * blocks}` and `output`, so that an
adapter can address each by name; only leaves called `kernel` are ever adapted.
"""

import jax
import jax.numpy as jnp

from wsjax.fields.linear import linear
from wsjax.types import Field, Params


def activation(x: jax.Array) -> jax.Array:
    """Leaky ReLU of slope 0.2, scaled to keep the variance of a unit normal."""
    return jax.nn.leaky_relu(x, 0.2) * jnp.sqrt(2.0)


def init_fourier(key: jax.Array, dim: int, width: int, omega: float) -> Params:
    """Fourier layer `sin(coord @ frequencies + phases)`; CIPS's, times `omega`."""
    frequency_key, phase_key = jax.random.split(key)
    bound = jnp.sqrt(9.0 / dim)
    frequencies = jax.random.uniform(
        frequency_key, (dim, width), minval=-bound, maxval=bound
    )
    phases = jax.random.uniform(phase_key, (width,), maxval=2.0 * jnp.pi)
    return {"frequencies": omega * frequencies, "phases": phases}


def features(params: Params, coord: jax.Array) -> jax.Array:
    """Fourier layer at one point, `[D] -> [F]`."""
    fourier = params["fourier"]
    return jnp.sin(coord @ fourier["frequencies"] + fourier["phases"])


def head(params: Params, x: jax.Array) -> jax.Array:
    """From Fourier features to the value, `[F] -> [C]`; no output activation."""
    x = activation(linear(params["layer_0"], x))
    hidden = sum(name.startswith("layer_") for name in params)
    for i in range(1, hidden, 2):
        inner = activation(linear(params[f"layer_{i}"], x))
        inner = activation(linear(params[f"layer_{i + 1}"], inner))
        x = (x + inner) * jnp.sqrt(0.5)
    return linear(params["output"], x)


def wiring(params: Params) -> dict[str, tuple[str | None, str | None]]:
    """Names the spaces of channels between layers: `{layer: (inputs, outputs)}`.

    Channels of one space can be moved together without a change of the function; None
    stands for those that cannot: Fourier features and output values. The residual
    stream is one space, the neurons inside a block are one each.
    """
    hidden = sum(name.startswith("layer_") for name in params)
    spaces = {"layer_0": (None, "stream"), "output": ("stream", None)}
    for i in range(1, hidden, 2):
        spaces[f"layer_{i}"] = ("stream", f"inner_{i}")
        spaces[f"layer_{i + 1}"] = (f"inner_{i}", "stream")
    return spaces


def residual(
    *, width: int, blocks: int, channels: int, dim: int = 2, omega: float = 8.0
) -> Field:
    """Plain residual field: what a modulated field becomes once a style is folded in.

    Args:
      width: channels of every hidden layer.
      blocks: residual blocks of two layers, after the first layer.
      channels: C, values per point.
      dim: D, coordinates per point.
      omega: largest useful angular frequency of the Fourier layer, in radians per
        unit of the coordinate.
    """

    def init(key: jax.Array) -> Params:
        fourier_key, *keys = jax.random.split(key, 2 * blocks + 3)
        params = {"fourier": init_fourier(fourier_key, dim, width, omega)}
        for i, layer_key in enumerate(keys[:-1]):
            kernel = jax.random.normal(layer_key, (width, width)) / jnp.sqrt(width)
            params[f"layer_{i}"] = {"kernel": kernel, "bias": jnp.zeros(width)}
        kernel = jax.random.normal(keys[-1], (width, channels)) / jnp.sqrt(width)
        params["output"] = {"kernel": kernel, "bias": jnp.zeros(channels)}
        return params

    return Field(init, features, head)
