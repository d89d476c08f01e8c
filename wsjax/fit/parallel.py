"""Turn a per-instance function into one for the whole data set."""

from collections.abc import Callable

import jax
import numpy as np
from chex import ArrayTree


def over_instances(
    fn: Callable[..., ArrayTree], *, chunk: int = 8, group: int = 1
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
      group: rows are filled up to a multiple of this, so that the last, shorter call
        has the shape of the others and compiles nothing new.

    Returns:
      `lifted(shared, *stacked)`. Every leaf of `stacked` and of the result has a
      leading axis `[N]`; row i of the result depends on row i of `stacked` alone.
      Results come back as host arrays: reshaping them on the devices would need a
      collective, and fitting needs none.

    Raises:
      ValueError: from `lifted`, if the leading axes of `stacked` differ or N is 0.
    """

    def one_device(shared, stacked):
        def call(instance):
            return fn(shared, *instance)

        return jax.lax.map(call, stacked, batch_size=chunk)

    mapped = jax.pmap(one_device, in_axes=(None, 0))

    def lifted(shared: ArrayTree, *stacked: ArrayTree) -> ArrayTree:
        sizes = [leaf.shape[0] for leaf in jax.tree.leaves(stacked)]
        if len(set(sizes)) != 1 or sizes[0] == 0:
            raise ValueError(f"every leaf needs one leading axis N > 0, got {sizes}")
        n, devices = sizes[0], jax.local_device_count()
        total = n + -n % group
        total += -total % (devices * chunk)
        # Fill up with copies of row 0: real work, so it cannot produce NaNs.
        rows = np.append(np.arange(n), np.zeros(total - n, int))

        def spread(x):
            return x[rows].reshape(devices, -1, *x.shape[1:])

        result = jax.device_get(mapped(shared, jax.tree.map(spread, stacked)))
        return jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:])[:n], result)

    return lifted
