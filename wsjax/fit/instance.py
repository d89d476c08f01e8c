"""Fit one instance: one start, one `lax.scan`."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax
from chex import ArrayTree

from wsjax import tree
from wsjax.fit import losses
from wsjax.types import Adapter, Field, Params, Signal


def render(field: Field, params: Params, coords: jax.Array) -> jax.Array:
    """Evaluates a field at many points, `[P, D] -> [P, C]`."""
    return jax.vmap(field.apply, in_axes=(None, 0))(params, coords)


def make_fit(
    field: Field,
    adapter: Adapter,
    tx: optax.GradientTransformation,
    *,
    steps: int,
    points: int | None = None,
    pull: float = 0.0,
    loss: Callable[[jax.Array, jax.Array], jax.Array] = losses.squared_error,
) -> Callable[..., tuple[ArrayTree, jax.Array]]:
    """Returns `fit(shared, key, signal) -> (adapter, trace)` for one instance.

    `shared` is `(base, start)`: the frozen base field's params and the adapter all
    instances start from. `trace` `[S]` is the loss before each step. Lift the result
    with `over_instances`. Minimises Eq. 2 of the paper plus the pull.

    Args:
      field: the coordinate network.
      adapter: what the instance owns.
      tx: optimiser, with its schedule.
      steps: S, optimiser steps.
      points: random points per step, drawn with replacement; None takes all of them.
      pull: weight of the squared distance to the start, which keeps directions that
        the signal does not determine alike in all instances.
      loss: `(predicted [P, C], target [P, C]) -> []`.
    """

    def fit(shared, key: jax.Array, signal: Signal):
        base, start = shared

        def objective(weights, step_key):
            coords, values = signal
            if points is not None:
                chosen = jax.random.randint(step_key, (points,), 0, len(coords))
                coords, values = coords[chosen], values[chosen]
            predicted = render(field, adapter.merge(base, weights), coords)
            error = loss(predicted, values)
            return error + pull * tree.squared_distance(weights, start), error

        def step(carry, step_key):
            weights, state = carry
            grads, error = jax.grad(objective, has_aux=True)(weights, step_key)
            updates, state = tx.update(grads, state, weights)
            return (optax.apply_updates(weights, updates), state), error

        keys = jax.random.split(key, steps)
        (weights, _), trace = jax.lax.scan(step, (start, tx.init(start)), keys)
        return weights, trace

    return fit


def adam(
    *, learning_rate: float, steps: int, b2: float = 0.95, final: float = 0.01
) -> optax.GradientTransformation:
    """Adam with a cosine schedule down to `final * learning_rate`.

    A small second-moment decay `b2` lets short fits take large steps early on.
    """
    schedule = optax.cosine_decay_schedule(learning_rate, steps, final)
    return optax.adam(schedule, b1=0.9, b2=b2)


def finite(weights: ArrayTree) -> jax.Array:
    """Whether every entry of one instance's weights is finite, `[]`."""
    return jnp.all(
        jnp.stack([jnp.all(jnp.isfinite(x)) for x in jax.tree.leaves(weights)])
    )
