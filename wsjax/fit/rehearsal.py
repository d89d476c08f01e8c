"""Meta-learn the base field: rehearse the fits of adapters and train the base on them.

The autodecoder (Eq. 4) learns a base that a few numbers per instance can steer, but it
never meets the adapters that are fitted to that base later. An episode of rehearsal
does: it fits adapters to a batch of training instances, as later fits will, and every
step of these fits is also a step of the base (first-order MAML, Finn et al. 2017, but
at every step rather than at the last). Then the next batch starts over. Not part of
the paper.
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

__all__ = ["State", "begin", "make_episode"]


@struct.dataclass
class State:
    """All that a resumed rehearsal needs; keys are derived from `episode`.

    `start` is the adapter with which every fit of the next episode begins.
    """

    episode: jax.Array
    base: Params
    start: ArrayTree
    opt_state: optax.OptState


def begin(base: Params, start: ArrayTree, tx: optax.GradientTransformation) -> State:
    """State before the first episode; `start` is an adapter, `tx` moves the base."""
    state = State(jnp.zeros((), int), base, start, tx.init(base))
    return jax.tree.map(jnp.copy, state)  # An episode donates what it is given.


def make_episode(
    field: Field,
    adapter: Adapter,
    inner: optax.GradientTransformation,
    outer: optax.GradientTransformation,
    *,
    steps: int,
    points: int,
    chunk: int,
    rate: float = 0.3,
    loss: Callable[[jax.Array, jax.Array], jax.Array] = squared_error,
) -> Callable[..., tuple[State, jax.Array]]:
    """Returns `episode(key, state, coords [P, D] or [B, P, D], values [B, P, C])`.

    It fits the B instances and returns the state with the next base and start, and the
    mean loss before each step `[S]`. Pass the same key to all calls.

    Args:
      field: the coordinate network.
      adapter: what an instance owns.
      inner: optimiser of one instance, with its schedule over S steps.
      outer: optimiser of the base.
      steps: S, optimiser steps of each fit and, with them, of the base.
      points: random points of each instance per step.
      chunk: instances whose gradients are computed at once (see `in_chunks`).
      rate: how far the start moves to the mean of the fits; 1 is all the way.
      loss: `(predicted [P, C], target [P, C]) -> []`.

    Raises:
      ValueError: from `episode`, if `chunk` does not divide B.
    """

    def objective(base, weights, coords, values):
        def one(weights, coords, values):
            predicted = render(field, adapter.merge(base, weights), coords)
            return loss(predicted, values)

        return jnp.mean(jax.vmap(one)(weights, coords, values))

    gradients = in_chunks(objective, chunk=chunk)

    def episode(
        key: jax.Array, state: State, coords: jax.Array, values: jax.Array
    ) -> tuple[State, jax.Array]:
        b = len(values)
        weights = jax.tree.map(
            lambda x: jnp.broadcast_to(x, (b, *x.shape)), state.start
        )

        def step(carry, step_key):
            base, opt_state, weights, own_state = carry
            chosen = jax.random.randint(step_key, (b, points), 0, values.shape[1])
            targets = jnp.take_along_axis(values, chosen[..., None], axis=1)
            if coords.ndim == 2:
                places = coords[chosen]
            else:
                places = jnp.take_along_axis(coords, chosen[..., None], axis=1)
            error, (shared, own) = gradients(base, weights, places, targets)
            # The gradient of log(loss): that of the loss itself would be large in the
            # first steps of a fit alone. A loss of 0 keeps its gradient, which is 0.
            scale = jnp.where(error > 0.0, error, 1.0)
            shared = jax.tree.map(lambda x: x / scale, shared)
            own = jax.tree.map(lambda x: b * x, own)  # Of its own loss, not the mean.
            updates, opt_state = outer.update(shared, opt_state, base)
            base = optax.apply_updates(base, updates)
            updates, own_state = jax.vmap(inner.update)(own, own_state, weights)
            return (
                base,
                opt_state,
                optax.apply_updates(weights, updates),
                own_state,
            ), error

        carry = (state.base, state.opt_state, weights, jax.vmap(inner.init)(weights))
        keys = jax.random.split(jax.random.fold_in(key, state.episode), steps)
        (base, opt_state, weights, _), losses = jax.lax.scan(step, carry, keys)
        start = jax.tree.map(
            lambda old, new: old + rate * (new.mean(axis=0) - old), state.start, weights
        )
        return State(state.episode + 1, base, start, opt_state), losses

    return jax.jit(episode, donate_argnums=1)
