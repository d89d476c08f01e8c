"""Train an encoder and the base field together, end to end.

An encoder is the `solve` of an adapter whose network lies in the base
(`wsjax.adapters.encoded`): it predicts the weights of an instance from its values. The
loss is that of the field with these weights, so what the network learns is not to
imitate fits, but to reconstruct.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax
from chex import ArrayTree
from flax import struct

from wsjax.fields.render import render
from wsjax.fit.accumulate import in_chunks
from wsjax.fit.losses import squared_error
from wsjax.types import Adapter, Field, Params

__all__ = ["State", "begin", "make_advance"]


@struct.dataclass
class State:
    """All that a resumed training needs; keys are derived from `step`.

    `base` holds the field and the encoder.
    """

    step: jax.Array
    base: Params
    opt_state: optax.OptState


def begin(base: Params, tx: optax.GradientTransformation) -> State:
    """State before the first step; `tx` moves the field and the encoder."""
    state = State(jnp.zeros((), int), base, tx.init(base))
    return jax.tree.map(jnp.copy, state)  # A step donates what it is given.


def make_advance(
    field: Field,
    adapter: Adapter,
    tx: optax.GradientTransformation,
    *,
    batch: int,
    points: int,
    chunk: int,
    loss: Callable[[jax.Array, jax.Array], jax.Array] = squared_error,
) -> Callable[..., tuple[State, jax.Array]]:
    """Returns `advance(key, state, read, coords, targets, *, steps)`.

    It takes `steps` optimiser steps on random batches and returns the state and the
    losses `[steps]`. `read` is what `adapter.solve` takes, each with a leading axis of
    N instances; `coords` `[P, D]` or `[N, P, D]` and `targets` `[N, P, C]` are what the
    fields are compared with. Pass the same key to all calls.

    Args:
      field: the coordinate network.
      adapter: one that has `solve`.
      tx: optimiser of the base, with its schedule.
      batch: instances per step.
      points: random points of each instance per step.
      chunk: instances whose fields are computed at once (see `in_chunks`).
      loss: `(predicted [P, C], target [P, C]) -> []`.

    Raises:
      ValueError: if the adapter has no `solve`; from `advance`, if `chunk` does not
        divide the batch.
    """
    solve = adapter.solve
    if solve is None:
        raise ValueError("the adapter should have a `solve` to train; found None")

    def objective(base, weights, coords, targets):
        def one(weights, coords, targets):
            return loss(render(field, adapter.merge(base, weights), coords), targets)

        return jnp.mean(jax.vmap(one)(weights, coords, targets))

    gradients = in_chunks(objective, chunk=chunk)

    def slopes(base: Params, read: ArrayTree, coords: jax.Array, targets: jax.Array):
        """Mean loss of a batch, and its gradient to the whole base."""

        def predicted(base):
            return jax.vmap(lambda *own: solve(base, *own))(*read)

        # The network sees the batch at once; only fields are computed in chunks.
        weights, pull = jax.vjp(predicted, base)
        error, (shared, own) = gradients(base, weights, coords, targets)
        return error, jax.tree.map(jnp.add, shared, pull(own)[0])

    def advance(key, state: State, read, coords, targets, *, steps: int):
        def step(state, _):
            rows_key, points_key = jax.random.split(jax.random.fold_in(key, state.step))
            rows = jax.random.randint(rows_key, (batch,), 0, len(targets))
            chosen = jax.random.randint(
                points_key, (batch, points), 0, targets.shape[1]
            )
            places = (
                coords[chosen] if coords.ndim == 2 else coords[rows[:, None], chosen]
            )
            own = jax.tree.map(lambda x: x[rows], tuple(read))
            error, grads = slopes(
                state.base, own, places, targets[rows[:, None], chosen]
            )
            updates, opt_state = tx.update(grads, state.opt_state, state.base)
            base = optax.apply_updates(state.base, updates)
            return State(state.step + 1, base, opt_state), error

        return jax.lax.scan(step, state, length=steps)

    return jax.jit(advance, static_argnames="steps", donate_argnums=1)
