"""The form in which an adapter is applied: the cheaper one, and at lower precision."""

import itertools
import math

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from drawn import FIELD, some_adapter

from wsjax import coords, fields
from wsjax.adapters import by_name
from wsjax.adapters.form import attached_is_cheaper, cheapest, rounded
from wsjax.fields import render
from wsjax.fields.linear import linear
from wsjax.fit import make_fit

POINTS = coords.grid((8, 8))
MIXED = {"rank": 4, "ranks": {"layer_1": 1}}
FORMS = [
    ("lora", {"rank": 2, "biases": True}),
    ("mlora", MIXED),
    ("mlora_asym", {"rank": 1, "start": "skip"}),
    ("mlp", {}),
]


def slope_of(adapter, base):
    """Value and gradient of some function of the field by the weights."""

    def value(weights):
        params = adapter.merge(base, weights)
        return jnp.sum(jnp.sin(render(FIELD, params, POINTS)))

    return jax.jit(jax.value_and_grad(value))


@pytest.mark.parametrize(("name", "options"), FORMS)
def test_the_cheapest_form_is_the_same_adapter(name, options, double):
    adapter, base, _, _, weights = some_adapter(name, **options)
    cheap = cheapest(adapter, points=len(POINTS))
    assert cheap._replace(merge=None) == adapter._replace(merge=None)
    found, expected = (slope_of(a, base)(weights) for a in (cheap, adapter))
    chex.assert_trees_all_close(found, expected, rtol=1e-9, atol=1e-9)


def attached_layers(name, *, points, **options):
    """Of a field with hidden layers of 9 by 9 and an output of 9 by 2."""
    base = jax.eval_shape(FIELD.init, jax.random.key(0))
    adapter = by_name(name, **options)
    weights = jax.eval_shape(adapter.init, jax.random.key(0), base)
    params = jax.eval_shape(cheapest(adapter, points=points).merge, base, weights)
    return {x for x, layer in params.items() if {"gates", "update"} & set(layer)}


def test_the_form_is_chosen_layer_by_layer():
    assert attached_layers("mlora", points=64, **MIXED) == {"layer_1"}
    assert attached_layers("mlora", points=64, rank=4, start="skip") == set()
    unchanged = {"rank": 1, "ranks": {"output": 0}}
    hidden = {"layer_0", "layer_1", "layer_2"}
    assert attached_layers("mlora", points=64, **unchanged) == hidden


def test_the_form_depends_on_the_number_of_points():
    """Rank 3 at 9 by 9: 2 P 81 + 6 * 3 * 81 is more than 6 P 3 * 18 below P = 9."""
    hidden = {"layer_0", "layer_1", "layer_2"}
    assert attached_layers("lora", points=8, rank=3) == hidden
    assert attached_layers("lora", points=10, rank=3) == set()


def counted(jaxpr):
    """Floating point operations of all matrix products in a program."""
    total = 0
    for eqn in jaxpr.eqns:
        for inner in eqn.params.values():
            total += counted(inner.jaxpr) if hasattr(inner, "jaxpr") else 0
        if eqn.primitive.name == "dot_general":
            (contracted, _), _ = eqn.params["dimension_numbers"]
            sizes = [eqn.invars[0].aval.shape[axis] for axis in contracted]
            total += 2 * math.prod(sizes) * eqn.outvars[0].aval.size
    return total


def cost(form, base, weights, points):
    """Operations of one layer's value and gradients, by its factors and its input."""
    d_in, _ = base["layer_0"]["kernel"].shape

    def value(weights, x):
        layer = form(base, weights)["layer_0"]
        return jnp.sum(jnp.sin(jax.vmap(linear, in_axes=(None, 0))(layer, x)))

    gradient = jax.grad(value, argnums=(0, 1))
    return counted(jax.make_jaxpr(gradient)(weights, jnp.zeros((points, d_in))).jaxpr)


@pytest.mark.parametrize("name", ["lora", "mlora"])
def test_the_choice_is_the_one_with_fewer_operations(name):
    choices = []
    shapes, ranks, counts = ((12, 12), (5, 40)), (1, 2, 3), (5, 7, 17, 19)
    for (d_in, d_out), rank, points in itertools.product(shapes, ranks, counts):
        adapter = by_name(name, rank=rank)
        base = {"layer_0": {"kernel": jnp.ones((d_in, d_out)), "bias": jnp.ones(d_out)}}
        weights = jax.eval_shape(adapter.init, jax.random.key(0), base)
        attached, merged = (
            cost(form, base, weights, points)
            for form in (adapter.attach, adapter.merge)
        )
        layer = jax.eval_shape(adapter.attach, base, weights)["layer_0"]
        choices.append(attached_is_cheaper(layer, points=points))
        assert choices[-1] == (attached < merged), (d_in, d_out, rank, points)
    assert 0 < sum(choices) < len(choices)


def test_a_layer_without_factors_is_not_attached():
    layer = {"kernel": jnp.ones((9, 9)), "bias": jnp.ones(9)}
    for points in (1, 10**9):
        assert not attached_is_cheaper(layer, points=points)


@pytest.mark.parametrize(
    ("name", "rank", "attached"), [("lora", 2, 1), ("mlora", 1, 1), ("mlora", 4, 0)]
)
def test_the_compiled_step_of_the_choice_has_fewer_operations(name, rank, attached):
    field = fields.residual(width=32, blocks=1, channels=3)
    base, adapter = jax.jit(field.init)(jax.random.key(0)), by_name(name, rank=rank)
    starts = jax.vmap(adapter.init, in_axes=(0, None))
    weights = jax.eval_shape(starts, jax.random.split(jax.random.key(1), 4), base)

    def compiled(form):
        def value(weights):
            return jnp.mean(jnp.square(render(field, form(base, weights), POINTS)))

        step = jax.jit(jax.vmap(jax.grad(value))).lower(weights)
        return step.compile().cost_analysis()["flops"]

    forms = (adapter.merge, adapter.attach, cheapest(adapter, points=len(POINTS)).merge)
    counts = [compiled(form) for form in forms]
    assert counts[attached] < 0.9 * counts[1 - attached]
    assert counts[2] <= counts[attached]


LOW = [("lora", {"rank": 2, "biases": True}), ("mlora", MIXED), ("mlp", {})]


def single(name, **options):
    """As `some_adapter`, in single precision, with the factors near their start."""
    adapter, base, _, _, _ = some_adapter(name, **options)
    base = jax.tree.map(lambda x: jnp.asarray(x, jnp.float32) / 3, base)
    return adapter, base, jax.jit(adapter.init)(jax.random.key(1), base)


@pytest.mark.parametrize(("name", "options"), LOW)
def test_only_kernels_are_rounded(name, options):
    adapter, base, weights = single(name, **options)
    cheap = cheapest(adapter, points=len(POINTS))
    low = rounded(cheap, "bfloat16")
    assert low._replace(merge=None) == cheap._replace(merge=None)
    exact = cheap.merge(base, weights)

    def expected(path, leaf):
        return leaf.astype(jnp.bfloat16) if path[-1].key == "kernel" else leaf

    expected = jax.tree_util.tree_map_with_path(expected, exact)
    chex.assert_trees_all_equal(low.merge(base, weights), expected)
    chex.assert_trees_all_equal_dtypes(low.merge(base, weights), expected)


@pytest.mark.parametrize(("name", "options"), LOW)
def test_values_and_gradients_of_low_kernels_are_near_the_exact_ones(name, options):
    adapter, base, weights = single(name, **options)
    cheap = cheapest(adapter, points=len(POINTS))
    exact, low = (
        slope_of(a, base)(weights) for a in (cheap, rounded(cheap, "bfloat16"))
    )
    assert 0 < abs(low[0] - exact[0]) < 0.005 * abs(exact[0])
    chex.assert_trees_all_equal_dtypes(low, exact)
    ways = jax.tree.map(jnp.subtract, low[1], exact[1])
    assert 0 < optax.tree.norm(ways) < 0.02 * optax.tree.norm(exact[1])


@pytest.mark.parametrize("name", ["mlora", "mlp"])
def test_single_precision_is_no_rounding_at_all(name):
    adapter, base, weights = single(name, **({} if name == "mlp" else {"rank": 2}))
    signal, fits = (POINTS, jnp.sin(3 * POINTS)), []
    for form in (adapter, rounded(adapter, "float32")):
        fit = jax.jit(make_fit(FIELD, form, optax.adam(0.01), steps=3))
        fits.append(fit((base, weights), jax.random.key(0), signal))
    chex.assert_trees_all_equal(*fits)


def test_a_fit_at_low_precision_keeps_a_master_copy():
    """Steps that are too small for bfloat16 add up."""
    adapter, base, start = single("mlora", rank=1)
    signal, moved = (POINTS, jnp.sin(3 * POINTS)), []
    for steps in (10, 20):
        low = rounded(adapter, "bfloat16")
        tx = optax.sign_sgd(1e-5)  # Near 1 two numbers of bfloat16 are 0.004 apart.
        fit = jax.jit(make_fit(FIELD, low, tx, steps=steps))
        weights, trace = fit((base, start), jax.random.key(0), signal)
        chex.assert_trees_all_equal_dtypes(weights, start)
        assert trace.dtype == np.float32
        moved.append(optax.tree.norm(jax.tree.map(jnp.subtract, weights, start)))
    np.testing.assert_allclose(moved[1], 2 * moved[0], rtol=0.05)
