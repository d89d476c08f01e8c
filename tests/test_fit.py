import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from wsjax import adapters, coords, fields, tree
from wsjax.fields import render
from wsjax.fit import adam, make_fit, over_instances
from wsjax.fit.consensus import consensus
from wsjax.fit.instance import finite

N, STEPS = 5, 150


def keys(n=N):
    return jax.random.split(jax.random.key(2), n)


@pytest.fixture(scope="module")
def problem():
    """A base, one start, and N signals that the adapter can represent."""
    field = fields.residual(width=8, blocks=1, channels=1, omega=3.0)
    adapter = adapters.mlora(rank=2, spread=0.1)
    base = jax.jit(field.init)(jax.random.key(0))
    start = jax.jit(adapter.init)(jax.random.key(1), base)
    generator = np.random.default_rng(0)

    def moved(x):
        noise = generator.normal(size=(N, *x.shape)).astype(np.float32)
        return np.asarray(x) + 0.1 * noise

    points = coords.grid((5, 7))
    targets = jax.tree.map(moved, start)
    draw = jax.jit(jax.vmap(lambda w: render(field, adapter.merge(base, w), points)))
    signals = (jnp.tile(points, (N, 1, 1)), draw(targets))
    return field, adapter, (base, start), signals


@pytest.fixture(scope="module")
def fit_one(problem):
    field, adapter, _, _ = problem
    tx = adam(learning_rate=0.02, steps=STEPS)
    return make_fit(field, adapter, tx, steps=STEPS)


@pytest.fixture(scope="module")
def by_loop(problem, fit_one):
    """`(weights, traces)` of all instances from a plain Python loop."""
    _, _, shared, signals = problem
    fit = jax.jit(fit_one)
    fits = [fit(shared, key, tree.row(signals, i)) for i, key in enumerate(keys())]
    return jax.tree.map(lambda *xs: np.stack(xs), *fits)


@pytest.fixture(scope="module")
def lifted(fit_one):
    return over_instances(fit_one, chunk=2)


@pytest.fixture(scope="module")
def by_lift(problem, lifted):
    _, _, shared, signals = problem
    return lifted(shared, keys(), signals)


def test_a_field_that_the_adapter_can_represent_is_recovered(problem, by_loop):
    field, adapter, (base, _), (points, values) = problem
    weights, traces = by_loop
    assert np.all(traces[:, -1] < 1e-2 * traces[:, 0])
    merged = adapter.merge(base, tree.row(weights, 0))
    error = np.mean(np.square(render(field, merged, points[0]) - values[0]))
    assert 10 * np.log10(4 / error) > 45


def test_the_trace_begins_with_the_loss_of_the_start(problem, by_loop):
    field, adapter, (base, start), (points, values) = problem
    rendered = render(field, adapter.merge(base, start), points[0])
    losses = np.mean(np.square(rendered[None] - values), axis=(1, 2))
    assert by_loop[1].shape == (N, STEPS)
    np.testing.assert_allclose(by_loop[1][:, 0], losses, rtol=1e-4)


def test_lifted_fits_equal_a_loop(by_lift, by_loop):
    chex.assert_trees_all_close(by_lift, by_loop, rtol=1e-3, atol=1e-4)


def test_a_row_depends_on_its_own_instance_alone(problem, lifted, by_lift):
    _, _, shared, (points, values) = problem
    others = np.array(values)[[4, 1, 0, 3, 2]]
    again = lifted(shared, keys(), (points, others))
    for i in (1, 3):
        chex.assert_trees_all_equal(tree.row(again, i), tree.row(by_lift, i))
    assert not np.array_equal(again[1][0], by_lift[1][0])


def test_nothing_needs_to_be_shared():
    rows = np.arange(12.0, dtype=np.float32)
    found = over_instances(lambda _, x, y: x - y, chunk=3)((), 3 * rows, rows)
    np.testing.assert_array_equal(found, 2 * rows)


def test_the_size_of_a_group_does_not_change_a_bit(problem, fit_one, by_lift):
    _, _, shared, signals = problem
    grouped = over_instances(fit_one, chunk=2, group=16)  # Two chunks per device.
    chex.assert_trees_all_equal(grouped(shared, keys(), signals), by_lift)


def toy(shared, x):
    return {"value": jnp.sin(shared @ x)}


@pytest.fixture(scope="module")
def numbers():
    generator = np.random.default_rng(0)
    shared = generator.normal(size=(7, 7)).astype(np.float32)
    return shared, generator.normal(size=(11, 7)).astype(np.float32)


def test_any_number_of_instances_needs_one_compilation(numbers):
    shared, rows = numbers
    chex.clear_trace_counter()
    counted = chex.assert_max_traces(lambda *args: toy(*args), n=1)
    lifted = over_instances(counted, chunk=1, group=9)
    for n in (1, 9, 11):
        found = lifted(shared, rows[:n])["value"]
        np.testing.assert_allclose(found, np.sin(rows[:n] @ shared.T), atol=1e-5)


def test_stacks_of_no_or_of_different_length_are_refused(numbers):
    shared, rows = numbers
    lifted = over_instances(toy)
    with pytest.raises(ValueError, match=r"one leading axis N > 0, got \[0\]"):
        lifted(shared, rows[:0])
    with pytest.raises(ValueError, match=r"one leading axis N > 0, got \[3, 4\]"):
        lifted(shared, {"x": rows[:3], "y": rows[:4]})


def test_the_pull_holds_the_weights_at_the_start(problem):
    field, adapter, shared, signals = problem
    start, signal = shared[1], tree.row(signals, 0)

    def squared_way(pull):
        fit = make_fit(field, adapter, optax.sgd(1e-4), steps=20, pull=pull)
        weights, trace = fit(shared, jax.random.key(0), signal)
        return tree.squared_distance(weights, start), trace

    (free, held), traces = jax.jit(jax.vmap(squared_way))(jnp.array([0.0, 4e3]))
    assert held < free / 100
    # The trace is the error alone, without the pull.
    np.testing.assert_allclose(traces[0, 0], traces[1, 0], rtol=1e-6)


def test_random_points_are_a_function_of_the_key(problem):
    field, adapter, shared, signals = problem
    fit = jax.jit(make_fit(field, adapter, optax.adam(0.01), steps=3, points=4))
    signal = tree.row(signals, 0)
    first, again, other = (fit(shared, jax.random.key(i), signal) for i in (0, 0, 1))
    chex.assert_trees_all_equal(first, again)
    assert not np.any(first[1] == other[1])


def test_points_are_drawn_with_their_own_values(problem):
    """A signal that the start renders exactly has no loss at any point."""
    field, adapter, (base, start), ((points, *_), _) = problem
    values = render(field, adapter.merge(base, start), points)
    fit = jax.jit(make_fit(field, adapter, optax.sgd(0.0), steps=9, points=2))
    _, trace = fit((base, start), jax.random.key(0), (points, values))
    np.testing.assert_allclose(trace, 0.0, atol=1e-9)


def test_adam_anneals_from_the_learning_rate_to_its_final_share():
    tx = adam(learning_rate=0.1, steps=6, final=0.01)
    state, sizes = tx.init(jnp.zeros(())), []
    for _ in range(7):  # With a constant gradient Adam's update is its learning rate.
        update, state = tx.update(jnp.ones(()), state)
        sizes.append(-float(update))
    cosine = 0.5 + 0.5 * np.cos(np.pi * np.arange(7) / 6)
    np.testing.assert_allclose(sizes, 0.1 * (0.99 * cosine + 0.01), rtol=1e-4)


def halfway(shared, targets):
    """Stands for a lifted fit: goes half the way, or diverges with its target."""
    _, start = shared
    weights = jax.tree.map(lambda s, t: (s[None] + t) / 2, start, targets)
    return weights, np.zeros(len(targets["a"]))


def test_consensus_is_the_mean_of_the_fits_round_after_round():
    start = {"a": np.zeros(2, np.float32)}
    targets = {"a": np.array([[1, 4], [3, np.nan], [5, 8]], np.float32)}
    found = consensus(halfway, {}, start, targets, rounds=2)
    np.testing.assert_allclose(found["a"], 0.75 * np.array([3, 6]))
    assert consensus(halfway, {}, start, targets, rounds=0) is start


def test_consensus_of_diverged_fits_alone_is_refused():
    start, targets = {"a": np.zeros(2)}, {"a": np.full((3, 2), np.inf)}
    with pytest.raises(ValueError, match="all 3 fits of consensus round 0 diverged"):
        consensus(halfway, {}, start, targets, rounds=2)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_one_bad_number_makes_weights_not_finite(bad):
    weights = {"a": jnp.ones(3), "b": jnp.ones((2, 2))}
    assert finite(weights)
    assert not finite({**weights, "b": weights["b"].at[1, 0].set(bad)})


@pytest.mark.parametrize("option", ["chunk", "group"])
def test_chunks_and_groups_without_a_row_are_refused(option):
    with pytest.raises(ValueError, match=f"{option}=0 should be 1 row or more"):
        over_instances(toy, **{option: 0})
