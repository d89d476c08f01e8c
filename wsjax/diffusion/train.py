"""Train a denoiser on vectors: state, step and held-out loss."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax
from chex import ArrayTree
from flax import struct

from wsjax.types import Process

Apply = Callable[..., jax.Array]
"""`apply(params, noisy [K], t [], key) -> prediction [K]`; no dropout if None."""


@struct.dataclass
class State:
    """Everything a resumed run needs; the key is derived from `step`, not stored."""

    step: jax.Array
    params: ArrayTree
    average: ArrayTree
    opt_state: optax.OptState


def start(params: ArrayTree, tx: optax.GradientTransformation) -> State:
    """Fresh training state around initial parameters."""
    average = jax.tree.map(jnp.copy, params)  # Not shared: the step donates both.
    return State(jnp.zeros((), int), params, average, tx.init(params))


def diffusion_loss(
    key: jax.Array, process: Process, denoise: Callable, clean: jax.Array
) -> jax.Array:
    """Loss of one example `clean` `[K]` at a random time (Eq. 6 for `ddpm`), `[]`."""
    time_key, noise_key = jax.random.split(key)
    t = process.draw_time(time_key)
    draw = jax.random.normal(noise_key, clean.shape)
    signal, noise = process.levels(t)
    prediction = denoise(signal * clean + noise * draw, t)
    return process.loss(prediction, clean, draw, t)


def make_advance(
    process: Process,
    apply: Apply,
    tx: optax.GradientTransformation,
    *,
    batch: int,
    decay: float,
    jitter: float = 0.0,
) -> Callable[..., tuple[State, jax.Array]]:
    """Returns `advance(key, state, data, *, steps) -> (state, losses [steps])`.

    Args:
      process: noise process and loss.
      apply: the denoiser.
      tx: optimiser.
      batch: B, examples per step, drawn with replacement from `data` `[N, K]`.
      decay: of the moving average of the parameters.
      jitter: standard deviation of Gaussian noise added to the data, which keeps a
        long training on few instances from copying them.
    """

    def objective(params, key, examples):
        keys = jax.random.split(key, (batch, 3))

        def one(keys, clean):
            clean = clean + jitter * jax.random.normal(keys[0], clean.shape)

            def denoise(noisy, t):
                return apply(params, noisy, t, keys[1])

            return diffusion_loss(keys[2], process, denoise, clean)

        return jnp.mean(jax.vmap(one)(keys, examples))

    def advance(key: jax.Array, state: State, data: jax.Array, *, steps: int):
        def step(state, _):
            rows_key, loss_key = jax.random.split(jax.random.fold_in(key, state.step))
            examples = data[jax.random.randint(rows_key, (batch,), 0, len(data))]
            loss, grads = jax.value_and_grad(objective)(
                state.params, loss_key, examples
            )
            updates, opt_state = tx.update(grads, state.opt_state, state.params)
            params = optax.apply_updates(state.params, updates)
            average = optax.incremental_update(params, state.average, 1.0 - decay)
            return State(state.step + 1, params, average, opt_state), loss

        return jax.lax.scan(step, state, length=steps)

    return jax.jit(advance, static_argnames="steps", donate_argnums=1)


def make_score(
    process: Process, apply: Apply, *, draws: int
) -> Callable[[jax.Array, ArrayTree, jax.Array], jax.Array]:
    """Returns `score(key, params, data [N, K]) -> []`, the mean loss without dropout.

    Called with one key it uses the same noise each time, so that two scores of one
    data set differ by the parameters alone.

    Args:
      process: noise process and loss.
      apply: the denoiser.
      draws: times and noises per example.
    """

    def score(key, params, data):
        def one(key, clean):
            def denoise(noisy, t):
                return apply(params, noisy, t, None)

            return diffusion_loss(key, process, denoise, clean)

        key = jax.random.fold_in(key, 0)  # The caller keeps the key for later scores.
        keys = jax.random.split(key, (draws, len(data)))
        over_data = jax.vmap(one)
        return jnp.mean(jax.lax.map(lambda k: over_data(k, data), keys))

    return jax.jit(score)
