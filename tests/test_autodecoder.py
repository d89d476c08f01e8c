import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from wsjax import coords, fields
from wsjax.fit import autodecoder

N, DECAY, PENALTY = 3, 0.75, 0.5


def make_advance(network, tx, *, chunk=1):
    return autodecoder.make_advance(
        network, tx, penalty=PENALTY, decay=DECAY, chunk=chunk
    )


@pytest.fixture(scope="module")
def network():
    return fields.modulated(
        width=8, blocks=1, channels=1, omega=3.0, latent_dim=4, style_dim=5
    )


@pytest.fixture(scope="module")
def task():
    """Coordinates and values of N smooth pictures."""
    points = coords.grid((4, 5))
    phases = np.arange(N)[:, None, None]
    return points, jnp.asarray(np.sin(3.0 * np.asarray(points)[None, :, :1] + phases))


@pytest.fixture(scope="module")
def tx():
    return optax.adam(0.02)


@pytest.fixture(scope="module")
def advance(network, tx):
    return make_advance(network, tx)


@pytest.fixture(scope="module")
def fresh(network, tx):
    """Makes the same state each time, since a step donates the one it is given."""
    initial = jax.jit(
        lambda key: autodecoder.start(key, network, tx, n=N, latent_dim=4)
    )(jax.random.key(0))
    return lambda: jax.tree.map(jnp.copy, initial)


def trained(advance, state, task, *, steps, calls=1, points=None):
    losses = []
    for _ in range(calls):
        state, part = advance(
            jax.random.key(1), state, *task, batch=2, points=points, steps=steps
        )
        losses.append(part)
    return state, np.concatenate(losses)


def test_training_lowers_the_loss(advance, fresh, task):
    state, losses = trained(advance, fresh(), task, steps=3, calls=40)
    assert losses.shape == (120,)
    assert state.step == 120
    assert losses[-20:].mean() < 0.2 * losses[:20].mean()
    # Every instance was drawn at some step.
    moved = state.trained["latents"] != fresh().trained["latents"]
    assert np.all(np.any(moved, axis=1))


def repeated(task):
    """The same task, each instance with the coordinates as its own."""
    points, values = task
    return jnp.repeat(points[None], len(values), axis=0), values


@pytest.mark.parametrize("points", [None, 7])
def test_points_of_each_ones_own_train_as_the_same_shared_ones(
    advance, fresh, task, points
):
    shared = trained(advance, fresh(), task, steps=3, points=points)
    own = trained(advance, fresh(), repeated(task), steps=3, points=points)
    chex.assert_trees_all_close(own[1], shared[1], rtol=1e-4)
    chex.assert_trees_all_close(own[0].trained, shared[0].trained, atol=1e-4)


def test_an_instance_is_trained_at_its_own_points(advance, fresh, task):
    """Values that are moved along with their points are the same signal."""
    points, values = repeated(task)
    turns = np.random.default_rng(0).permuted(
        np.tile(np.arange(values.shape[1]), (N, 1)), axis=1
    )[..., None]
    moved = tuple(jnp.take_along_axis(x, turns, axis=1) for x in (points, values))
    wrong = points, moved[1]
    losses = [
        trained(advance, fresh(), each, steps=3)[1]
        for each in ((points, values), moved, wrong)
    ]
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-4)
    assert np.abs(losses[2] / losses[0] - 1).max() > 1e-3


def test_two_halves_of_a_training_are_the_whole_bit_for_bit(advance, fresh, task):
    halves = trained(advance, fresh(), task, steps=3, calls=2)
    whole = trained(advance, fresh(), task, steps=6)
    chex.assert_trees_all_equal(halves, whole)


@pytest.mark.parametrize(("points", "own"), [(None, True), (7, False)])
def test_instances_that_are_read_ahead_train_as_all_of_them_bit_for_bit(
    advance, fresh, task, points, own
):
    """Each call is given nothing but what its own steps draw."""
    places, values = repeated(task) if own else task
    state, losses = fresh(), []
    for _ in range(2):
        sizes = {"n": N, "batch": 2, "steps": 3}
        rows = autodecoder.drawn(jax.random.key(1), state.step, **sizes)
        ahead = places[rows] if own else places, values[rows]
        state, part = trained(advance, state, ahead, steps=3, points=points)
        losses.append(part)
    whole = trained(advance, fresh(), (places, values), steps=6, points=points)
    chex.assert_trees_all_equal((state, np.concatenate(losses)), whole)


def test_one_step_moves_the_average_by_its_decay(advance, fresh, task):
    before = fresh()
    after, _ = trained(advance, fresh(), task, steps=1)
    expected = jax.tree.map(
        lambda old, new: DECAY * old + (1 - DECAY) * new, before.average, after.trained
    )
    chex.assert_trees_all_close(after.average, expected, rtol=1e-5, atol=1e-7)
    chex.assert_trees_all_equal(before.average, before.trained)


def test_the_objective_is_the_error_plus_the_penalty(network, advance, fresh, task):
    """Equation 4; with N equal instances it does not matter which are drawn."""
    points, values = task
    state = fresh()
    latent = np.array([1.0, -2.0, 0.5, 3.0], np.float32)
    same = {**state.trained, "latents": jnp.tile(latent, (N, 1))}
    target = jnp.tile(values[:1], (N, 1, 1))
    code = network.style(same["params"], latent)
    folded = network.fold(same["params"], code)
    rendered = jax.vmap(network.field.apply, (None, 0))(folded, points)
    expected = np.mean(np.square(rendered - target[0])) + PENALTY * np.sum(latent**2)
    _, losses = trained(advance, state.replace(trained=same), (points, target), steps=1)
    np.testing.assert_allclose(losses[0], expected, rtol=1e-4)


def test_the_chunk_changes_nothing_but_speed(network, tx, advance, fresh, task):
    one = trained(advance, fresh(), task, steps=2)
    both = trained(make_advance(network, tx, chunk=2), fresh(), task, steps=2)
    chex.assert_trees_all_close(one, both, rtol=1e-3, atol=1e-5)


def test_points_are_drawn_anew_and_belong_to_their_values(
    network, advance, fresh, task
):
    """A picture that every point agrees on has one loss, whichever points are drawn."""
    points, values = task
    state = fresh()
    _, few = trained(advance, state, (points[:1], values[:, :1]), steps=2, points=6)
    _, one = trained(advance, fresh(), (points[:1], values[:, :1]), steps=2)
    np.testing.assert_allclose(few, one, rtol=1e-5)
    _, losses = trained(advance, fresh(), task, steps=2, points=2)
    _, whole = trained(advance, fresh(), task, steps=2)
    assert np.all(np.abs(losses / whole - 1) > 1e-4)


def test_latents_start_small_and_different(fresh):
    latents = np.asarray(fresh().trained["latents"])
    assert latents.shape == (N, 4)
    assert 0.03 < latents.std() < 0.3


def test_mean_base_is_the_fold_of_the_mean_style(network, fresh):
    trained = fresh().trained
    codes = [network.style(trained["params"], z) for z in trained["latents"]]
    expected = network.fold(trained["params"], np.mean(codes, axis=0))
    base = jax.jit(lambda t: autodecoder.mean_base(network, t))(trained)
    chex.assert_trees_all_close(base, expected, rtol=1e-5, atol=1e-6)


def test_reconstruct_renders_every_instance_from_its_latent(network, fresh, task):
    trained, points = fresh().trained, task[0]
    found = autodecoder.reconstruct(network, trained, points)
    assert found.shape == task[1].shape
    for i in (0, 2):
        code = network.style(trained["params"], trained["latents"][i])
        folded = network.fold(trained["params"], code)
        value = network.field.apply(folded, points[7])
        np.testing.assert_allclose(found[i, 7], value, rtol=1e-4, atol=1e-5)


def test_adam_warms_up_and_anneals_to_zero():
    tx = autodecoder.adam(learning_rate=0.1, steps=40)
    state, sizes = tx.init(jnp.zeros(())), []
    update_once = jax.jit(tx.update)
    for _ in range(41):  # With a constant gradient Adam's update is its learning rate.
        update, state = update_once(jnp.ones(()), state)
        sizes.append(-float(update))
    np.testing.assert_allclose(sizes[:3], [0.0, 0.05, 0.1], rtol=1e-4)
    assert np.all(np.diff(sizes[2:]) < 0)
    np.testing.assert_allclose(sizes[-1], 0.0, atol=1e-6)


def test_a_lower_resolution_is_the_mean_over_blocks():
    pixels = np.random.default_rng(0).random((2, 4, 6, 3))
    points, values = autodecoder.at_resolution(pixels, 2)
    assert (points.shape, values.shape) == ((6, 2), (2, 6, 3))
    np.testing.assert_allclose(points, coords.grid((2, 3)))
    for i, (row, column) in enumerate(np.ndindex(2, 3)):
        block = pixels[:, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
        expected = 2.0 * block.mean(axis=(1, 2)) - 1.0
        np.testing.assert_allclose(values[:, i], expected, rtol=1e-5, atol=1e-6)


def test_full_resolution_is_the_pictures_themselves():
    pixels = np.random.default_rng(0).random((2, 3, 5, 1))
    _, values = autodecoder.at_resolution(pixels, 1)
    expected = 2.0 * pixels.reshape(2, 15, 1) - 1.0
    np.testing.assert_allclose(values, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("factor", [3, 4])
def test_a_factor_that_does_not_divide_the_sides_is_refused(factor):
    with pytest.raises(ValueError, match=rf"factor {factor} .*\(4, 6\)"):
        autodecoder.at_resolution(np.zeros((1, 4, 6, 1)), factor)
