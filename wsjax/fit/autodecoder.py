"""Train the base field as an autodecoder (Eq. 4): one latent per instance."""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import optax
from chex import ArrayTree
from flax import struct

from wsjax import coords
from wsjax.fields.modulated import Modulated
from wsjax.fields.render import render
from wsjax.fit.accumulate import in_chunks
from wsjax.fit.losses import squared_error
from wsjax.types import Params

__all__ = [
    "State",
    "adam",
    "at_resolution",
    "drawn",
    "make_advance",
    "mean_base",
    "reconstruct",
    "start",
]

_LATENT_SPREAD = 0.1  # Standard deviation of a latent at the start.


@struct.dataclass
class State:
    """All that a resumed training needs; keys are derived from `step`, not stored.

    `trained` is `{"params": ..., "latents": [N, Z]}`; `average` its moving average.
    """

    step: jax.Array
    trained: ArrayTree
    average: ArrayTree
    opt_state: optax.OptState


def start(
    key: jax.Array,
    network: Modulated,
    tx: optax.GradientTransformation,
    *,
    n: int,
    latent_dim: int,
) -> State:
    """Fresh state for `n` instances with latents of `latent_dim` numbers."""
    params_key, latent_key = jax.random.split(key)
    latents = _LATENT_SPREAD * jax.random.normal(latent_key, (n, latent_dim))
    trained = {"params": network.init(params_key), "latents": latents}
    average = jax.tree.map(jnp.copy, trained)  # Not shared: the step donates both.
    return State(jnp.zeros((), int), trained, average, tx.init(trained))


def adam(*, learning_rate: float, steps: int) -> optax.GradientTransformation:
    """Adam(0.9, 0.99), 5 % warm-up, then cosine to zero."""
    warmup = max(1, steps // 20)
    schedule = optax.warmup_cosine_decay_schedule(0.0, learning_rate, warmup, steps)
    return optax.adam(schedule, b1=0.9, b2=0.99)


def make_advance(
    network: Modulated,
    tx: optax.GradientTransformation,
    *,
    penalty: float,
    decay: float,
    chunk: int,
    loss: Callable[[jax.Array, jax.Array], jax.Array] = squared_error,
) -> Callable[..., tuple[State, jax.Array]]:
    """Returns `advance(key, state, coords, values, *, batch, steps, points=None)`.

    It takes `steps` optimiser steps on random batches of `batch` instances and returns
    the state and the losses `[steps]`. `coords` is `[P, D]`, or `[N, P, D]` where each
    instance has its own, `values` is `[N, P, C]`; both may have any resolution
    (`at_resolution`). Each step takes `points` random points, with the same indices in
    every instance, or all points if None. Pass the same key to all calls: each step
    derives its own from it.

    Where the values of all N do not fit memory, `values` is `[steps, batch, P, C]`,
    those of the instances that the steps draw (see `drawn`), and own coordinates are
    `[steps, batch, P, D]`; the result is the same.

    Args:
      network: the modulated field.
      tx: optimiser of parameters and latents together.
      penalty: lambda_r of Eq. 4, on the squared norm of a latent.
      decay: of the moving average that every later stage uses.
      chunk: instances whose gradients are computed at once (see `in_chunks`).
      loss: `(predicted [P, C], target [P, C]) -> []`.

    Raises:
      ValueError: from `advance`, if `chunk` does not divide `batch`.
    """

    def objective(common, params, latents, values, *own):
        def one(latent, target, coords):
            code = network.style(params, latent)
            predicted = render(network.field, network.fold(params, code), coords)
            return loss(predicted, target) + penalty * jnp.sum(jnp.square(latent))

        if own:
            return jnp.mean(jax.vmap(one)(latents, values, *own))
        return jnp.mean(jax.vmap(one, in_axes=(0, 0, None))(latents, values, common))

    def advance(key, state: State, coords, values, *, batch, steps, points=None):
        common = coords if coords.ndim == 2 else None
        arrays = (values,) if coords.ndim == 2 else (values, coords)
        ahead = values.ndim == 4

        def step(state, given):
            latents = state.trained["latents"]
            step_key = jax.random.fold_in(key, state.step)
            size = len(latents), values.shape[-2]
            rows, chosen = _draw(step_key, size, batch, points)
            held = (given, None) if ahead else (arrays, rows)
            data = [_taken(x, held[1], chosen) for x in held[0]]
            # Shared places stay out of the batch: their features are computed once.
            place = common if common is None or chosen is None else common[chosen]
            gradients = in_chunks(functools.partial(objective, place), chunk=chunk)
            error, (shared, own) = gradients(
                state.trained["params"], latents[rows], *data
            )
            dense = jnp.zeros_like(latents).at[rows].add(own)
            grads = {"params": shared, "latents": dense}
            updates, opt_state = tx.update(grads, state.opt_state, state.trained)
            trained = optax.apply_updates(state.trained, updates)
            average = optax.incremental_update(trained, state.average, 1.0 - decay)
            return State(state.step + 1, trained, average, opt_state), error

        return jax.lax.scan(step, state, arrays if ahead else None, length=steps)

    static = ("batch", "points", "steps")
    return jax.jit(advance, static_argnames=static, donate_argnums=1)


def drawn(
    key: jax.Array, step: jax.Array, *, n: int, batch: int, steps: int
) -> jax.Array:
    """Instances `[steps, batch]` that `advance` draws of `n`, from a step on.

    Args:
      key: that of `advance`.
      step: number of the first step, `State.step`.
      n: N, the number of latents.
      batch: instances per step.
      steps: how many steps.
    """
    numbers = step + jnp.arange(steps)
    keys = jax.vmap(jax.random.fold_in, (None, 0))(key, numbers)
    return jax.vmap(lambda key: _draw(key, (n, 1), batch, None)[0])(keys)


def _draw(
    key: jax.Array, size: tuple[int, int], batch: int, points: int | None
) -> tuple[jax.Array, jax.Array | None]:
    """Random instances `[B]` of N, and points `[p]` of P, None for all of them."""
    rows_key, points_key = jax.random.split(key)
    rows = jax.random.randint(rows_key, (batch,), 0, size[0])
    if points is None:
        return rows, None
    return rows, jax.random.randint(points_key, (points,), 0, size[1])


def _taken(
    array: jax.Array, rows: jax.Array | None, chosen: jax.Array | None
) -> jax.Array:
    """Some rows and some points of `[N, P, ...]`; None: all."""
    if rows is None:
        return array if chosen is None else array[:, chosen]
    return array[rows] if chosen is None else array[rows[:, None], chosen[None]]


def mean_base(network: Modulated, trained: ArrayTree) -> Params:
    """Folds the mean style of all training instances into plain kernels.

    Later stages freeze this base. The kernels without any style would not do: in
    training they were always modulated.
    """
    codes = jax.vmap(network.style, in_axes=(None, 0))(
        trained["params"], trained["latents"]
    )
    return network.fold(trained["params"], jnp.mean(codes, axis=0))


def reconstruct(network: Modulated, trained: ArrayTree, points: jax.Array) -> jax.Array:
    """Renders every instance from its latent, `[N, P, C]`."""

    def one(latent):
        code = network.style(trained["params"], latent)
        return render(network.field, network.fold(trained["params"], code), points)

    return jax.lax.map(one, trained["latents"], batch_size=32)


def at_resolution(pixels: np.ndarray, factor: int) -> tuple[jax.Array, jax.Array]:
    """Coordinates `[P, 2]` and values `[N, P, C]` of pictures shrunk by `factor`.

    Args:
      pixels: `[N, H, W, C]` in [0, 1].
      factor: side of the square of pixels whose mean becomes one pixel.

    Raises:
      ValueError: if `factor` does not divide both sides.
    """
    n, height, width, channels = pixels.shape
    if height % factor or width % factor:
        raise ValueError(
            f"factor {factor} must divide the picture size {(height, width)}"
        )
    size = (height // factor, width // factor)
    blocks = pixels.reshape(n, size[0], factor, size[1], factor, channels)
    values = 2.0 * blocks.mean(axis=(2, 4)) - 1.0
    flat = values.reshape(n, size[0] * size[1], channels)
    return coords.grid(size), jnp.asarray(flat, jnp.float32)
