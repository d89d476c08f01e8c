"""Turn a per-instance function into one for the whole data set."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from chex import ArrayTree

from wsjax import tree

__all__ = ["over_instances"]


def over_instances(
    fn: Callable[..., ArrayTree], *, chunk: int = 8, group: int | None = None
) -> Callable[..., ArrayTree]:
    """Lifts a per-instance function to N instances; the only place with `pmap`.

    The rows are cut into chunks, the devices take turns at the chunks (`pmap`), and
    each device vmaps over one chunk at a time. On a CPU small chunks keep activations
    in cache and are several times faster; on a GPU a chunk as large as memory allows
    is best. Lift once, then call the result on every group of rows: equal shapes share
    a compilation.

    A call computes fewer than `chunk` rows more than it is given: only the last chunk
    is filled up. Where a whole chunk for every device would be more than a group,
    chunks shrink until every device has work, but never to a single row: on a CPU all
    chunks of two rows or more give the same bits, a chunk of one does not.

    Args:
      fn: pure `fn(shared, *instance)`. `shared` is common to all instances (the base
        field); the later arguments belong to one instance.
      chunk: instances that one device computes at once, at most.
      group: rows per call of the compiled program, rounded up to whole chunks on every
        device; bounds the memory on the devices. Any number of instances then needs
        one compilation. None takes all rows at once.

    Returns:
      `lifted(shared, *stacked)`. Every leaf of `stacked` and of the result has a
      leading axis `[N]`; row i of the result depends on row i of `stacked` alone.
      Results come back as host arrays: reshaping them on the devices would need a
      collective, and fitting needs none.

    Raises:
      ValueError: if `chunk` or `group` is below 1; from `lifted`, if the leading axes
        of `stacked` differ or N is 0.
    """
    for name, count in (("chunk", chunk), ("group", group)):
        if count is not None and count < 1:
            raise ValueError(f"{name}={count} should be 1 row or more")
    # Devices of other processes have rows of their own, and need neither keep step nor
    # be as many: told of the size, pmap does not ask.
    devices = jax.local_device_count()
    mapped = jax.pmap(
        _one_device(fn, devices),
        axis_name="devices",
        in_axes=(None, 0),
        devices=jax.local_devices(),
        axis_size=devices,
    )

    def lifted(shared: ArrayTree, *stacked: ArrayTree) -> ArrayTree:
        n, parts = _rows(stacked), []
        size = group or n
        at_once = min(chunk, max(2, -(-size // devices)))
        turns = -(-size // (devices * at_once))
        full = turns * devices * at_once
        for begin in range(0, n, full):
            part = tree.row(stacked, slice(begin, begin + full))
            parts.append(_call(mapped, shared, part, (turns, devices, at_once)))
        return tree.concatenate(parts)

    return lifted


def _one_device(fn: Callable[..., ArrayTree], devices: int) -> Callable:
    """Returns what each device runs: `run((shared, count), chunks) -> results`.

    Leaves of `chunks` and of the results are `[turns, chunk, ...]`. `count` `[]` is the
    number of chunks with rows, over all devices; the results of the others are zero.
    It is an argument, not a shape, so that a shorter last group is not compiled anew.
    """

    def run(common: tuple[ArrayTree, jax.Array], chunks: ArrayTree) -> ArrayTree:
        shared, count = common
        # Compiled apart so that it is traced once, for its shapes and for its results.
        call = jax.jit(jax.vmap(lambda instance: fn(shared, *instance)))

        def nothing(part: ArrayTree) -> ArrayTree:
            shapes = jax.eval_shape(call, part)
            return jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes)

        def turn(number, part):
            return number + devices, jax.lax.cond(number < count, call, nothing, part)

        return jax.lax.scan(turn, jax.lax.axis_index("devices"), chunks)[1]

    return run


def _call(
    mapped: Callable, shared: ArrayTree, stacked: ArrayTree, shape: tuple[int, int, int]
) -> ArrayTree:
    """Calls the pmapped function on rows in chunks; returns the results of the rows.

    Args:
      mapped: `_one_device`, over all devices.
      shared: common to all rows.
      stacked: n rows, at most as many as the shape holds.
      shape: turns of every device, devices, and rows in a chunk.
    """
    n, (turns, devices, chunk) = _rows(stacked), shape
    # Fill up with copies of row 0: real work, so it cannot produce NaNs.
    filled = np.pad(np.arange(n), (0, turns * devices * chunk - n))
    rows = filled.reshape(shape).swapaxes(0, 1)
    # The count is a leaf, too, where nothing is shared: pmap would take the axes of an
    # empty tree for those of the next one.
    common = shared, np.int32(-(-n // chunk))
    result = mapped(common, jax.tree.map(lambda x: x[rows], stacked))

    def in_order(x: np.ndarray) -> np.ndarray:
        return x.swapaxes(0, 1).reshape(-1, *x.shape[3:])[:n]

    return jax.tree.map(in_order, jax.device_get(result))


def _rows(stacked: ArrayTree) -> int:
    sizes = {leaf.shape[0] for leaf in jax.tree.leaves(stacked)}
    if len(sizes) != 1 or 0 in sizes:
        raise ValueError(
            f"every leaf needs one leading axis N > 0, got {sorted(sizes)}"
        )
    return sizes.pop()
