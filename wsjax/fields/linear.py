"""One linear layer of a field, merged or with its factors beside the kernel.

A merged layer holds `kernel` `[d_in, d_out]` and `bias` `[d_out]`. An attached layer
holds factors as well, and its kernel is the same for all instances:

  gates    y = sum_k outputs[k] * ((inputs[k] * x) @ kernel)    K components
  update   y = x @ kernel + (x @ a.T) @ b                       R components

The first computes W * sum_k(outputs[k] inputs[k]^T) in another order of sums, the
second W + BA. Neither needs the gradient of a whole kernel.
"""

import jax
import jax.numpy as jnp

from wsjax.types import Params

__all__ = ["linear"]


def linear(layer: Params, x: jax.Array) -> jax.Array:
    """Applies a layer to one point, `[d_in] -> [d_out]`.

    The product is computed in the precision of the kernel, sums and the result in that
    of the bias.
    """
    if "gates" in layer:
        inputs, outputs = layer["gates"]["inputs"], layer["gates"]["outputs"]
        y = jnp.sum(outputs * _times(layer, inputs * x[None]), axis=0)
    else:
        y = _times(layer, x)
    if "update" in layer:
        y = y + (x @ layer["update"]["a"].T) @ layer["update"]["b"]
    return y + layer["bias"]


def _times(layer: Params, x: jax.Array) -> jax.Array:
    kernel = layer["kernel"]
    exact = layer["bias"].dtype
    return jnp.matmul(x.astype(kernel.dtype), kernel, preferred_element_type=exact)
