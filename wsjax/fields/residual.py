"""The residual coordinate network, which serves as base field.

CIPS-like (`CIPSres`): Fourier layer, linear layer, residual blocks of two linear layers
each, output layer. Layers are a flat dict, `layer_0 .. layer_{2 * blocks}` and
`output`, so that an adapter can address each by name.
"""

import jax
import jax.numpy as jnp

from wsjax.fields.linear import linear
from wsjax.types import Field, Params

__all__ = ["activation", "features", "head", "init_fourier", "residual", "wiring"]


def activation(x: jax.Array) -> jax.Array:
    """Leaky ReLU of slope 0.2, scaled to keep the variance of a unit normal."""
    return jax.nn.leaky_relu(x, 0.2) * jnp.sqrt(2.0)


def init_fourier(key: jax.Array, dim: int, width: int, omega: float) -> Params:
    """Frequencies and phases of the Fourier layer, drawn as in CIPS, times `omega`."""
    frequency_key, phase_key = jax.random.split(key)
    bound = jnp.sqrt(9.0 / dim)
    frequencies = jax.random.uniform(
        frequency_key, (dim, width), minval=-bound, maxval=bound
    )
    phases = jax.random.uniform(phase_key, (width,), maxval=2.0 * jnp.pi)
    return {"frequencies": omega * frequencies, "phases": phases}


def features(params: Params, coord: jax.Array) -> jax.Array:
    """Fourier layer `sin(coord @ frequencies + phases)` at one point, `[D] -> [F]`."""
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
    """Names each layer's input and output channel space, `{layer: (inputs, outputs)}`.

    To permute all channels of a space together, in every layer that reads or writes
    it, leaves the function unchanged. None stands for channels that have fixed
    meanings: Fourier features and output values. The residual stream is one space, and
    so are the hidden channels of each block: `{"layer_0": (None, "stream"), "layer_1":
    ("stream", "inner_1"), "layer_2": ("inner_1", "stream"), "output": ("stream",
    None)}`.
    """
    hidden = sum(name.startswith("layer_") for name in params)
    spaces: dict[str, tuple[str | None, str | None]]
    spaces = {"layer_0": (None, "stream"), "output": ("stream", None)}
    for i in range(1, hidden, 2):
        spaces[f"layer_{i}"] = ("stream", f"inner_{i}")
        spaces[f"layer_{i + 1}"] = (f"inner_{i}", "stream")
    return spaces


def residual(
    *, width: int, blocks: int, channels: int, dim: int = 2, omega: float = 8.0
) -> Field:
    """Plain residual field; `modulated.fold` makes params of it from a style.

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
