"""The best linear denoiser, and networks that learn what it misses."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from wsjax import diffusion
from wsjax.diffusion.precondition import preconditioned

SPREAD = np.array([8.0, 1.0, 0.1], np.float32)
PROCESSES = {
    "flow": diffusion.flow(),
    "ddpm": diffusion.ddpm(),
    "ddpm_clean": diffusion.ddpm(predicts="clean"),
}


def pairs(process, t, n=200_000):
    """Noisy Gaussian numbers, and what the process wants to be told of them."""
    clean, draw = np.random.default_rng(0).normal(size=(2, n, 3))
    clean = clean * SPREAD
    signal, noise = process.levels(jnp.asarray(t))
    noisy = np.asarray(signal) * clean + np.asarray(noise) * draw
    of_draw = process.loss(draw[0], clean[0], draw[0], t) == 0
    return noisy, draw if of_draw else clean


@pytest.mark.parametrize("t", [0.05, 0.5, 0.95])
@pytest.mark.parametrize("name", PROCESSES)
def test_the_linear_prediction_is_that_of_least_squares(name, t):
    process = PROCESSES[name]
    noisy, wanted = pairs(process, t)
    slope, left = process.linear(jnp.asarray(t), SPREAD)
    best = (noisy * wanted).mean(axis=0) / np.square(noisy).mean(axis=0)
    np.testing.assert_allclose(slope, best, rtol=0.02, atol=2e-3)
    missed = (wanted - best * noisy).std(axis=0)
    np.testing.assert_allclose(left, missed, rtol=0.02, atol=2e-3)


@pytest.mark.parametrize("name", PROCESSES)
def test_at_the_ends_of_time_everything_is_finite(name):
    spread = np.array([8.0, 0.0], np.float32)
    for t in (0.0, 1.0):
        for x in PROCESSES[name].linear(jnp.asarray(t), spread):
            assert np.isfinite(x).all()


def test_a_network_of_zeros_denoises_a_gaussian_exactly():
    """Its samples have the deviations of the data, whatever these are."""
    process = diffusion.flow()

    def nothing(params, noisy, t, label, key):
        return jnp.zeros_like(noisy)

    apply = preconditioned(process, nothing, SPREAD)
    draw = diffusion.heun(process, steps=64, spacing="cosine")
    start = jax.random.normal(jax.random.key(0), (4000, 3))
    ends = jax.vmap(lambda z: draw(lambda x, t: apply((), x, t, -1, None), z))(start)
    found = np.std(ends, axis=0) / np.std(start, axis=0)
    np.testing.assert_allclose(found, SPREAD, rtol=0.01)


@pytest.mark.parametrize("t", [0.1, 0.9])
def test_networks_see_and_are_asked_for_numbers_of_length_one(t):
    process, seen = diffusion.flow(), []

    def network(params, noisy, t, label, key):
        seen.append(noisy)
        return params

    spread = np.ones(3, np.float32)
    apply = preconditioned(process, network, spread)
    clean, draw = np.random.default_rng(0).normal(size=(2, 50_000, 3))
    noisy = (1 - t) * clean + t * draw
    slope, left = map(np.asarray, process.linear(jnp.asarray(t), spread))
    asked = (clean - slope * noisy) / left
    assert np.std(asked) == pytest.approx(1.0, rel=0.02)
    apply(jnp.ones(3), jnp.asarray(noisy[0]), jnp.asarray(t), -1, None)
    np.testing.assert_allclose(seen[0] * np.std(noisy), noisy[0], rtol=0.02)
