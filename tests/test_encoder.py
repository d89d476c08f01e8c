"""An encoder that predicts adapters, trained end to end with the base."""

import functools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from wsjax import adapters, coords, fields
from wsjax.fields import render
from wsjax.fit import encoder
from wsjax.fit.losses import squared_error
from wsjax.models.encoder import patches

SIZE = (6, 6)
POINTS = coords.grid(SIZE)
FIELD = fields.residual(width=8, blocks=1, channels=1, omega=3.0)
OPTIONS = {"size": SIZE, "width": 4, "hidden": 16}
FORMATS = {2: ("NHWC", "HWIO", "NHWC"), 3: ("NDHWC", "DHWIO", "NDHWC")}
FORMS = [("mlora_asym", {"rank": 2, "start": "skip"}), ("shifts", {"latent": 6})]


def build(name="mlora_asym", **options):
    return adapters.by_name("encoded", of=name, **OPTIONS, **options)


@functools.cache
def prepared(name="mlora_asym"):
    """The adapter, and a base with its encoder at the start."""
    adapter = build(name, **dict(FORMS)[name])
    return adapter, adapter.extend(jax.random.key(0), FIELD.init(jax.random.key(1)))


def waves(n, seed):
    """Values `[n, P, 1]` of pictures of one wave each, of any phase and height."""
    generator = np.random.default_rng(seed)
    phase, height = generator.uniform(0.0, 3.0, (2, n, 1, 1))
    x = np.asarray(POINTS)[None, :, :1]
    return jnp.asarray(height * np.sin(3.0 * x + phase), jnp.float32)


@functools.cache
def advance_of(name="mlora_asym", batch=8):
    options = {"batch": batch, "points": 36, "chunk": 4}
    return encoder.make_advance(FIELD, prepared(name)[0], optax.adam(5e-3), **options)


def trained(values, *, steps, calls, name="mlora_asym"):
    state = encoder.begin(prepared(name)[1], optax.adam(5e-3))
    losses = []
    for _ in range(calls):
        state, found = advance_of(name)(
            jax.random.key(2), state, (values,), POINTS, values, steps=steps
        )
        losses.append(found)
    return state, np.concatenate(losses)


def error(adapter, base, values):
    """Mean squared error of the fields that the encoder predicts."""

    def one(values):
        params = adapter.merge(base, adapter.solve(base, values))
        return squared_error(render(FIELD, params, POINTS), values)

    return jnp.mean(jax.vmap(one)(values))


@pytest.mark.parametrize("name", dict(FORMS))
def test_a_prediction_depends_on_the_values_of_its_instance_alone(name):
    adapter, base = prepared(name)
    values, order = waves(5, 0), np.array([3, 0, 4, 1, 2])
    solve = jax.jit(jax.vmap(adapter.solve, in_axes=(None, 0)))
    found = solve(base, values)
    expected = jax.tree.map(lambda x: x[order], found)
    chex.assert_trees_all_close(solve(base, values[order]), expected, atol=1e-6)
    one = jax.jit(adapter.solve)(base, values[3])
    chex.assert_trees_all_close(one, jax.tree.map(lambda x: x[3], found), atol=1e-6)
    apart = jax.tree.map(lambda x: np.ptp(x, axis=0).max(), found)
    assert all(x > 1e-5 for x in jax.tree.leaves(apart)), apart


@pytest.mark.parametrize("name", dict(FORMS))
def test_a_prediction_is_an_adapter_near_one_start(name):
    adapter, base = prepared(name)
    inner = adapters.by_name(name, **dict(FORMS)[name])
    found = adapter.solve(base, waves(1, 0)[0])
    start = base["encoder"]["start"]
    chex.assert_trees_all_equal_shapes_and_dtypes(found, start)
    chex.assert_trees_all_close(found, start, atol=0.1)
    frozen = jax.tree.map(jnp.logical_not, adapter.free(base))
    # Whatever training does to the network and the start it is added to.
    wild = jax.tree.map(lambda x: x + 1.0, base["encoder"])
    moved = adapter.solve({**base, "encoder": wild}, waves(1, 0)[0])
    kept = jax.tree.map(
        lambda x, y, f: np.all((x == y) == f), moved, inner.centre(base), frozen
    )
    assert all(jax.tree.leaves(kept))


@pytest.mark.parametrize("size", [(6, 5), (4, 7, 3)])
def test_a_dense_layer_over_patches_is_a_convolution_of_stride_two(size):
    generator = np.random.default_rng(0)
    x = jnp.asarray(generator.normal(size=(*size, 2)), jnp.float32)
    axes = len(size)
    kernel = generator.normal(size=(*(3,) * axes, 2, 4)).astype(np.float32)
    expected = jax.lax.conv_general_dilated(
        x[None],
        kernel,
        window_strides=(2,) * axes,
        padding=[(1, 1)] * axes,
        dimension_numbers=FORMATS[axes],
    )[0]
    found = patches(x) @ kernel.reshape(-1, 4)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_shapes_are_read_from_their_cubic_grid():
    field = fields.residual(width=8, blocks=1, channels=1, dim=3)
    options = {"size": (5, 6, 7), "width": 2, "hidden": 4, "rank": 1}
    adapter = adapters.by_name("encoded", of="lora", **options)
    base = adapter.extend(jax.random.key(0), field.init(jax.random.key(1)))
    values = np.random.default_rng(0).normal(size=(2, 5 * 6 * 7, 1))
    found = [adapter.solve(base, jnp.asarray(x, jnp.float32)) for x in values]
    apart = jax.tree.map(lambda x, y: np.abs(x - y).max(), *found)
    assert all(x > 0 for x in jax.tree.leaves(apart))


@pytest.mark.parametrize("name", dict(FORMS))
def test_training_beats_every_constant_adapter_on_unseen_instances(name):
    """One adapter for all renders one picture, of which their mean is the best."""
    values, unseen = waves(64, 1), waves(32, 2)
    adapter, base = prepared(name)
    constant = squared_error(unseen, jnp.mean(unseen, axis=0, keepdims=True))
    error_of = jax.jit(lambda base: error(adapter, base, unseen))
    assert error_of(base) > constant
    state, losses = trained(values, steps=200, calls=2, name=name)
    assert losses[-20:].mean() < 0.5 * constant
    assert error_of(state.base) < 0.5 * constant


def test_a_step_descends_the_loss_of_field_and_encoder_together():
    """One instance of one point leaves nothing to chance."""
    adapter, base = prepared()
    values, tx = waves(1, 3), optax.sgd(0.1)
    one, place = values[:, :1], POINTS[:1]
    step = encoder.make_advance(FIELD, adapter, tx, batch=4, points=2, chunk=2)
    state = encoder.begin(base, tx)
    state, losses = step(jax.random.key(4), state, (values,), place, one, steps=1)

    def loss(base):
        params = adapter.merge(base, adapter.solve(base, values[0]))
        return squared_error(render(FIELD, params, place), one[0])

    expected, slopes = jax.jit(jax.value_and_grad(loss))(base)
    np.testing.assert_allclose(losses, expected[None], rtol=1e-5)
    moved = jax.tree.map(lambda x, y: x - 0.1 * y, base, slopes)
    chex.assert_trees_all_close(state.base, moved, atol=1e-6)
    for part in ("layer_1", "encoder"):
        largest = max(np.abs(x).max() for x in jax.tree.leaves(slopes[part]))
        assert largest > 1e-3


def test_points_of_each_ones_own_train_as_the_same_shared_ones():
    values = waves(6, 5)
    own = jnp.repeat(POINTS[None], 6, axis=0)
    found = []
    for places in (POINTS, own):
        state = encoder.begin(prepared()[1], optax.adam(5e-3))
        found.append(
            advance_of(batch=4)(
                jax.random.key(6), state, (values,), places, values, steps=3
            )[1]
        )
    np.testing.assert_allclose(*found, rtol=1e-5)


def test_training_in_parts_is_training_in_one_go_bit_for_bit():
    values = waves(8, 7)
    half, first = trained(values, steps=2, calls=1)
    whole, both = trained(values, steps=2, calls=2)
    again = jax.tree.map(jnp.copy, half)  # As a checkpoint gives it back.
    again, second = advance_of()(
        jax.random.key(2), again, (values,), POINTS, values, steps=2
    )
    chex.assert_trees_all_equal(again, whole)
    np.testing.assert_array_equal(np.concatenate([first, second]), both)


def test_every_step_draws_its_own_batch_by_its_number():
    """Nothing else changes from one to the next: neither field nor encoder."""
    adapter, base = prepared()
    still = optax.sgd(0.0)
    step = encoder.make_advance(FIELD, adapter, still, batch=2, points=4, chunk=2)
    state, values, losses = encoder.begin(base, still), waves(8, 8), []
    for _ in range(2):
        state, found = step(
            jax.random.key(5), state, (values,), POINTS, values, steps=2
        )
        losses.extend(found.tolist())
    assert int(state.step) == 4 and len(set(losses)) == 4


def test_mistakes_are_refused():
    adapter, base = prepared()
    bare = {name: layer for name, layer in base.items() if name != "encoder"}
    with pytest.raises(ValueError, match=r"'encoder'.*'layer_0'.*`extend`"):
        adapter.solve(bare, waves(1, 0)[0])
    with pytest.raises(ValueError, match=r"size=\(6, 6\) takes 36 values, found 35"):
        adapter.solve(base, waves(1, 0)[0, :35])
    assert adapter.extend(jax.random.key(3), base) is base
    with pytest.raises(ValueError, match="`solve` to train; found None"):
        options = {"batch": 2, "points": 2, "chunk": 2}
        lora = adapters.by_name("lora", rank=1)
        encoder.make_advance(FIELD, lora, optax.adam(0.1), **options)
