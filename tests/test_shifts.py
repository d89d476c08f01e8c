"""Shifts of biases, free ones and those that a latent is mapped to."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from drawn import drawn_like

from tests.test_laws import some_moves
from wsjax import adapters, coords, fields, fit, latent
from wsjax.adapters.factors import adapted
from wsjax.fields import render
from wsjax.fit import rehearsal
from wsjax.symmetry import move_neurons

M = 4
FIELD = fields.residual(width=5, blocks=1, channels=2)
POINTS = coords.grid((3, 4))
FREE, MAPPED = (adapters.by_name("shifts", latent=m) for m in (None, M))
HIDDEN = ("layer_0", "layer_1", "layer_2")


@pytest.fixture(scope="module")
def base():
    """Random weights, and the maps of a latent beside them."""
    drawn = drawn_like(jax.eval_shape(FIELD.init, jax.random.key(0)), 0)
    drawn = jax.tree.map(np.float32, drawn)
    return MAPPED.extend(jax.random.key(1), drawn)


def generic(adapter, base, seed=2):
    shapes = jax.eval_shape(adapter.init, jax.random.key(0), base)
    return jax.tree.map(np.float32, drawn_like(shapes, seed))


@pytest.mark.parametrize("adapter", [FREE, MAPPED], ids=["free", "mapped"])
def test_hidden_biases_move_and_nothing_else_does(adapter, base):
    merged = adapter.merge(base, generic(adapter, base))
    for name in HIDDEN:
        assert np.all(merged[name]["bias"] != base[name]["bias"])
        merged[name]["bias"] = base[name]["bias"]
    chex.assert_trees_all_equal(merged, base)


@pytest.mark.parametrize("adapter", [FREE, MAPPED], ids=["free", "mapped"])
def test_a_fresh_adapter_is_the_base_bit_for_bit(adapter, base):
    fresh = adapter.init(jax.random.key(0), base)
    chex.assert_trees_all_equal(fresh, adapter.centre(base))
    chex.assert_trees_all_equal(adapter.merge(base, fresh), base)


def test_a_latent_means_the_shifts_it_is_mapped_to(base):
    weights = generic(MAPPED, base)
    code = weights["latent"]["code"]
    alike = {name: {"bias": code @ base["modulation"][name]} for name in HIDDEN}
    chex.assert_trees_all_close(
        MAPPED.merge(base, weights), FREE.merge(base, alike), atol=1e-6
    )


@pytest.mark.parametrize(("adapter", "numbers"), [(FREE, 3 * 5), (MAPPED, M)])
def test_an_instance_owns_its_shifts_or_its_latent_alone(adapter, numbers, base):
    assert len(latent.groups(adapter.free(base))) == numbers


def test_the_base_is_extended_once_and_by_no_layer(base):
    bare = {name: layer for name, layer in base.items() if name != "modulation"}
    assert adapted(base) == adapted(bare) == [*HIDDEN, "output"]
    assert MAPPED.extend(jax.random.key(7), base) is base
    other = MAPPED.extend(jax.random.key(7), bare)
    assert other.keys() == base.keys()
    assert np.all(other["modulation"]["layer_1"] != base["modulation"]["layer_1"])
    assert FREE.extend is None
    with pytest.raises(ValueError, match=r"'modulation'.*'layer_0'.*`extend`"):
        MAPPED.merge(bare, generic(MAPPED, bare))


@pytest.mark.usefixtures("double")
def test_moved_neurons_carry_shifts_as_biases_and_leave_a_latent(base):
    base = jax.tree.map(np.float64, base)
    wiring = fields.residual_wiring(base)
    moves = some_moves(np.random.default_rng(3), wiring, 5)

    def carried(x, layer):
        order, scale = moves[wiring[layer][1]]
        return x[..., order] * np.broadcast_to(scale, x.shape)

    moved = move_neurons(base, wiring, moves)
    maps = {name: carried(x, name) for name, x in base["modulation"].items()}
    moved = {**moved, "modulation": maps}
    weights, code = generic(FREE, base), generic(MAPPED, base)
    along = {name: {"bias": carried(x["bias"], name)} for name, x in weights.items()}
    for adapter, before, after in ((FREE, weights, along), (MAPPED, code, code)):
        old, new = adapter.merge(base, before), adapter.merge(moved, after)
        still = render(FIELD, adapter.merge(moved, before), POINTS)
        expected = np.asarray(render(FIELD, old, POINTS))
        np.testing.assert_allclose(render(FIELD, new, POINTS), expected, rtol=1e-9)
        assert (adapter is FREE) == (np.abs(still - expected).max() > 0.1)


def test_rehearsal_learns_the_map():
    """On its fits: the same episodes leave a larger loss on maps that stand still."""
    base = MAPPED.extend(jax.random.key(1), FIELD.init(jax.random.key(2)))
    values = jnp.sin(3.0 * POINTS[None] + jnp.arange(4.0)[:, None, None])
    others = {name: name != "modulation" for name in base}
    alone = optax.chain(optax.adam(0.02), optax.masked(optax.set_to_zero(), others))
    inner = fit.adam(learning_rate=0.02, steps=6)
    losses = []
    for outer in (alone, optax.sgd(0.0)):
        episode = rehearsal.make_episode(
            FIELD, MAPPED, inner, outer, steps=6, points=12, chunk=4
        )
        start = MAPPED.init(jax.random.key(0), base)
        state = rehearsal.begin(base, start, outer)
        for _ in range(40):
            state, found = episode(jax.random.key(4), state, POINTS, values)
        losses.append(found[-1])
        moved = {n for n in base if not _equal(state.base[n], base[n])}
        assert moved == ({"modulation"} if outer is alone else set())
    assert losses[0] < 0.8 * losses[1], losses


def _equal(x, y):
    return all(jax.tree.leaves(jax.tree.map(np.array_equal, x, y)))
