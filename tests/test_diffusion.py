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


def exact(process, noisy, t):
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


@pytest.mark.parametrize(
    ("name", "sampler", "steps", "order"),
    [
        ("ddpm", "ddim", (25, 50, 100), 1),
        ("flow", "ddim", (25, 50, 100), 1),
        ("flow", "heun", (16, 32, 64), 2),
    ],
)
def test_samplers_converge_to_the_exact_flow_of_a_gaussian(name, sampler, steps, order):
    process = diffusion.PROCESSES[name]()
    start = np.array([0.7, -1.2, 1.5], np.float32)

    def denoise(noisy, t):
        return exact(process, noisy, t)[name == "ddpm"]

    ends = [
        diffusion.SAMPLERS[sampler](process, steps=s)(denoise, start) for s in steps
    ]
    errors = [np.linalg.norm(end - end_point(process, start)) for end in ends]
    assert errors[-1] < 0.1
    np.testing.assert_allclose(np.divide(errors[1:], errors[:-1]), 0.5**order, rtol=0.2)


def scaled(params, noisy, t, key):
    """A denoiser of K + 1 parameters with dropout."""
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
        diffusion.flow(), scaled, tx, batch=16, decay=0.75, jitter=0.01
    )


@pytest.fixture(scope="module")
def data():
    rows = np.random.default_rng(0).normal(size=(20, K))
    return jnp.asarray(MEAN[None] + SPREAD[None] * rows, jnp.float32)


def trained(advance, tx, data, *, steps, calls=1):
    state, losses = train.start(parameters(), tx), []
    for _ in range(calls):
        state, part = advance(jax.random.key(1), state, data, steps=steps)
        losses.append(part)
    return state, np.concatenate(losses)


def test_two_halves_of_a_training_are_the_whole_bit_for_bit(advance, tx, data):
    halves = trained(advance, tx, data, steps=3, calls=2)
    whole = trained(advance, tx, data, steps=6)
    chex.assert_trees_all_equal(halves, whole)
    assert whole[0].step == 6
    assert len(np.unique(whole[1])) == 6


def test_one_step_moves_the_average_by_its_decay(advance, tx, data):
    state, _ = trained(advance, tx, data, steps=1)
    quarter = jax.tree.map(lambda x: 0.25 * x, state.params)  # It started at zero.
    chex.assert_trees_all_close(state.average, quarter, rtol=1e-5)
    assert np.all(state.params["shift"] != 0)


def test_every_step_draws_anew_and_jitters_the_data(data):
    """A perfect guess of still data is off by the jitter, however it is trained."""

    def still(params, noisy, t, key):
        return data[0] + params["shift"]

    tx = optax.sgd(0.0)
    advance = train.make_advance(
        diffusion.flow(floor=1.0), still, tx, batch=99, decay=0.9, jitter=0.1
    )
    same = jnp.tile(data[:1], (4, 1))
    _, losses = trained(advance, tx, same, steps=5)
    assert len(np.unique(losses)) == 5
    np.testing.assert_allclose(losses.mean(), 0.1**2, rtol=0.15)


def test_training_lowers_the_score(advance, tx, data):
    score = train.make_score(diffusion.flow(), scaled, draws=5)
    state, _ = trained(advance, tx, data, steps=3, calls=60)
    before, after = (
        score(jax.random.key(0), params, data)
        for params in (parameters(), state.average)
    )
    assert after < 0.8 * before


def test_a_score_has_no_dropout_and_depends_on_its_key_alone(data):
    def strict(params, noisy, t, key):
        assert key is None
        return scaled(params, noisy, t, key)

    score = train.make_score(diffusion.flow(), strict, draws=3)
    first, again, other = (
        score(jax.random.key(i), parameters(), data) for i in (0, 0, 1)
    )
    assert first == again != other


def test_a_score_is_the_mean_over_examples_and_draws(data):
    """A denoiser that is off by one everywhere has a mean squared error of one."""

    def off_by_one(params, noisy, t, key):
        signal, noise = process.levels(t)
        return (noisy - signal * data[0]) / noise + 1.0

    process = diffusion.ddpm()
    score = train.make_score(process, off_by_one, draws=4)
    same = jnp.tile(data[:1], (5, 1))
    np.testing.assert_allclose(score(jax.random.key(0), {}, same), 1.0, rtol=1e-2)
