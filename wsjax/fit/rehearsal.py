"""Prepare the base field for adapters: rehearse fits, and learn the base along them.

The autodecoder (Eq. 4) learns a base that a few numbers per instance can steer; it
never meets the adapters that are fitted to it later. A rehearsal does: a batch of
training instances is fitted from the common start as later ones will be, and every
step of those fits is a step of the base too (first-order meta-learning, as in Finn et
al. 2017, at every step rather than at the last). Then the next batch starts over. Not
part of the paper.
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


@struct.dataclass
class State:
    """All that a resumed rehearsal needs; keys are derived from `episode`."""

    episode: jax.Array
    base: Params
    start: ArrayTree  # The adapter that every fit of the next episode begins with.
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
    mean loss before each step `[S]`. The key serves all calls.

    Args:
      field: the coordinate network.
      adapter: what an instance owns.
      inner: optimiser of one instance, with its schedule over S steps.
      outer: optimiser of the base.
      steps: S, of the fits and so of the base.
      points: random points of each instance per step.
      chunk: instances whose gradients are computed at once; it must divide B.
      rate: share of the way that the start goes to the mean of the fits.
      loss: `(predicted [P, C], target [P, C]) -> []`.
    """

    def objective(base, weights, coords, values):
        def one(weights, coords, values):
            predicted = render(field, adapter.merge(base, weights), coords)
            return loss(predicted, values)

        return jnp.mean(jax.vmap(one)(weights, coords, values))

    gradients = in_chunks(objective, chunk=chunk)

    def episode(key, state: State, coords: jax.Array, values: jax.Array):
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
            # Relative, as decibels are: the large losses of the first steps would
            # otherwise be all that the base learns from.
            shared = jax.tree.map(lambda x: x / error, shared)
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
