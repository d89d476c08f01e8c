import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.known_flows import MEAN, SPREAD, K, exact
from wsjax import diffusion
from wsjax.diffusion import train

TIMES = [0.02, 0.3, 0.77, 1.0]


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
    times = jax.vmap(diffusion.ddpm(steps=10).draw_time)(keys)
    np.testing.assert_allclose(np.unique(times), np.arange(1, 11) / 10, rtol=1e-6)
    process = diffusion.flow(location=-0.5, scale=0.7)
    times = np.asarray(
        jax.vmap(process.draw_time)(jax.random.split(jax.random.key(1), 4000))
    )
    logits = np.log(times / (1 - times))
    np.testing.assert_allclose([logits.mean(), logits.std()], [-0.5, 0.7], atol=0.05)


def mixed(process, t):
    """Clean weights, a draw, and the two mixed at time t."""
    clean, draw = np.random.default_rng(0).normal(size=(2, K))
    signal, noise = process.levels(jnp.asarray(t))
    return clean, draw, signal * clean + noise * draw


@pytest.mark.parametrize("t", TIMES)
def test_ddpm_reads_both_parts_off_the_draw(t):
    process = diffusion.ddpm()
    clean, draw, noisy = mixed(process, t)
    assert process.loss(draw, clean, draw, t) == 0
    np.testing.assert_allclose(process.clean(noisy, draw, t), clean, atol=1e-3)
    np.testing.assert_allclose(process.noise(noisy, draw, t), draw, atol=1e-6)


@pytest.mark.parametrize("t", TIMES)
def test_flow_reads_both_parts_off_the_clean_weights(t):
    process = diffusion.flow()
    clean, draw, noisy = mixed(process, t)
    assert process.loss(clean, clean, draw, t) == 0
    np.testing.assert_allclose(process.clean(noisy, clean, t), clean, atol=1e-6)
    np.testing.assert_allclose(process.noise(noisy, clean, t), draw, atol=1e-4)


def test_ddpm_loss_is_the_error_of_the_noise():
    guess = np.array([0.0, 1.0, 2.0])
    loss = diffusion.ddpm().loss(guess, None, np.ones(K), 0.5)
    np.testing.assert_allclose(loss, 2 / 3, rtol=1e-6)


@pytest.mark.parametrize("t", TIMES)
def test_flow_loss_is_the_error_of_the_velocity(t):
    process = diffusion.flow(floor=0.1)
    clean, draw, noisy = mixed(process, t)
    guess = clean + np.array([0.3, -0.1, 0.2])
    velocity = process.noise(noisy, guess, t) - process.clean(noisy, guess, t)
    error = np.mean(np.square(velocity - (draw - clean))) * min(t / 0.1, 1.0) ** 2
    np.testing.assert_allclose(process.loss(guess, clean, draw, t), error, rtol=1e-2)


@pytest.mark.parametrize("name", diffusion.PROCESSES)
def test_the_best_guess_of_a_gaussian_has_the_smallest_loss(name):
    process = diffusion.PROCESSES[name]()
    keys = jax.random.split(jax.random.key(0), 300)
    data = MEAN[None] + SPREAD[None] * np.random.default_rng(0).normal(size=(300, K))

    def loss(key, clean, error):
        def denoise(noisy, t):
            return exact(process, noisy, t)[name == "ddpm"] + error

        return train.diffusion_loss(key, process, denoise, clean)

    by_error = jax.vmap(jax.vmap(loss, (0, 0, None)), (None, None, 0))
    losses = jax.jit(by_error)(keys, data, jnp.array([0.0, 0.2, -0.2]))
    assert np.argmin(losses.mean(axis=1)) == 0
