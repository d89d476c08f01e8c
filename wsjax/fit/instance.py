"""Fit one instance: one start, one loop that compiles to a single program."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import optax
from chex import ArrayTree

from wsjax import tree
from wsjax.fit import losses
from wsjax.types import Adapter, Field, Params, Signal


def make_fit(
    field: Field,
    adapter: Adapter,
    tx: optax.GradientTransformation,
    *,
    steps: int,
    points: int | None = None,
    pull: float = 0.0,
    target: float | None = None,
    loss: Callable[[jax.Array, jax.Array], jax.Array] = losses.squared_error,
) -> Callable[..., tuple[ArrayTree, jax.Array]]:
    """Returns `fit(shared, key, signal, rate=1.0) -> (adapter, trace)` of one instance.

    `shared` is `(base, start)`: the frozen base field's params and the adapter all
    instances start from. `rate` `[]` multiplies every update: a learning rate of the
    instance's own. `trace` `[S]` is the loss before each step, NaN behind the last.
    Minimises Eq. 2 of the paper plus the pull.

    Fourier features are computed once, before the first step: P * F numbers for each
    instance, or for all together where key and coordinates are not mapped over.

    Args:
      field: the coordinate network.
      adapter: what the instance owns.
      tx: optimiser, with its schedule.
      steps: S, optimiser steps, the most that are taken.
      points: points per step, at most all, in passes over all of them in an order
        drawn from the key; None takes all in every step.
      pull: weight of the squared distance to the start, which keeps directions that
        the signal does not determine alike in all instances.
      target: loss, averaged over a pass, at which the instance is done; None takes
        all steps.
      loss: `(predicted [P, C], target [P, C]) -> []`.
    """

    def fit(shared, key: jax.Array, signal: Signal, rate: float | jax.Array = 1.0):
        base, start = shared
        blocks = _blocks(field, base, key, signal, points)
        passes = len(jax.tree.leaves(blocks)[0])

        def objective(weights, block):
            features, values = block
            params = adapter.merge(base, weights)
            predicted = jax.vmap(field.head, in_axes=(None, 0))(params, features)
            error = loss(predicted, values)
            return error + pull * tree.squared_distance(weights, start), error

        def step(weights, state, i):
            block = jax.tree.map(lambda x: x[i % passes], blocks)
            grads, error = jax.grad(objective, has_aux=True)(weights, block)
            updates, state = tx.update(grads, state, weights)
            updates = jax.tree.map(lambda u: rate * u, updates)
            return optax.apply_updates(weights, updates), state, error

        run = _all_steps if target is None else _until(target, passes)
        return run(step, start, tx.init(start), steps)

    return fit


def _blocks(field: Field, base: Params, key, signal: Signal, points: int | None):
    """Features `[M, p, F]` and values `[M, p, C]` of the M steps of one pass."""
    coords, values = map(jnp.asarray, signal)
    features = jax.vmap(field.features, in_axes=(None, 0))(base, coords)
    if points is None:
        return features[None], values[None]
    n = len(coords)
    points = min(points, n)
    # The last step of a pass is filled up with the first points.
    places = np.arange(-(-n // points) * points).reshape(-1, points) % n
    order = jax.random.permutation(key, n)[places]
    return features[order], values[order]


def _all_steps(step, weights, state, steps: int):
    def body(carry, i):
        weights, state, error = step(*carry, i)
        return (weights, state), error

    (weights, _), trace = jax.lax.scan(body, (weights, state), jnp.arange(steps))
    return weights, trace


def _until(target: float, passes: int):
    """As `_all_steps`, up to the step whose last pass had a mean loss of `target`."""

    def run(step, weights, state, steps: int):
        def goes_on(carry):
            i, _, _, trace = carry
            # The trace begins with a pass of NaN: nothing is done before one whole.
            last = jax.lax.dynamic_slice(trace, (i,), (passes,))
            return (i < steps) & ~(jnp.mean(last) <= target)

        def body(carry):
            i, weights, state, trace = carry
            weights, state, error = step(weights, state, i)
            return i + 1, weights, state, trace.at[passes + i].set(error)

        trace = jnp.full(passes + steps, jnp.nan)
        carry = jax.lax.while_loop(goes_on, body, (0, weights, state, trace))
        return carry[1], carry[3][passes:]

    return run


def adam(
    *,
    learning_rate: float,
    steps: int,
    b1: float = 0.9,
    b2: float = 0.95,
    final: float = 0.01,
    power: float | None = None,
) -> optax.GradientTransformation:
    """Adam whose learning rate falls to `final * learning_rate`.

    Small decays `b1`, `b2` of both moments let short fits take large steps early on.

    Args:
      learning_rate: of the first step.
      steps: over which it falls.
      b1: decay of the first moment.
      b2: decay of the second moment.
      final: share of the learning rate that is left.
      power: it falls as `(1 - step / steps) ** power`; None follows a cosine.
    """
    if power is None:
        schedule = optax.cosine_decay_schedule(learning_rate, steps, final)
    else:
        schedule = optax.polynomial_schedule(
            learning_rate, final * learning_rate, power, steps
        )
    return optax.adam(schedule, b1=b1, b2=b2)


def finite(weights: ArrayTree) -> jax.Array:
    """Whether every entry of one instance's weights is finite, `[]`."""
    return jnp.all(
        jnp.stack([jnp.all(jnp.isfinite(x)) for x in jax.tree.leaves(weights)])
    )
