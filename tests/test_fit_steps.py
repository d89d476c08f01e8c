"""The steps of a fit: which points they see, how long they are, and how many."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from wsjax import adapters, coords, fields, tree
from wsjax.fit import adam, make_fit, over_instances
from wsjax.types import Adapter, Field

P, STEPS = 10, 30
# Point i is at 2**i and has value 2**i, so that a sum of products counts visits.
MARKS = 2.0 ** np.arange(P, dtype=np.float32)[:, None]
FIXED = {"weight": np.zeros(1, np.float32)}
SEEN = Field(lambda key: FIXED, lambda params, x: x, lambda params, x: x)
NOTHING = Adapter(None, lambda base, adapter: base, None, None, None)


def visits(key, *, points, steps):
    """How often each step of a fit sees each point, `[S, P]`."""
    fit = make_fit(
        SEEN,
        NOTHING,
        optax.sgd(1.0),
        steps=steps,
        points=points,
        loss=lambda predicted, target: jnp.sum(predicted * target),
    )
    _, trace = jax.jit(fit)((FIXED, FIXED), jax.random.key(key), (MARKS, MARKS))
    return np.asarray(trace, int)[:, None] // 4 ** np.arange(P) % 4


@pytest.mark.parametrize("points", [1, 5, 10])
def test_a_pass_sees_each_point_once(points):
    seen = visits(0, points=points, steps=2 * P // points)
    assert np.all(seen.sum(axis=1) == points)
    np.testing.assert_array_equal(seen[: P // points].sum(axis=0), 1)
    np.testing.assert_array_equal(seen[: P // points], seen[P // points :])


def test_the_last_step_of_a_pass_is_filled_up_with_its_first_points():
    seen = visits(0, points=4, steps=6)
    assert np.all(seen.sum(axis=1) == 4) and seen.max() == 1
    twice = seen[:3].sum(axis=0) == 2
    assert np.all(seen[:3].sum(axis=0) >= 1) and twice.sum() == 2
    assert np.all(seen[0][twice]) and np.all(seen[2][twice])


def test_the_order_of_a_pass_is_drawn_from_the_key():
    first, again, other = (visits(key, points=1, steps=P) for key in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert np.any(first != other)
    # Neighbours in space are apart in time.
    assert np.any(np.diff(first.argmax(axis=1)) != 1)


@pytest.mark.parametrize("points", [None, P, P + 3])
def test_every_step_sees_all_points_where_there_are_no_more(points):
    np.testing.assert_array_equal(visits(0, points=points, steps=2), 1)


def keys():
    return jax.random.split(jax.random.key(2), 3)


@pytest.fixture(scope="module")
def problem():
    """A field, an adapter, what is shared, and three signals of P points."""
    field = fields.mlp(features=8, width=8, channels=1)
    adapter = adapters.mlora(rank=2, spread=0.1)
    base = jax.jit(field.init)(jax.random.key(0))
    start = jax.jit(adapter.init)(jax.random.key(1), base)
    points = coords.grid((2, 5))
    values = jnp.stack([jnp.sin(k * points[:, :1]) for k in (1, 2, 5)])
    return field, adapter, (base, start), (jnp.tile(points, (3, 1, 1)), values)


def compiled(problem, tx, *, steps=STEPS, **options):
    """`fit(row, rate) -> (weights, trace)` of one of the signals; rate may be left."""
    field, adapter, shared, signals = problem
    fit = jax.jit(make_fit(field, adapter, tx, steps=steps, **options))
    return lambda row, *rate: fit(shared, keys()[row], tree.row(signals, row), *rate)


def test_all_points_in_their_own_order_or_another_are_one_fit(problem):
    by_order, by_draw = (
        compiled(problem, optax.sgd(0.1), steps=9, points=points)(0)
        for points in (None, P)
    )
    chex.assert_trees_all_close(by_order, by_draw, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("tx", [optax.sgd, optax.adam])
def test_a_rate_is_a_share_of_the_learning_rate(problem, tx):
    fit = compiled(problem, tx(2**-5))
    halved, whole = fit(0, 0.5), fit(0, 1.0)
    chex.assert_trees_all_equal(halved, compiled(problem, tx(2**-6))(0))
    chex.assert_trees_all_equal(whole, fit(0))
    assert np.all(whole[1][1:] != halved[1][1:])


def test_every_instance_has_a_rate_of_its_own(problem):
    field, adapter, shared, signals = problem
    tx, rates = optax.adam(0.02), np.array([1.0, 0.0, 0.25], np.float32)
    lifted = over_instances(make_fit(field, adapter, tx, steps=STEPS), chunk=2)
    many, fit = lifted(shared, keys(), signals, rates), compiled(problem, tx)
    for row, rate in enumerate(rates):
        one = fit(row, rate)
        chex.assert_trees_all_close(tree.row(many, row), one, rtol=1e-3, atol=1e-5)
    weights, trace = fit(1, 0.0)
    chex.assert_trees_all_equal(weights, shared[1])
    assert np.all(trace == trace[0])


SGD = optax.sgd(0.05)  # Without a schedule, so that fewer steps are the first of more.
BLOCK = {"points": 4}  # Three steps to a pass.
PASS = 3


def means(trace):
    """The mean loss of every whole pass, by the step it ends with."""
    return np.convolve(trace, np.full(PASS, 1 / PASS), mode="valid")


@pytest.mark.parametrize("options", [{}, BLOCK])
def test_a_target_out_of_reach_changes_not_a_bit(problem, options):
    aimed, free = (
        compiled(problem, adam(learning_rate=0.02, steps=STEPS), **o, **options)(0)
        for o in ({"target": 0.0}, {})
    )
    chex.assert_trees_all_equal(aimed, free)


def test_a_fit_ends_with_the_first_pass_at_the_target(problem):
    _, full = compiled(problem, SGD, **BLOCK)(0)
    target = float(np.mean(np.sort(means(full))[10:12]))  # Between two of them.
    weights, trace = compiled(problem, SGD, target=target, **BLOCK)(0)
    taken = int(np.sum(~np.isnan(trace)))
    assert PASS < taken < STEPS and trace.shape == full.shape
    np.testing.assert_array_equal(trace[:taken], full[:taken])
    assert np.all(np.isnan(trace[taken:]))
    passes = means(trace[:taken])
    assert passes[-1] <= target and np.all(passes[:-1] > target)
    # Single steps were below the target before, which counts for nothing.
    assert trace[: taken - PASS].min() < target
    shorter, _ = compiled(problem, SGD, steps=taken, **BLOCK)(0)
    chex.assert_trees_all_equal(weights, shorter)


@pytest.mark.parametrize(("options", "passes"), [({}, 1), (BLOCK, PASS)])
def test_nothing_is_done_before_one_whole_pass(problem, options, passes):
    _, trace = compiled(problem, SGD, target=np.inf, **options)(0)
    assert np.sum(~np.isnan(trace)) == passes


def test_every_instance_ends_at_a_step_of_its_own(problem):
    field, adapter, shared, signals = problem
    options = {"steps": STEPS, "target": 0.72, **BLOCK}
    lifted = over_instances(make_fit(field, adapter, SGD, **options), chunk=2)
    many, fit = lifted(shared, keys(), signals), compiled(problem, SGD, **options)
    for row in range(3):
        chex.assert_trees_all_close(tree.row(many, row), fit(row), rtol=1e-3, atol=1e-5)
    assert len({int(n) for n in np.sum(~np.isnan(many[1]), axis=1)}) == 3


def updates(tx, gradients):
    state, sizes = tx.init(jnp.zeros(())), []
    for gradient in gradients:
        update, state = tx.update(jnp.asarray(gradient), state)
        sizes.append(-float(update))
    return sizes


@pytest.mark.parametrize("power", [1.0, 2.0])
def test_adam_anneals_as_a_power_of_the_steps_that_are_left(power):
    """A constant gradient moves by the learning rate; power 1 is a straight line."""
    sizes = updates(adam(learning_rate=0.1, steps=6, final=0.1, power=power), [1.0] * 8)
    left = np.array([6, 5, 4, 3, 2, 1, 0, 0]) / 6
    np.testing.assert_allclose(sizes, 0.01 + 0.09 * left**power, rtol=1e-4)


@pytest.mark.parametrize(("b1", "b2"), [(0.0, 0.95), (0.5, 0.95), (0.9, 0.5)])
def test_adam_has_the_moments_that_it_was_given(b1, b2):
    """After gradients 1 and 0 the moments, bias removed, are b / (1 + b)."""
    tx = adam(learning_rate=0.1, steps=9, final=1.0, b1=b1, b2=b2)
    expected = 0.1 * (b1 / (1 + b1)) / np.sqrt(b2 / (1 + b2))
    np.testing.assert_allclose(updates(tx, [1.0, 0.0]), [0.1, expected], rtol=1e-4)
