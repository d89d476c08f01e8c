"""Train a denoiser on vectors: state, step and validation loss."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from chex import ArrayTree
from flax import struct
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from wsjax.types import Denoise, Process

__all__ = [
    "Apply",
    "Examples",
    "State",
    "diffusion_loss",
    "make_advance",
    "make_score",
    "replicate",
    "start",
    "warmed",
]

Apply = Callable[..., jax.Array]
"""`apply(params, noisy [K], t [], label [] int32, key) -> prediction [K]`.

A label of -1 means unconditional, a key of None no dropout.
"""


class Examples(NamedTuple):
    """What a denoiser learns from.

    `vectors` `[N, K]`; `labels` `[N]` int32, -1 means unconditional; `noise` `[N, K]`
    is fixed noise paired with each vector, None draws fresh noise every time.
    """

    vectors: jax.Array
    labels: jax.Array
    noise: jax.Array | None = None


@struct.dataclass
class State:
    """All that a resumed training needs; keys are derived from `step`, not stored.

    `averages` holds one moving average of the parameters per decay.
    """

    step: jax.Array
    params: ArrayTree
    averages: tuple[ArrayTree, ...]
    opt_state: optax.OptState


def start(
    params: ArrayTree, tx: optax.GradientTransformation, *, averages: int = 1
) -> State:
    """Fresh training state around initial parameters.

    Args:
      params: of the denoiser.
      tx: optimiser.
      averages: how many moving averages: the number of decays in `make_advance`.
    """
    # Copies: a step donates the state, and with it all memory that others share.
    first, *others = (jax.tree.map(jnp.copy, params) for _ in range(1 + averages))
    return State(jnp.zeros((), int), first, tuple(others), tx.init(params))


def replicate(arrays: ArrayTree, mesh: Mesh) -> ArrayTree:
    """Arrays that all processes hold alike, replicated on every device of the mesh."""
    everywhere = NamedSharding(mesh, PartitionSpec())
    return jax.jit(lambda x: x, out_shardings=everywhere)(arrays)


def warmed(decay: float, step: jax.Array) -> jax.Array:
    """Decay of a moving average at a step, `[]`; it warms up to `decay`.

    Without warm-up, a third of an average of decay 0.9995 is still the initial
    parameters after 2,000 steps. With it, averages span a tenth of the steps at first.
    """
    return jnp.minimum(decay, (1.0 + step) / (10.0 + step))


def diffusion_loss(
    key: jax.Array,
    process: Process,
    denoise: Denoise,
    clean: jax.Array,
    *,
    draw: jax.Array | None = None,
) -> jax.Array:
    """Loss of one example `clean` `[K]` at a random time, `[]`; Eq. 6 for `ddpm`.

    The noise is `draw` `[K]`; None draws fresh noise.
    """
    time_key, noise_key = jax.random.split(key)
    t = process.draw_time(time_key)
    if draw is None:
        draw = jax.random.normal(noise_key, clean.shape)
    signal, noise = process.levels(t)
    prediction = denoise(signal * clean + noise * draw, t)
    return process.loss(prediction, clean, draw, t)


def _make_example(
    process: Process, apply: Apply, jitter: float, drop_label: float
) -> Callable[..., jax.Array]:
    """`example(params, key, examples) -> loss []` of one example that the key draws."""

    def example(params, key, examples):
        row_key, label_key, jitter_key, dropout_key, loss_key = jax.random.split(key, 5)
        row = jax.random.randint(row_key, (), 0, len(examples.vectors))
        clean, label, draw = jax.tree.map(lambda x: x[row], examples)
        clean += jitter * jax.random.normal(jitter_key, clean.shape)
        label = jnp.where(jax.random.bernoulli(label_key, drop_label), -1, label)

        def denoise(noisy, t):
            return apply(params, noisy, t, label, dropout_key)

        return diffusion_loss(loss_key, process, denoise, clean, draw=draw)

    return example


def make_advance(
    process: Process,
    apply: Apply,
    tx: optax.GradientTransformation,
    *,
    batch: int,
    decays: tuple[float, ...],
    jitter: float = 0.0,
    drop_label: float = 0.0,
    accumulate: int = 1,
    mesh: Mesh | None = None,
) -> Callable[..., tuple[State, jax.Array]]:
    """Returns `advance(key, state, examples, *, steps) -> (state, losses [steps])`.

    All randomness of an example derives from the key, the step and the example's place
    in the batch, so that neither `accumulate` nor `mesh` changes it.

    Args:
      process: noise process and loss.
      apply: the denoiser.
      tx: optimiser.
      batch: B, examples per step, drawn with replacement.
      decays: of the moving averages of the parameters, see `warmed`.
      jitter: standard deviation of Gaussian noise added to the vectors, which keeps a
        long training on few instances from memorising them.
      drop_label: probability that -1 replaces an example's label, so that one denoiser
        learns both conditional and unconditional prediction (Ho & Salimans 2022).
      accumulate: micro-batches of equal size whose gradients are averaged (gradient
        accumulation), to save memory.
      mesh: devices of all processes that share each micro-batch, along one axis
        "data"; the state is replicated. None is one device.

    Raises:
      ValueError: if `accumulate` micro-batches on all devices do not divide `batch`.
    """
    devices = 1 if mesh is None else mesh.size
    if batch % (accumulate * devices):
        raise ValueError(
            f"batch={batch} should be a multiple of {accumulate * devices}: "
            f"accumulate={accumulate} x {devices} devices; change one of them"
        )
    example = _make_example(process, apply, jitter, drop_label)

    def part_loss(params, key, places, examples):
        keys = jax.vmap(jax.random.fold_in, (None, 0))(key, places)
        return jnp.mean(jax.vmap(example, (None, 0, None))(params, keys, examples))

    def batch_gradient(params, key, examples):
        def add(total, places):
            if mesh is not None:
                shards = NamedSharding(mesh, PartitionSpec("data"))
                places = jax.lax.with_sharding_constraint(places, shards)
            part = jax.value_and_grad(part_loss)(params, key, places, examples)
            return jax.tree.map(jnp.add, total, part), None

        places = jnp.arange(batch).reshape(accumulate, -1)
        zero = jnp.zeros(()), jax.tree.map(jnp.zeros_like, params)
        total, _ = jax.lax.scan(add, zero, places)
        return jax.tree.map(lambda x: x / accumulate, total)

    def advance(key, state, examples, steps):
        def step(state, _):
            at_step = jax.random.fold_in(key, state.step)
            loss, slopes = batch_gradient(state.params, at_step, examples)
            updates, opt_state = tx.update(slopes, state.opt_state, state.params)
            params = optax.apply_updates(state.params, updates)
            averages = tuple(
                optax.incremental_update(params, old, 1.0 - warmed(decay, state.step))
                for decay, old in zip(decays, state.averages, strict=True)
            )
            return State(state.step + 1, params, averages, opt_state), loss

        return jax.lax.scan(step, state, length=steps)

    return _compiled(advance, mesh)


def _compiled(advance: Callable, mesh: Mesh | None) -> Callable:
    jit = functools.partial(jax.jit, static_argnums=3, donate_argnums=1)
    if mesh is None:
        jitted = jit(advance)
    else:
        everywhere = NamedSharding(mesh, PartitionSpec())
        jitted = jit(advance, in_shardings=everywhere, out_shardings=everywhere)

    # `jax.jit` takes no `in_shardings` along with keyword arguments.
    def call(key, state, examples, *, steps):
        return jitted(key, state, examples, steps)

    return call


def make_score(
    process: Process, apply: Apply, *, draws: int
) -> Callable[[jax.Array, ArrayTree, Examples], jax.Array]:
    """Returns `score(key, params, examples) -> []`, the mean loss without dropout.

    Each example has its own times and noise. They derive from the key: two scores of
    one data set with one key differ only by the parameters.

    Args:
      process: noise process and loss.
      apply: the denoiser.
      draws: times and noises per example.
    """

    def score(key, params, examples):
        def one(key, example):
            clean, label, draw = example

            def denoise(noisy, t):
                return apply(params, noisy, t, label, None)

            return diffusion_loss(key, process, denoise, clean, draw=draw)

        key = jax.random.fold_in(key, 0)  # The caller keeps the key for later scores.
        keys = jax.random.split(key, (draws, len(examples.vectors)))
        return jnp.mean(jax.lax.map(lambda k: jax.vmap(one)(k, examples), keys))

    return jax.jit(score)
