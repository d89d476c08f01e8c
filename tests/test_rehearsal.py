import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from wsjax import adapters, coords, fields, fit
from wsjax.fit import autodecoder, rehearsal
from wsjax.fit.accumulate import in_chunks
from wsjax.fit.losses import squared_error

B, STEPS = 4, 6


@pytest.fixture(scope="module")
def field():
    return fields.residual(width=6, blocks=1, channels=1, omega=3.0)


@pytest.fixture(scope="module")
def adapter():
    return adapters.by_name("mlora_asym", rank=2, start="skip", biases=True)


@pytest.fixture(scope="module")
def base(field):
    return field.init(jax.random.key(0))


@pytest.fixture(scope="module")
def task():
    """Coordinates and values of B smooth pictures."""
    points = coords.grid((5, 6))
    phases = np.arange(B)[:, None, None]
    return points, jnp.asarray(np.sin(3.0 * np.asarray(points)[None, :, :1] + phases))


def rehearsed(field, adapter, base, task, *, outer, inner=None, episodes=1, **options):
    options = {"steps": STEPS, "points": 8, "chunk": 2} | options
    inner = inner or fit.adam(learning_rate=0.05, steps=STEPS, final=0.1)
    episode = rehearsal.make_episode(field, adapter, inner, outer, **options)
    state = rehearsal.begin(base, adapter.init(jax.random.key(1), base), outer)
    losses = []
    for _ in range(episodes):
        state, found = episode(jax.random.key(2), state, *task)
        losses.append(found)
    return state, np.stack(losses)


def test_points_of_each_ones_own_rehearse_as_the_same_shared_ones(
    field, adapter, base, task
):
    points, values = task
    own = jnp.repeat(points[None], B, axis=0), values
    found = [
        rehearsed(field, adapter, base, each, outer=optax.sgd(0.01))
        for each in (task, own)
    ]
    np.testing.assert_allclose(found[1][1], found[0][1], rtol=1e-4)
    chex.assert_trees_all_close(found[1][0].base, found[0][0].base, atol=1e-5)


def test_gradients_in_chunks_are_those_of_the_whole_batch():
    def objective(shared, own, data):
        return jnp.mean(jnp.sin(shared * own) * data)

    shared, own, data = 0.7, jnp.arange(6.0), jnp.arange(6.0) ** 2
    whole = jax.value_and_grad(objective, argnums=(0, 1))(shared, own, data)
    for chunk in (1, 3, 6):
        found = in_chunks(objective, chunk=chunk)(shared, own, data)
        chex.assert_trees_all_close(found, whole, rtol=1e-5)


def test_a_base_that_stands_still_leaves_plain_fits(field, adapter, base, task):
    """With a zero outer step an episode is B independent fits of `make_fit`."""
    points, values = task
    state, losses = rehearsed(
        field, adapter, base, task, outer=optax.sgd(0.0), points=1, rate=1.0
    )
    chex.assert_trees_all_equal(state.base, base)
    start = adapter.init(jax.random.key(1), base)
    # One point that all agree on: nothing is left to chance. Unlike Adam, plain descent
    # sees how long a gradient is.
    one, inner = (points[:1], values[:, :1]), optax.sgd(0.05)
    options = {"outer": optax.sgd(0.0), "inner": inner, "points": 1, "rate": 1.0}
    state, _ = rehearsed(field, adapter, base, one, **options)
    single = fit.make_fit(field, adapter, inner, steps=STEPS)
    coordinates = jnp.broadcast_to(one[0], (B, *one[0].shape))
    lifted = jax.vmap(single, in_axes=((None, None), 0, 0))
    keys = jax.random.split(jax.random.key(3), B)
    weights, _ = lifted((base, start), keys, (coordinates, one[1]))
    mean = jax.tree.map(lambda x: x.mean(axis=0), weights)
    chex.assert_trees_all_close(state.start, mean, rtol=1e-3, atol=1e-5)


def test_rehearsal_makes_later_fits_better(field, adapter, base, task):
    """Against the same episodes on a base that stands still."""
    moving = autodecoder.adam(learning_rate=0.02, steps=60 * STEPS)
    options = {"episodes": 60, "points": 30}
    _, losses = rehearsed(field, adapter, base, task, outer=moving, **options)
    _, still = rehearsed(field, adapter, base, task, outer=optax.sgd(0.0), **options)
    assert losses[-10:, -1].mean() < 0.6 * still[-10:, -1].mean()


def test_frozen_entries_of_the_start_stay(field, adapter, base, task):
    outer = optax.adam(0.01)
    state, _ = rehearsed(field, adapter, base, task, outer=outer, episodes=2)
    start = adapter.init(jax.random.key(1), base)
    frozen = jax.tree.map(lambda x: ~x, adapter.free(base))
    moved = jax.tree.map(
        lambda x, y, f: np.any((x != y) & f), state.start, start, frozen
    )
    assert not any(jax.tree.leaves(moved))
    assert np.any(state.start["layer_1"]["b"] != start["layer_1"]["b"])


def test_every_episode_draws_its_own_points_by_its_number(field, adapter, base, task):
    """Nothing else changes from one to the next: neither the base nor the start."""
    still = {"outer": optax.sgd(0.0), "rate": 0.0, "episodes": 2}
    state, both = rehearsed(field, adapter, base, task, **still)
    assert int(state.episode) == 2
    assert both[0, 0] != both[1, 0]
    _, again = rehearsed(field, adapter, base, task, **still)
    np.testing.assert_array_equal(both, again)


@pytest.mark.parametrize("unit", [0.01, 100.0])
def test_the_base_descends_the_logarithm_of_the_loss(field, adapter, base, task, unit):
    """As decibels do: in whichever unit the loss is, the base learns the same."""

    def in_units(predicted, target):
        return unit * squared_error(predicted, target)

    options = {"outer": optax.sgd(0.01), "inner": optax.sgd(0.0)}
    expected, _ = rehearsed(field, adapter, base, task, **options)
    found, _ = rehearsed(field, adapter, base, task, loss=in_units, **options)
    moved = jax.tree.map(lambda x, y: np.abs(x - y).max(), expected.base, base)
    assert moved["layer_1"]["kernel"] > 1e-3
    chex.assert_trees_all_close(found.base, expected.base, atol=1e-5)


def test_a_base_that_fits_exactly_stays(field, adapter, base, task):
    """A loss of zero has no logarithm, but no slope either."""
    state, losses = rehearsed(
        field,
        adapter,
        base,
        task,
        outer=optax.sgd(0.01),
        loss=lambda x, y: 0.0 * x[0, 0],
    )
    assert not np.any(losses)
    chex.assert_trees_all_equal(state.base, base)


@pytest.mark.parametrize("chunk", [0, 3])
def test_a_chunk_that_does_not_divide_the_batch_is_refused(
    field, adapter, base, task, chunk
):
    with pytest.raises(ValueError, match=f"chunk={chunk} should divide the batch of 4"):
        rehearsed(field, adapter, base, task, outer=optax.sgd(0.01), chunk=chunk)
