"""Samplers: from noise to clean weights, each a scan over a short step function.

`ddim` steps from level to level. The other two solve an ordinary differential equation:
divided by the sum of its levels, `noisy = signal * clean + noise * draw` lies on the
straight line from `clean` to `draw`, at the share `noise / (signal + noise)` of the
way, whatever the process. With that share as time, the velocity is `draw - clean`.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from wsjax.types import Denoise, Process, Sampler

__all__ = [
    "SAMPLERS",
    "SPACINGS",
    "call_times",
    "ddim",
    "heun",
    "multistep",
    "noised",
    "steps_within",
]


def ddim(
    process: Process, *, steps: int, begin: float = 1.0, spacing: str = "uniform"
) -> Sampler:
    """Deterministic DDIM (Song et al. 2021, Eq. 12 with eta = 0).

    On straight paths this is Euler's method for the flow.

    Args:
      process: the noise process of the denoiser.
      steps: S, calls of the denoiser, at times from `begin` down.
      begin: time at which sampling begins, in (0, 1]; below 1 the sampler starts from
        an instance with noise, as `noised` makes it.
      spacing: of the times: "uniform", or "cosine", which is finer at both ends.

    Raises:
      ValueError: if `steps` is below 1, `begin` lies outside (0, 1] or the spacing is
        unknown.
    """
    times = _times(steps, begin, spacing)

    def sampler(denoise: Denoise, start: jax.Array) -> jax.Array:
        def step(noisy, pair):
            t, following = pair
            prediction = denoise(noisy, t)
            signal, noise = process.levels(following)
            clean = process.clean(noisy, prediction, t)
            return signal * clean + noise * process.noise(noisy, prediction, t), None

        sample, _ = jax.lax.scan(step, start, (times[:-1], times[1:]))
        return sample

    return sampler


def heun(
    process: Process, *, steps: int, begin: float = 1.0, spacing: str = "uniform"
) -> Sampler:
    """Heun's second-order method; the last step is DDIM's, and so a clean prediction.

    Args:
      process: as for `ddim`.
      steps: S; the denoiser is called 2 S - 1 times.
      begin: as for `ddim`.
      spacing: as for `ddim`.

    Raises:
      ValueError: as `ddim`.
    """
    times = _times(steps, begin, spacing)
    length, share = _line(process, times)

    def sampler(denoise: Denoise, start: jax.Array) -> jax.Array:
        velocity = _velocity(process, denoise)

        def step(place, ends):
            (t, length, share), following = ends
            slope = velocity(place, t, length)
            euler = place + (following[2] - share) * slope
            mean = 0.5 * (slope + velocity(euler, *following[:2]))
            return place + (following[2] - share) * mean, None

        points = times, length, share
        ends = [tuple(x[part] for x in points) for part in _PAIRS]
        place, _ = jax.lax.scan(step, start / length[0], tuple(ends))
        return place - share[-2] * velocity(place, times[-2], length[-2])

    return sampler


def multistep(
    process: Process, *, steps: int, begin: float = 1.0, spacing: str = "uniform"
) -> Sampler:
    """The two-step Adams-Bashforth method: second order, one call per step.

    Each step extrapolates the velocity from this step's and the last one's (DEIS, Zhang
    and Chen 2023). The first and the last step are DDIM's, so that the sample is a
    clean prediction. DPM-Solver++(2M) (Lu et al. 2022) extrapolates the clean
    prediction instead, over the log of the ratio of the levels. Measured on mixtures of
    Gaussians, whose flow is known, it had a quarter to two thirds more error at 4 and 8
    calls.

    Args:
      process: as for `ddim`.
      steps: calls of the denoiser, as for `ddim`.
      begin: as for `ddim`.
      spacing: as for `ddim`.

    Raises:
      ValueError: as `ddim`.
    """
    times = _times(steps, begin, spacing)
    length, share = _line(process, times)
    move = jnp.diff(share)
    # A process with discrete times may give two times the same levels: no move there.
    before = jnp.where(move[:-2] == 0.0, jnp.inf, move[:-2])
    weight = jnp.pad(0.5 * move[1:-1] / before, (1, 1))[:steps]

    def sampler(denoise: Denoise, start: jax.Array) -> jax.Array:
        velocity = _velocity(process, denoise)

        def step(state, now):
            place, before = state
            t, length, move, weight = now
            slope = velocity(place, t, length)
            mean = slope + weight * (slope - before)
            return (place + move * mean, slope), None

        first = start / length[0], jnp.zeros_like(start)
        now = times[:-1], length[:-1], move, weight
        (place, _), _ = jax.lax.scan(step, first, now)
        return place

    return sampler


_PAIRS = slice(0, -2), slice(1, -1)  # Each point but the last two, and the next one.


def _times(steps: int, begin: float, spacing: str) -> jax.Array:
    if steps < 1:
        raise ValueError(f"a sampler needs a step or more, got steps={steps}")
    if not 0.0 < begin <= 1.0:
        raise ValueError(f"begin={begin} should lie above 0, and at most at 1")
    if spacing not in SPACINGS:
        raise ValueError(f"spacing={spacing!r}; choose one of {sorted(SPACINGS)}")
    return begin * SPACINGS[spacing](jnp.linspace(1.0, 0.0, steps + 1))


def _line(process: Process, times: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Sum of the levels and the share of the noise in it, both `[S + 1]`."""
    signal, noise = jax.vmap(process.levels)(times)
    return signal + noise, noise / (signal + noise)


def _velocity(process: Process, denoise: Denoise) -> Callable[..., jax.Array]:
    """`velocity(place [K], t, length) -> [K]` on the straight line.

    `length` is the sum of the levels at t.
    """

    def velocity(place, t, length):
        noisy = length * place
        prediction = denoise(noisy, t)
        clean = process.clean(noisy, prediction, t)
        return process.noise(noisy, prediction, t) - clean

    return velocity


def noised(
    key: jax.Array, process: Process, clean: jax.Array, *, t: float
) -> jax.Array:
    """An instance `[K]` with the noise of time `t`, for a sampler to begin with.

    The sample resembles the instance, less so for larger `t` (SDEdit, Meng et al.
    2022).
    """
    signal, noise = process.levels(jnp.asarray(t))
    return signal * clean + noise * jax.random.normal(key, clean.shape)


SPACINGS = {
    "uniform": lambda share: share,
    "cosine": lambda share: jnp.square(jnp.sin(0.5 * jnp.pi * share)),
}
SAMPLERS = {"ddim": ddim, "heun": heun, "multistep": multistep}


def call_times(
    name: str, *, steps: int, begin: float = 1.0, spacing: str = "uniform"
) -> np.ndarray:
    """The times `[C]` at which a sampler of this name calls the denoiser.

    Raises:
      ValueError: as `ddim`.
    """
    times = np.asarray(_times(steps, begin, spacing))[:-1]
    # Heun's method calls the denoiser at both ends of each step.
    again = 2 if name == "heun" else 1
    return np.repeat(times, [1, *[again] * (steps - 1)])


def steps_within(name: str, *, calls: int) -> int:
    """The most steps that this sampler can take with so many calls of the denoiser."""
    return (calls + 1) // 2 if name == "heun" else calls
