"""A plain fit of many fields, as the baseline of the benchmark.

It is the obvious implementation: one `vmap` over all instances, all points in every
step, Adam with default decays (b2 = 0.999), a constant learning rate, a random start.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from experiments.domain.representation import Representation, quality
from wsjax import costs, fit


class Speed(NamedTuple):
    """Cost and quality of the plain fit at one setting.

    `psnr_db`: mean over the instances; the seconds per field leave out compilation,
    whose own time is `compile_seconds`; `memory_mib`: see the function of that name.
    """

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
    """Fits n instances in one call and measures it; the cost is that of the cheapest.

    Args:
      form: the representation.
      key: consumed, for starts and fits.
      values: `[n, P, C]` on the grid.
      grid: `[P, D]` coordinates.
      steps: optimiser steps.
      learning_rate: constant, of Adam.
      repeats: calls that are timed.
    """
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
    """Memory of a compiled program in MiB: arguments, outputs and temporary buffers."""
    analysis = compiled.memory_analysis()
    parts = (
        analysis.temp_size_in_bytes,
        analysis.argument_size_in_bytes,
        analysis.output_size_in_bytes,
    )
    return sum(parts) / 2**20
