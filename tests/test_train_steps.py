"""Steps of a training: what they draw, average and are told."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from tests.known_flows import MEAN, SPREAD, K
from wsjax import diffusion
from wsjax.diffusion import train

DECAYS = (0.75, 0.05)


def scaled(params, noisy, t, label, key):
    """A denoiser of 2 K parameters with dropout."""
    if key is not None:
        noisy = jnp.where(jax.random.bernoulli(key, 0.9, noisy.shape), noisy, 0.0)
    return params["gain"] * noisy * (1.0 - t) + params["shift"]


def parameters():
    return {"gain": jnp.zeros(K), "shift": jnp.zeros(K)}


@pytest.fixture(scope="module")
def tx():
    return optax.adam(0.03)


@pytest.fixture(scope="module")
def advance(tx):
    return train.make_advance(
        diffusion.flow(), scaled, tx, batch=16, decays=DECAYS, jitter=0.01
    )


@pytest.fixture(scope="module")
def data():
    rows = np.random.default_rng(0).normal(size=(20, K))
    return jnp.asarray(MEAN[None] + SPREAD[None] * rows, jnp.float32)


def unlabelled(data):
    return train.Examples(data, jnp.full(len(data), -1))


def trained(advance, tx, data, *, steps, calls=1):
    state, losses = train.start(parameters(), tx, averages=2), []
    for _ in range(calls):
        state, part = advance(jax.random.key(1), state, unlabelled(data), steps=steps)
        losses.append(part)
    return state, np.concatenate(losses)


def test_two_halves_of_a_training_are_the_whole_bit_for_bit(advance, tx, data):
    halves = trained(advance, tx, data, steps=3, calls=2)
    whole = trained(advance, tx, data, steps=6)
    chex.assert_trees_all_equal(halves, whole)
    assert whole[0].step == 6
    assert len(np.unique(whole[1])) == 6


def test_averages_are_what_their_decays_say(advance, tx, data):
    """Decays begin low and rise to what was asked for: 0.1, 2/11, 3/12 ..."""
    state = train.start(parameters(), tx, averages=2)
    expected = np.zeros((2, K))
    for step in range(30):
        state, _ = advance(jax.random.key(1), state, unlabelled(data), steps=1)
        now, warm = state.params["shift"], (1 + step) / (10 + step)
        for i, decay in enumerate(DECAYS):
            share = min(decay, warm)
            expected[i] = share * expected[i] + (1 - share) * now
        found = [average["shift"] for average in state.averages]
        np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_a_start_leaves_the_caller_the_parameters(advance, tx, data):
    params = parameters()
    state = train.start(params, tx, averages=2)
    advance(jax.random.key(1), state, unlabelled(data), steps=1)
    assert np.all(params["gain"] == 0)  # Donated arrays cannot be read.


def test_every_step_draws_anew_and_jitters_the_data(data):
    """A perfect guess of still data is off by the jitter, however it is trained."""

    def still(params, noisy, t, label, key):
        return data[0] + params["shift"]

    tx = optax.sgd(0.0)
    advance = train.make_advance(
        diffusion.flow(floor=1.0), still, tx, batch=99, decays=(0.9, 0.9), jitter=0.1
    )
    same = jnp.tile(data[:1], (4, 1))
    _, losses = trained(advance, tx, same, steps=5)
    assert len(np.unique(losses)) == 5
    np.testing.assert_allclose(losses.mean(), 0.1**2, rtol=0.15)


def told(params, noisy, t, label, key):
    """Says the label it is told, everywhere."""
    return jnp.full(K, label, jnp.float32)


def test_every_example_is_told_its_own_label():
    labels = jnp.arange(5)
    data = jnp.broadcast_to(labels[:, None], (5, K)).astype(jnp.float32)
    process, tx = diffusion.flow(floor=1.0), optax.sgd(0.0)
    advance = train.make_advance(process, told, tx, batch=50, decays=DECAYS)
    state = train.start(parameters(), tx, averages=2)
    _, losses = advance(jax.random.key(0), state, train.Examples(data, labels), steps=3)
    assert np.all(losses == 0)
    score = train.make_score(process, told, draws=2)
    assert score(jax.random.key(0), {}, train.Examples(data, labels)) == 0
    assert score(jax.random.key(0), {}, train.Examples(data, labels + 2)) == 4


def test_labels_are_dropped_as_often_as_asked():
    """Who says -1 where 0 is right has an error of one."""
    data, labels = jnp.zeros((5, K)), jnp.zeros(5, int)
    process, tx = diffusion.flow(floor=1.0), optax.sgd(0.0)
    advance = train.make_advance(
        process, told, tx, batch=1000, decays=DECAYS, drop_label=0.3
    )
    state = train.start(parameters(), tx, averages=2)
    _, losses = advance(
        jax.random.key(0), state, train.Examples(data, labels), steps=20
    )
    np.testing.assert_allclose(losses.mean(), 0.3, atol=0.02)
    assert np.ptp(losses) > 0


def test_training_lowers_the_score(advance, tx, data):
    score = train.make_score(diffusion.flow(), scaled, draws=5)
    state, _ = trained(advance, tx, data, steps=3, calls=60)
    before, after = (
        score(jax.random.key(0), params, unlabelled(data))
        for params in (parameters(), state.averages[0])
    )
    assert after < 0.8 * before


def test_a_score_has_no_dropout_and_depends_on_its_key_alone(data):
    def strict(params, noisy, t, label, key):
        assert key is None
        return scaled(params, noisy, t, label, key)

    score = train.make_score(diffusion.flow(), strict, draws=3)
    first, again, other = (
        score(jax.random.key(i), parameters(), unlabelled(data)) for i in (0, 0, 1)
    )
    assert first == again != other


def test_a_score_is_the_mean_over_examples_and_draws(data):
    """A denoiser that is off by one everywhere has a mean squared error of one."""

    def off_by_one(params, noisy, t, label, key):
        signal, noise = process.levels(t)
        return (noisy - signal * data[0]) / noise + 1.0

    process = diffusion.ddpm()
    score = train.make_score(process, off_by_one, draws=4)
    same = jnp.tile(data[:1], (5, 1))
    found = score(jax.random.key(0), {}, unlabelled(same))
    np.testing.assert_allclose(found, 1.0, rtol=1e-2)


def test_every_example_of_a_score_has_noise_of_its_own(data):
    """So the score of many examples varies less: by their number, over the keys."""
    process = diffusion.flow()

    def spread(n):
        score = train.make_score(process, scaled, draws=1)
        examples = unlabelled(jnp.tile(data[:1], (n, 1)))
        keys = jax.random.split(jax.random.key(0), 200)
        return np.std([score(key, parameters(), examples) for key in keys])

    np.testing.assert_allclose(spread(64), spread(1) / 8, rtol=0.3)
