"""Learns a base of its own kind in closed form, for `train_base`."""

import pathlib
from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np

from experiments.domain.data import Data
from wsjax import checkpoint, costs
from wsjax.fields import render
from wsjax.metrics.reconstruction import psnr
from wsjax.representations import Family

_AT_ONCE = 64  # Instances that are read at once.
_SCORED = 64  # Training instances whose quality the metrics give.


def learn(
    folder: pathlib.Path, family: Family, data: Data, key: jax.Array
) -> dict[str, float]:
    """Learns the base from the training instances and writes folded/.

    Args:
      folder: base/ of the run folder.
      family: the representation.
      data: the data set.
      key: consumed.

    Returns:
      `n`, `steps` (0), the PSNR in dB of up to 64 training instances as they are
      fitted (`psnr_db_mean`) and as the base alone renders them
      (`psnr_db_folded_mean`), and the cost.
    """
    clock, rows = costs.now(), data.rows("train")
    field, adapter = family.field, family.adapter

    def batches() -> Iterator[dict[str, np.ndarray]]:
        for begin in range(0, len(rows), _AT_ONCE):
            yield data.domain.read(rows[begin : begin + _AT_ONCE], adapter.reads)

    base = family.learn(key, batches)
    assert adapter.solve is not None
    grid, solve = jnp.asarray(data.grid), adapter.solve

    @jax.jit
    def qualities(instance: dict) -> tuple[jax.Array, jax.Array]:
        own = solve(base, *(instance[name] for name in adapter.reads))
        values = instance["values"]
        fitted = render(field, adapter.merge(base, own), grid)
        return psnr(fitted, values), psnr(render(field, base, grid), values)

    few = data.domain.read(rows[:_SCORED], adapter.reads)
    reached, alone = jax.lax.map(qualities, few, batch_size=2)
    checkpoint.save(folder / "folded", 0, base)
    return {
        "n": len(rows),
        "steps": 0,
        "psnr_db_mean": float(jnp.nanmean(reached)),
        "psnr_db_folded_mean": float(jnp.nanmean(alone)),
        **costs.since(clock),
    }
