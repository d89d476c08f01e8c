import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.known_flows import MEAN, SPREAD, denoiser, end_point
from wsjax import diffusion

START = np.array([0.7, -1.2, 1.5], np.float32)
CLASS = MEAN + np.array([0.5, 1.0, -1.0])  # Where the Gaussian of the label lies.


def pair(name, process):
    """Exact denoisers with the label and without, of Gaussians of equal spread."""
    return denoiser(name, process, CLASS), denoiser(name, process, MEAN)


@pytest.mark.parametrize("name", diffusion.PROCESSES)
@pytest.mark.parametrize("weight", [0.0, 0.5, 1.0, 3.0])
def test_guidance_between_gaussians_moves_the_mean_by_its_weight(name, weight):
    """`weight` times the way from the mean of all to that of the label."""
    process = diffusion.PROCESSES[name]()
    denoise = diffusion.guided(*pair(name, process), weight=weight)
    found = diffusion.heun(process, steps=50)(denoise, START)
    expected = end_point(process, START, mean=MEAN + weight * (CLASS - MEAN))
    np.testing.assert_allclose(found, expected, atol=1e-2)


def test_a_weight_of_one_is_the_label_alone_to_the_last_bit():
    process = diffusion.flow()
    known, _ = pair("flow", process)

    def unknown(noisy, t):
        return jnp.float32(1 / 3) * noisy

    noisy = jax.random.normal(jax.random.key(0), (3,))
    found = diffusion.guided(known, unknown, weight=1.0)(noisy, 0.7)
    np.testing.assert_array_equal(found, known(noisy, 0.7))


@pytest.mark.parametrize("t", [0.1, 0.3, 0.5, 0.6, 0.9])
def test_guidance_acts_in_its_interval_alone(t):
    process = diffusion.flow()
    known, unknown = pair("flow", process)
    denoise = diffusion.guided(known, unknown, weight=2.0, low=0.3, high=0.6)
    inside = 0.3 <= t <= 0.6
    expected = known(START, t) + inside * (known(START, t) - unknown(START, t))
    found = jax.jit(denoise)(START, jnp.float32(t))
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_outside_of_the_interval_nothing_is_computed_without_the_label():
    process, asked = diffusion.flow(), []
    known, unknown = pair("flow", process)

    def watched(noisy, t):
        asked.append(float(t))
        return unknown(noisy, t)

    denoise = diffusion.guided(known, watched, weight=2.0, low=0.25, high=0.5)
    with jax.disable_jit():
        diffusion.ddim(process, steps=8)(denoise, START)
    assert asked == [0.5, 0.375, 0.25]


@pytest.mark.parametrize("weight", [1.5, 3.0])
def test_guidance_narrows_what_is_wider_without_the_label(weight):
    """Noise-free, all starts end where the label says it more plainly than others."""
    process = diffusion.flow()

    def wider(noisy, t):
        signal, noise = process.levels(t)
        wide = 2.0 * SPREAD
        variance = (signal * wide) ** 2 + noise**2
        return MEAN + signal * wide**2 * (noisy - signal * MEAN) / variance

    starts = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)

    def spread(weight):
        denoise = diffusion.guided(denoiser("flow", process), wider, weight=weight)
        sampler = diffusion.heun(process, steps=30)
        return jax.jit(jax.vmap(lambda x: sampler(denoise, x)))(starts).std(axis=0)

    assert np.all(spread(weight) < 0.9 * spread(1.0))


def test_an_empty_interval_is_refused():
    with pytest.raises(ValueError, match=r"from 0\.6 to 0\.3: no time"):
        diffusion.guided(None, None, weight=2.0, low=0.6, high=0.3)


@pytest.mark.parametrize("weight", [-2.0, 1e9, float("nan")])
def test_a_weight_that_no_sample_survives_is_refused(weight):
    with pytest.raises(ValueError, match="weight=.* between 0 and 100"):
        diffusion.guided(None, None, weight=weight)
