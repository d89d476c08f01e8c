"""The plain way to fit many fields at once, which the benchmark compares with.

One `vmap` over all instances, every point in every step, Adam as it comes (second
moments decay at 0.999), a constant learning rate and a random start: what one writes
first.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from experiments.domain.representation import Representation, quality
from wsjax import costs, fit


class Speed(NamedTuple):
    """What fits of one kind cost and how good they are, compilation left out."""

    steps: int
    learning_rate: float
    psnr_db: float
    cpu_seconds_per_field: float
    seconds_per_field: float
    compile_seconds: float
    memory_mib: float


def measure(
    form: Representation,
    key: jax.Array,
    values: np.ndarray,
    grid: np.ndarray,
    *,
    steps: int,
    learning_rate: float,
    repeats: int = 1,
) -> Speed:
    """Fits `values` `[n, P, C]` the plain way; the cheapest of some repeats."""
    tx = optax.adam(learning_rate)
    fit_one = fit.make_fit(form.field, form.adapter, tx, steps=steps)

    def one(base, key, signal):
        start_key, fit_key = jax.random.split(key)
        start = form.adapter.init(start_key, base)
        weights, _ = fit_one((base, start), fit_key, signal)
        return weights, quality(form, base)(weights, signal)

    many = jax.jit(jax.vmap(one, in_axes=(None, 0, 0)))
    coords = np.broadcast_to(grid, (len(values), *grid.shape))
    arguments = (
        form.base,
        jax.random.split(key, len(values)),
        (jnp.asarray(coords), jnp.asarray(values)),
    )
    before = costs.compile_seconds()
    compiled = many.lower(*arguments).compile()
    compile_seconds = costs.compile_seconds() - before
    spent = []
    for _ in range(repeats):
        clock = costs.now()
        _, reached = jax.block_until_ready(compiled(*arguments))
        spent.append(costs.Cost(**costs.since(clock)))
    cost = min(spent, key=lambda cost: cost.cpu_seconds)
    return Speed(
        steps,
        learning_rate,
        float(np.mean(reached)),
        cost.cpu_seconds / len(values),
        cost.seconds / len(values),
        compile_seconds,
        memory_mib(compiled),
    )


def memory_mib(compiled: jax.stages.Compiled) -> float:
    """MiB that a compiled program takes: arguments, results and what lies between."""
    analysis = compiled.memory_analysis()
    parts = (
        analysis.temp_size_in_bytes,
        analysis.argument_size_in_bytes,
        analysis.output_size_in_bytes,
    )
    return sum(parts) / 2**20
