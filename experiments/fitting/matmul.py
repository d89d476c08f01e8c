"""What the matrix products of one step of a fit cost on this machine, alone."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from wsjax import costs, fit
from wsjax.types import Params

_LOOPS = 100
_REPEATS = 4


class Products(NamedTuple):
    """CPU-seconds of all products of a step, per instance, and their mean rate."""

    cpu_seconds: float
    gflops: float


def step_seconds(base: Params, *, points: int, chunk: int) -> Products:
    """Times the products of a step with merged kernels: forward and backward.

    Each layer multiplies `[P, d_in]` with its kernel; backwards, with its transpose
    (not so the first layer, whose inputs are fixed) and, for the kernel's own gradient,
    the inputs with the outputs. Each shape is timed by itself, on all local devices at
    once, `chunk` instances together, in the order of axes that is fastest.

    Args:
      base: params of the field.
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
    """CPU-seconds of one product `[m, k] @ [k, n]`, the best of some repeats."""

    def loop(_, x, y):
        def body(total, _):
            # The sum keeps the compiler from moving the product out of the loop.
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
        if repeat:  # The first one compiles.
            best = min(best, costs.since(clock)["cpu_seconds"])
    return best / rows / _LOOPS
