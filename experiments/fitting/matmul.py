"""Times the matrix products of one optimiser step of a fit, and nothing else."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from wsjax import costs, fit
from wsjax.types import Params

_LOOPS = 100
_REPEATS = 4


class Products(NamedTuple):
    """Cost of the matrix products of one step.

    `cpu_seconds`: of all products of a step, per instance; `gflops`: 1e9 floating point
    operations per CPU-second, over all products.
    """

    cpu_seconds: float
    gflops: float


def step_seconds(base: Params, *, points: int, chunk: int) -> Products:
    """Times the products of a step with merged kernels, forward and backward.

    A layer has three: `[P, d_in] @ [d_in, d_out]` forward, `[d_in, P] @ [P, d_out]` for
    the gradient of the kernel, and `[P, d_out] @ [d_out, d_in]` for that of its inputs,
    which the first layer does not need. Each shape is timed on its own, with `chunk`
    instances on every local device and without transposes: the operands are stored as
    written here.

    Args:
      base: params of the field; layers with a "kernel" count.
      points: P, points per step.
      chunk: instances that one device computes at once.
    """
    shapes = []
    for i, name in enumerate(sorted(n for n in base if "kernel" in base[n])):
        d_in, d_out = base[name]["kernel"].shape
        shapes += [(points, d_in, d_out), (d_in, points, d_out)]
        shapes += [(points, d_out, d_in)] if i else []
    counts = {shape: shapes.count(shape) for shape in shapes}
    seconds = {shape: _seconds(*shape, chunk=chunk) for shape in counts}
    spent = sum(counts[s] * seconds[s] for s in counts)
    flops = sum(2.0 * np.prod(s) * counts[s] for s in counts)
    return Products(spent, flops / spent / 1e9)


def _seconds(m: int, k: int, n: int, *, chunk: int) -> float:
    """CPU-seconds of one product `[m, k] @ [k, n]`, the least of several repeats."""

    def loop(_, x, y):
        def body(total, _):
            # Adding the carry keeps the compiler from hoisting the product.
            product = (x + total) @ y
            return product[0, 0] * 1e-30, None

        return jax.lax.scan(body, jnp.zeros(()), length=_LOOPS)[0]

    many = fit.over_instances(loop, chunk=chunk)
    rows = chunk * jax.local_device_count()
    generator = np.random.default_rng(0)
    x, y = (
        generator.normal(size=(rows, *shape)).astype(np.float32)
        for shape in ((m, k), (k, n))
    )
    best = np.inf
    for repeat in range(_REPEATS):
        clock = costs.now()
        many((), x, y)
        if repeat:  # The first call compiles.
            best = min(best, costs.since(clock)["cpu_seconds"])
    return best / rows / _LOOPS
