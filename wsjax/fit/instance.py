"""Fit one instance: all steps compile to a single program."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import optax
from chex import ArrayTree

from wsjax import tree
from wsjax.fit import losses
from wsjax.types import Adapter, Field, Params, Signal

__all__ = ["adam", "finite", "make_fit"]


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

    `shared` is `(base, start)`: the frozen base field's params and the adapter that all
    instances start from. `rate` `[]` multiplies every update, so that each instance may
    have its own learning rate. `trace` `[S]`: `trace[i]` is the loss before step i, NaN
    after the last step. The fit minimises Eq. 2 of the paper plus the pull.

    Fourier features are computed once, before the first step. They take P * F numbers
    per instance, or P * F in all where `vmap` maps over neither key nor coordinates.

    Args:
      field: the coordinate network.
      adapter: what the instance owns.
      tx: optimiser, with its schedule.
      steps: S, the most optimiser steps that are taken.
      points: points per step, as a mini-batch: passes go over all P points in an order
        drawn from the key. None takes all points in every step.
      pull: weight of the squared distance to the start; keeps directions that the
        signal leaves undetermined equal across instances.
      target: mean loss over a pass at which the fit ends; None takes all steps.
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


def _blocks(
    field: Field, base: Params, key: jax.Array, signal: Signal, points: int | None
) -> tuple[jax.Array, jax.Array]:
    """Features `[M, p, F]` and values `[M, p, C]` of the M steps of one pass."""
    coords, values = map(jnp.asarray, signal)
    features = jax.vmap(field.features, in_axes=(None, 0))(base, coords)
    if points is None:
        return features[None], values[None]
    n = len(coords)
    points = min(points, n)
    # Where M * p exceeds P, the last step repeats the first points.
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
    """As `_all_steps`, but ends once the mean loss over a pass is at most `target`."""

    def run(step, weights, state, steps: int):
        def goes_on(carry):
            i, _, _, trace = carry
            # One pass of NaN is in front, so that no fit ends before a full pass.
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

    Small decays `b1` and `b2` suit short fits: they allow large steps early on.

    Args:
      learning_rate: of the first step.
      steps: over which the learning rate falls.
      b1: decay of the first moment.
      b2: decay of the second moment.
      final: share of the learning rate that is left at the end.
      power: of the decay `(1 - step / steps) ** power`; None decays as a cosine.
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
