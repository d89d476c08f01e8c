import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from wsjax import diffusion
from wsjax.diffusion import train

K = 3
MEAN, SPREAD = np.array([1.0, -0.5, 0.0]), np.array([0.5, 2.0, 1.0])
TIMES = [0.02, 0.3, 0.77, 1.0]


@pytest.fixture(scope="module", params=diffusion.PROCESSES)
def process(request):
    return diffusion.PROCESSES[request.param]()


def exact(process, t, noisy):
    """`(E[clean | noisy], E[draw | noisy])` of a Gaussian, from its closed form."""
    signal, noise = process.levels(t)
    variance = (signal * SPREAD) ** 2 + noise**2
    surplus = (noisy - signal * MEAN) / variance
    return MEAN + signal * SPREAD**2 * surplus, noise * surplus


def end_point(process, start):
    """Where the exact flow of a Gaussian takes `start`: it only shifts and scales."""
    signal, noise = process.levels(jnp.ones(()))
    spread = np.sqrt((signal * SPREAD) ** 2 + noise**2)
    return MEAN + SPREAD * (start - signal * MEAN) / spread


def test_ddpm_levels_keep_the_variance_and_lose_the_signal():
    process = diffusion.ddpm()
    signal, noise = jax.vmap(process.levels)(jnp.arange(1001) / 1000)
    np.testing.assert_allclose(signal**2 + noise**2, 1.0, atol=1e-5)
    assert np.all(np.diff(signal) < 0)
    assert (signal[0], noise[0]) == (1.0, 0.0)
    betas = np.linspace(1e-4, 2e-2, 1000)
    expected = np.sqrt(np.cumprod(1 - betas))
    np.testing.assert_allclose(signal[1:], expected, rtol=1e-3)


def test_ddpm_ends_in_noise_only_with_its_thousand_steps():
    ends = [diffusion.ddpm(steps=n).levels(jnp.ones(()))[0] for n in (500, 1000)]
    assert ends[1] < 0.01 < 0.05 < ends[0]


def test_flow_levels_are_straight():
    signal, noise = diffusion.flow().levels(jnp.asarray(0.3))
    np.testing.assert_allclose([signal, noise], [0.7, 0.3], rtol=1e-6)


def test_drawn_times_are_those_of_the_process():
    keys = jax.random.split(jax.random.key(0), 4000)
    drawn = diffusion.ddpm(steps=10).draw_time(keys[0])
    assert drawn.shape == ()
    times = jax.vmap(diffusion.ddpm(steps=10).draw_time)(keys)
    np.testing.assert_allclose(np.unique(times), np.arange(1, 11) / 10, rtol=1e-6)
    process = diffusion.flow(location=-0.5, scale=0.7)
    times = np.asarray(jax.vmap(process.draw_time)(keys + 0))
    logits = np.log(times / (1 - times))
    np.testing.assert_allclose([logits.mean(), logits.std()], [-0.5, 0.7], atol=0.05)


@pytest.mark.parametrize("t", TIMES)
def test_clean_and_noise_read_off_what_was_mixed(process, t):
    generator = np.random.default_rng(0)
    clean, draw = generator.normal(size=(2, K))
    signal, noise = process.levels(jnp.asarray(t))
    noisy = signal * clean + noise * draw
    for prediction in (clean, draw):  # The process takes the one it asks for.
        if process.loss(prediction, clean, draw, t) == 0:
            found = process.clean(noisy, prediction, t)
            np.testing.assert_allclose(found, clean, rtol=1e-3, atol=1e-3)
            if t < 1.0 or process.levels(1.0)[0] > 0:
                found = process.noise(noisy, prediction, t)
                np.testing.assert_allclose(found, draw, rtol=1e-3, atol=1e-3)
            return
    raise AssertionError("neither the clean weights nor the draw are a perfect guess")
