"""Gradients of a mean over instances, a few instances at a time."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from chex import ArrayTree

__all__ = ["in_chunks"]


def in_chunks(
    objective: Callable[..., jax.Array], *, chunk: int
) -> Callable[..., tuple[jax.Array, tuple[ArrayTree, ArrayTree]]]:
    """Returns `f(shared, own, *data) -> (loss, (shared gradients, own gradients))`.

    Equal to `jax.value_and_grad` over the whole batch, but computed a chunk at a time:
    activations stay in cache, which on a CPU is up to four times faster.

    Args:
      objective: mean loss over some instances, `objective(shared, own, *data) -> []`;
        leaves of `own` and `data` have a leading axis of instances.
      chunk: instances at once.

    Raises:
      ValueError: from `f`, if `chunk` does not divide the batch.
    """

    def total(shared: ArrayTree, own: ArrayTree, *data: ArrayTree):
        def add(sums, part):
            loss, grads = jax.value_and_grad(objective, argnums=(0, 1))(shared, *part)
            return jax.tree.map(jnp.add, sums, (loss, grads[0])), grads[1]

        batch = len(jax.tree.leaves(own)[0])
        if chunk < 1 or batch % chunk:
            raise ValueError(f"chunk={chunk} should divide the batch of {batch}")
        parts = jax.tree.map(lambda x: x.reshape(-1, chunk, *x.shape[1:]), (own, *data))
        zero = (jnp.zeros(()), jax.tree.map(jnp.zeros_like, shared))
        (loss, grads), own_grads = jax.lax.scan(add, zero, parts)
        own_grads = jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), own_grads)
        n = len(jax.tree.leaves(parts)[0])
        return jax.tree.map(lambda x: x / n, (loss, (grads, own_grads)))

    return total
