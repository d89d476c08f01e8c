"""One adapter out of several of the same representation.

An entry that is equal in all of them, such as a frozen one, and both ends of a line
keep their bits: they are selected, never computed, because XLA flushes the tiniest
numbers to 0 and because `-0.0 + 0.0` is `0.0`.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from chex import ArrayTree

from wsjax.tree import named, row

__all__ = ["lerp", "mean", "path", "soup"]


def lerp(x: ArrayTree, y: ArrayTree, t: float | jax.Array) -> ArrayTree:
    """`(1 - t) x + t y`, leaf by leaf.

    Args:
      x: an adapter.
      y: an adapter of the same representation.
      t: `[]`, a number or traced; beyond [0, 1] the line goes on.

    Returns:
      The adapter at `t`: bit for bit `x` at 0, `y` at 1, and both where they agree.

    Raises:
      ValueError: if a leaf is missing on one side or has two shapes.
    """
    _same_shapes(x, y)

    def leaf(x, y):
        between = jnp.where(x == y, x, x + t * (y - x))
        return jnp.select([t == 0, t == 1], [x, y], between)

    return jax.tree.map(leaf, x, y)


def path(x: ArrayTree, y: ArrayTree, steps: int) -> ArrayTree:
    """Adapters at evenly spaced places of the line from `x` to `y`.

    Args:
      x: an adapter.
      y: an adapter of the same representation.
      steps: number of places S, both ends among them.

    Returns:
      Stacked adapters, leaves `[S, ...]`; the first is `x` and the last `y`.

    Raises:
      ValueError: as `lerp`, or if there are fewer than 2 steps.
    """
    if steps < 2:
        raise ValueError(f"a path has both ends: need 2 steps or more, got {steps}")
    times = jnp.linspace(0.0, 1.0, steps)
    return jax.vmap(lerp, in_axes=(None, None, 0))(x, y, times)


def mean(stacked: ArrayTree) -> ArrayTree:
    """Mean of stacked adapters, on the host.

    Args:
      stacked: leaves `[N, ...]`.

    Returns:
      Leaves `[...]` of the same types, summed up in double precision.

    Raises:
      ValueError: if leaves differ in N, or N is 0.
    """
    _instances(stacked)

    def leaf(x):
        x = np.asarray(x)
        agreed = (x == x[:1]).all(axis=0)
        average = x.mean(axis=0, dtype=np.float64).astype(x.dtype)
        return np.where(agreed, x[0], average)

    return jax.tree.map(leaf, stacked)


def soup(
    stacked: ArrayTree,
    *,
    align: Callable[[ArrayTree, ArrayTree], ArrayTree] | None = None,
) -> ArrayTree:
    """Mean of stacked adapters, each first aligned to instance 0; on the host.

    Weights averaged as in Wortsman et al. 2022 (model soups), after undoing symmetries
    as in Ainsworth et al. 2023 (Git Re-Basin).

    Args:
      stacked: leaves `[N, ...]`.
      align: `align(adapter, reference) -> adapter`, an equivalent adapter that lies
        near the reference. None: the adapters as they are.

    Returns:
      Leaves `[...]`, as `mean`.

    Raises:
      ValueError: as `mean`.
    """
    n = _instances(stacked)
    if align is None:
        return mean(stacked)
    reference = row(stacked, 0)
    aligned = [align(row(stacked, i), reference) for i in range(1, n)]
    return mean(jax.tree.map(lambda *xs: np.stack(xs), reference, *aligned))


def _same_shapes(x: ArrayTree, y: ArrayTree) -> None:
    of_x, of_y = (
        {name: np.shape(leaf) for name, leaf in named(t).items()} for t in (x, y)
    )
    differing = [
        f"{name} {of_x.get(name, 'missing')} and {of_y.get(name, 'missing')}"
        for name in of_x | of_y
        if of_x.get(name) != of_y.get(name)
    ]
    if differing:
        raise ValueError(
            f"adapters of one representation have equal shapes, got {differing[0]}"
        )


def _instances(stacked: ArrayTree) -> int:
    sizes = [len(leaf) for leaf in jax.tree.leaves(stacked)]
    if len(set(sizes)) != 1 or sizes[0] == 0:
        raise ValueError(f"every leaf needs one leading axis N > 0, got {sizes}")
    return sizes[0]
