"""Whether a small network can tell samples from real things it has not seen.

It looks at whole things, so that it finds what distances of a few features miss.
"""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np
import optax
from chex import ArrayTree

from wsjax.models.encoder import Encoder

__all__ = ["LEAST", "two_sample"]

LEAST = 8
"""Things that each of the two sets needs: a quarter of a half is for choosing."""

_STEPS = 50  # Between two looks at what is for choosing.
_PATIENCE = 8  # Looks without a lower loss that end a lesson.
_AT_ONCE = 10  # Of these, to keep memory low.
_BATCH = 64
_FLIP = 0.05  # Chance that a label lies: keeps the network from certainty.


class _Lesson(NamedTuple):
    """What a network learns from or is tried on.

    `things` `[n, P, C + 1]`; `real` `[n]`, 1 for things of the real set, else 0.
    """

    things: np.ndarray
    real: np.ndarray


def two_sample(
    ours: np.ndarray,
    real: np.ndarray,
    *,
    more: np.ndarray | None = None,
    seed: int = 0,
    looks: int = 40,
) -> float:
    """Share of things that a trained network assigns to the right set.

    The classifier two-sample test (Lopez-Paz and Oquab 2017) by a convolutional
    network. Both sets are halved at random. One network learns from each half, from
    equally many things of both sets, is taken as it was when it told a quarter of them
    apart best, and is judged by the other half.

    Args:
      ours: `[N, *size, C]` samples on a grid of two or three axes.
      real: `[M, *size, C]` things to tell them from.
      more: `[L, *size, C]` real things to learn from beside each half of `real`, such
        as training instances: few things teach a network little, and what it cannot
        tell apart an eye may.
      seed: of the draw, the networks and the order of their lessons.
      looks: at most so often is a network looked at, after 50 steps of 64 things each.

    Returns:
      The share, 0.5 where the sets are not told apart, over some 2 min(N, M) things.

    Raises:
      ValueError: if a set has fewer than `LEAST` things, or the shapes differ.
    """
    ours, real = np.asarray(ours, np.float32), np.asarray(real, np.float32)
    more = real[:0] if more is None else np.asarray(more, np.float32)
    _check(ours, real, more)
    generator = np.random.default_rng(seed)
    middle, spread = np.mean(real), np.std(real) or 1.0
    ours, real, more = (
        (generator.permutation(x) - middle) / spread for x in (ours, real, more)
    )
    right = []
    for i in (0, 1):
        known = [ours[i::2], np.concatenate([real[i::2], more])]
        lesson = _joined(known, generator)
        test = _joined([ours[1 - i :: 2], real[1 - i :: 2]], generator)
        right.append(_right(lesson, test, real.shape[1:-1], seed + i, looks))
    return float(np.mean(np.concatenate(right)))


def _check(ours: np.ndarray, real: np.ndarray, more: np.ndarray) -> None:
    size = ours.shape[1:]
    if any(x.shape[1:] != size for x in (real, more)) or ours.ndim not in (4, 5):
        raise ValueError(
            "need sets [N, H, W, C] or [N, D, H, W, C] of one size, got "
            f"{ours.shape} and {real.shape}"
            + (f", and {more.shape} to learn from" if len(more) else "")
        )
    if (n := min(len(ours), len(real))) < LEAST:
        raise ValueError(f"need {LEAST} things or more in each set, got {n}")


def _joined(sets: list[np.ndarray], generator: np.random.Generator) -> _Lesson:
    """As many of both sets, in one random order, each thing as values `[P, C + 1]`.

    The last channel is constant: the network scales what it sees at each place to one
    size, and could not tell pale things from others without it.
    """
    n = min(map(len, sets))
    sets = [generator.permutation(x)[:n] for x in sets]
    things = np.concatenate([x.reshape(n, -1, x.shape[-1]) for x in sets])
    things = np.pad(things, ((0, 0), (0, 0), (0, 1)), constant_values=1.0)
    labels = np.repeat(np.arange(len(sets), dtype=np.float32), n)
    order = generator.permutation(len(things))
    return _Lesson(things[order], labels[order])


def _right(
    lesson: _Lesson, test: _Lesson, size: tuple, seed: int, looks: int
) -> np.ndarray:
    """Which things of `test` a network that learnt from `lesson` tells right, `[n]`."""
    start, advance, logits = _learner(size)
    generator = np.random.default_rng(seed)
    cut = max(1, len(lesson.real) // 4)
    own, kept = (
        _Lesson(*(x[part] for x in lesson)) for part in (slice(cut, None), slice(cut))
    )
    params = start(jax.random.key(seed), own.things[0])
    state, best = (params, _optimiser().init(params)), (np.inf, 0, params)
    for i in range(looks):
        for _ in range(_STEPS // _AT_ONCE):
            rows = generator.integers(len(own.real), size=(_AT_ONCE, _BATCH))
            state = advance(state, own.things[rows], own.real[rows])
        told = _told(logits, state[0], kept.things)
        loss = float(optax.sigmoid_binary_cross_entropy(told, kept.real).mean())
        if loss < best[0]:
            best = loss, i, state[0]
        if i - best[1] >= _PATIENCE:
            break
    return (_told(logits, best[2], test.things) > 0) == (test.real > 0.5)


def _told(logits: Callable, params: ArrayTree, things: np.ndarray) -> np.ndarray:
    """Logits `[n]` of things, some at once, so that all sets share one program."""
    filled = np.resize(things, (-(-len(things) // _BATCH) * _BATCH, *things.shape[1:]))
    blocks = filled.reshape(-1, _BATCH, *things.shape[1:])
    found = [np.asarray(logits(params, block)) for block in blocks]
    return np.concatenate(found)[: len(things)]


@functools.cache
def _optimiser() -> optax.GradientTransformation:
    return optax.adamw(1e-3, weight_decay=1e-2)


@functools.lru_cache(maxsize=8)
def _learner(size: tuple[int, ...]) -> tuple[Callable, Callable, Callable]:
    """`start(key, thing)`, some steps by `advance`, and `logits(params, things)`."""
    network = Encoder(size, width=16, hidden=64, outputs=1)

    @jax.jit
    def logits(params: ArrayTree, things: jax.Array) -> jax.Array:
        return jax.vmap(lambda x: network.apply(params, x)[0])(things)

    def loss(params: ArrayTree, things: jax.Array, real: jax.Array) -> jax.Array:
        target = _FLIP + (1 - 2 * _FLIP) * real
        guess = logits(params, things)
        return optax.sigmoid_binary_cross_entropy(guess, target).mean()

    @jax.jit
    def advance(state: tuple, things: jax.Array, real: jax.Array):
        """One step for each batch, `[steps, B, P, C + 1]` and `[steps, B]`."""

        def step(state, batch):
            params, moments = state
            slopes = jax.grad(loss)(params, *batch)
            updates, moments = _optimiser().update(slopes, moments, params)
            return (optax.apply_updates(params, updates), moments), None

        return jax.lax.scan(step, state, (things, real))[0]

    return jax.jit(network.init), advance, logits
