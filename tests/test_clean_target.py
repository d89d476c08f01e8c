import jax
import jax.numpy as jnp
import numpy as np
import pytest

from wsjax import diffusion
from wsjax.diffusion import train

K = 3
MEAN, SPREAD = np.array([1.0, -0.5, 0.0]), np.array([0.5, 2.0, 1.0])
TIMES = [0.002, 0.3, 0.77, 1.0]
START = np.array([0.7, -1.2, 1.5], np.float32)


def process():
    """HyperDiffusion's."""
    return diffusion.ddpm(steps=500, predicts="clean")


def mixed(t):
    """Clean weights, a draw, and the two mixed at time t."""
    clean, draw = np.random.default_rng(0).normal(size=(2, K))
    signal, noise = process().levels(jnp.asarray(t))
    return clean, draw, signal * clean + noise * draw


def best_clean(noisy, t):
    """E[clean | noisy] of a Gaussian."""
    signal, noise = process().levels(t)
    variance = (signal * SPREAD) ** 2 + noise**2
    return MEAN + signal * SPREAD**2 * (noisy - signal * MEAN) / variance


def best_noise(noisy, t):
    """E[draw | noisy] of the same."""
    signal, noise = process().levels(t)
    variance = (signal * SPREAD) ** 2 + noise**2
    return noise * (noisy - signal * MEAN) / variance


@pytest.mark.parametrize("t", TIMES)
def test_both_parts_are_read_off_the_clean_weights(t):
    clean, draw, noisy = mixed(t)
    np.testing.assert_array_equal(process().clean(noisy, clean, t), clean)
    np.testing.assert_allclose(process().noise(noisy, clean, t), draw, atol=1e-4)


@pytest.mark.parametrize("t", TIMES)
def test_the_parts_make_up_the_noisy_weights_whatever_was_predicted(t):
    _, _, noisy = mixed(t)
    guess = np.array([0.3, -2.0, 0.1], np.float32)
    signal, noise = process().levels(jnp.asarray(t))
    clean, draw = (part(noisy, guess, t) for part in (process().clean, process().noise))
    np.testing.assert_allclose(signal * clean + noise * draw, noisy, rtol=1e-5)


def test_the_noise_at_time_zero_is_finite():
    noisy = jnp.ones(K)
    assert np.all(np.isfinite(process().noise(noisy, 0.5 * noisy, 0.0)))


def test_the_loss_is_the_error_of_the_clean_weights():
    clean, draw, _ = mixed(0.3)
    assert process().loss(clean, clean, draw, 0.3) == 0
    guess = clean + np.array([0.0, 1.0, 2.0])
    np.testing.assert_allclose(
        process().loss(guess, clean, draw, 0.3), 5 / 3, rtol=1e-6
    )


def test_the_best_guess_of_a_gaussian_has_the_smallest_loss():
    keys = jax.random.split(jax.random.key(0), 300)
    data = MEAN[None] + SPREAD[None] * np.random.default_rng(0).normal(size=(300, K))

    def loss(key, clean, error):
        def denoise(noisy, t):
            return best_clean(noisy, t) + error

        return train.diffusion_loss(key, process(), denoise, clean)

    by_error = jax.vmap(jax.vmap(loss, (0, 0, None)), (None, None, 0))
    losses = jax.jit(by_error)(keys, data, jnp.array([0.0, 0.2, -0.2]))
    assert np.argmin(losses.mean(axis=1)) == 0


@pytest.mark.parametrize("steps", [1, 7, 500])
def test_an_oracle_of_one_point_is_sampled_exactly(steps):
    sampler = diffusion.ddim(process(), steps=steps)
    found = sampler(lambda noisy, t: jnp.asarray(MEAN, jnp.float32), START)
    np.testing.assert_array_equal(found, MEAN.astype(np.float32))


def test_ddim_takes_the_same_path_whichever_part_is_predicted():
    """The two best guesses are one guess, told as clean weights or as noise."""
    noise = diffusion.ddpm(steps=500)
    ends = [
        diffusion.ddim(process(), steps=25)(best_clean, START),
        diffusion.ddim(noise, steps=25)(best_noise, START),
    ]
    np.testing.assert_allclose(*ends, rtol=1e-3, atol=1e-3)
    assert np.abs(ends[0] - START).max() > 0.5


@pytest.mark.parametrize("t", TIMES)
def test_noise_is_predicted_if_nothing_is_said(t):
    clean, draw, noisy = mixed(t)
    default, named = diffusion.ddpm(), diffusion.ddpm(predicts="noise")
    for one in (default, named):
        np.testing.assert_array_equal(one.noise(noisy, draw, t), draw)
        assert one.loss(draw, clean, draw, t) == 0
    np.testing.assert_array_equal(
        default.clean(noisy, draw, t), named.clean(noisy, draw, t)
    )
    assert default.levels(t) == named.levels(t)


def test_what_is_predicted_changes_neither_times_nor_levels():
    noise, clean = diffusion.ddpm(steps=500), process()
    times = [
        jax.vmap(one.draw_time)(jax.random.split(jax.random.key(0), 50))
        for one in (noise, clean)
    ]
    np.testing.assert_array_equal(*times)
    levels = [jax.vmap(one.levels)(times[0]) for one in (noise, clean)]
    np.testing.assert_array_equal(*levels)


def test_other_targets_are_refused_with_the_choices():
    with pytest.raises(ValueError, match="'velocity'; choose 'noise' or 'clean'"):
        diffusion.ddpm(predicts="velocity")
