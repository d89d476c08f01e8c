"""Turn a per-instance function into one for the whole data set."""

from collections.abc import Callable

import jax
import numpy as np
from chex import ArrayTree

from wsjax import tree


def over_instances(
    fn: Callable[..., ArrayTree], *, chunk: int = 8, group: int | None = None
) -> Callable[..., ArrayTree]:
    """Lifts a per-instance function to N instances; the only place with `pmap`.

    Across devices by pmap; within one, by a `lax.map` over chunks of `chunk`
    vmapped instances: on a CPU small chunks keep activations in cache and are several
    times faster, on a GPU a chunk as large as memory allows is best. Lift once, then
    call the result on every group of rows: equal shapes share a compilation.

    Args:
      fn: pure `fn(shared, *instance)`. `shared` is common to all instances (the base
        field); the later arguments belong to one instance.
      chunk: instances that one device computes at once.
      group: rows per call of the compiled program, the last call filled up, so that
        any number of instances needs one compilation and no more memory than a
        group does; None takes all rows at once.

    Returns:
      `lifted(shared, *stacked)`. Every leaf of `stacked` and of the result has a
      leading axis `[N]`; row i of the result depends on row i of `stacked` alone.
      Results come back as host arrays: reshaping them on the devices would need a
      collective, and fitting needs none.

    Raises:
      ValueError: from `lifted`, if the leading axes of `stacked` differ or N is 0.
    """

    def one_device(common, stacked):
        shared, _ = common

        def call(instance):
            return fn(shared, *instance)

        return jax.lax.map(call, stacked, batch_size=chunk)

    # Devices of other processes have rows of their own, and need not keep step, nor
    # be as many: told of the size, pmap does not ask.
    mapped = jax.pmap(
        one_device,
        in_axes=(None, 0),
        devices=jax.local_devices(),
        axis_size=jax.local_device_count(),
    )

    def lifted(shared: ArrayTree, *stacked: ArrayTree) -> ArrayTree:
        n, parts = _rows(stacked), []
        size = group or n
        full = size + -size % (jax.local_device_count() * chunk)
        for begin in range(0, n, size):
            part = tree.row(stacked, slice(begin, begin + size))
            parts.append(_call_filled(mapped, shared, part, full))
        return tree.concatenate(parts)

    return lifted


def _call_filled(mapped: Callable, shared, stacked: ArrayTree, size: int) -> ArrayTree:
    """Calls a pmapped function on rows filled up to `size`; returns the true rows."""
    n = _rows(stacked)
    # Fill up with copies of row 0: real work, so it cannot produce NaNs.
    rows = np.append(np.arange(n), np.zeros(size - n, int))

    def spread(x):
        return x[rows].reshape(jax.local_device_count(), -1, *x.shape[1:])

    # A leaf of no use: pmap takes the axes of an empty tree for those of the next one.
    common = shared, np.zeros(())
    result = jax.device_get(mapped(common, jax.tree.map(spread, stacked)))
    return jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:])[:n], result)


def _rows(stacked: ArrayTree) -> int:
    sizes = {leaf.shape[0] for leaf in jax.tree.leaves(stacked)}
    if len(sizes) != 1 or 0 in sizes:
        raise ValueError(
            f"every leaf needs one leading axis N > 0, got {sorted(sizes)}"
        )
    return sizes.pop()
