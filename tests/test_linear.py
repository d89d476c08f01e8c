"""Attached and merged are one function; what a layer does at lower precision."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawn import FIELD, some_adapter

from wsjax import coords
from wsjax.adapters import ADAPTERS
from wsjax.adapters.mlora import STARTS
from wsjax.fields import render
from wsjax.fields.linear import linear

POINTS = coords.grid((3, 4))
RANKS = {"rank": 3, "ranks": {"layer_2": 0, "output": 1}}
BOTH = ((True, ""), (False, "_asym"))  # With biases, and with a mask.
ADDITIVE = [(f"lora{asym}", {**RANKS, "biases": biases}) for biases, asym in BOTH]
PREDICTED = ("encoded", {"of": "lora", "size": (2, 2), **RANKS})
MULTIPLICATIVE = [
    (f"mlora{asym}", {**RANKS, "start": start, "biases": biases})
    for biases, asym in BOTH
    for start in STARTS
]
WHOLE = [("mlp", {}), ("mlp_asym", {}), ("shifts", {})]
BESIDE = [PREDICTED, *ADDITIVE, *(c for c in MULTIPLICATIVE if c[1]["start"] != "exp")]
MERGED_ONLY = [*WHOLE, *(c for c in MULTIPLICATIVE if c[1]["start"] == "exp")]
LOW = ("bfloat16", "float16")


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def rendered(form, base, slopes):
    """`weights -> number`: all values of the field, each with a weight of its own."""

    def value(weights):
        return jnp.vdot(slopes, render(FIELD, form(base, weights), POINTS))

    return jax.jit(jax.value_and_grad(value))


def test_the_cases_hold_every_representation_and_start():
    assert {name for name, _ in [*BESIDE, *MERGED_ONLY]} == set(ADAPTERS)
    assert {o["start"] for _, o in MULTIPLICATIVE} == {"ones", "normal", "skip", "exp"}


@pytest.mark.parametrize(("name", "options"), BESIDE)
def test_attached_and_merged_are_one_function_with_one_gradient(name, options, double):
    adapter, base, free, _, _ = some_adapter(name, **options)
    generator = np.random.default_rng(3)  # Frozen entries are imposed by both forms.
    weights = jax.tree.map(lambda x: generator.normal(size=x.shape), free)
    slopes = generator.normal(size=(len(POINTS), 2))
    attached, merged = (
        rendered(form, base, slopes)(weights)
        for form in (adapter.attach, adapter.merge)
    )
    chex.assert_trees_all_close(attached, merged, rtol=1e-8, atol=1e-9)
    assert all(np.any(x) for x in jax.tree.leaves(attached[1]))


@pytest.mark.parametrize(("name", "options"), BESIDE)
def test_attach_leaves_every_kernel_the_base_s_own(name, options):
    adapter, base, _, _, weights = some_adapter(name, **options)
    attached = adapter.attach(base, weights)
    assert attached.keys() == base.keys()
    kind = "gates" if "start" in options else "update"
    for layer, leaves in base.items():
        factors = {kind} if layer in weights else set()
        assert attached[layer].keys() == leaves.keys() | factors
        for factor in factors:  # A moved bias is in the layer's own.
            assert len(attached[layer][factor]) == 2
        for leaf in leaves.keys() - {"bias"}:
            assert attached[layer][leaf] is leaves[leaf]


@pytest.mark.parametrize(("name", "options"), MERGED_ONLY)
def test_what_cannot_be_attached_is_merged(name, options, double):
    adapter, base, _, _, weights = some_adapter(name, **options)
    attached, merged = adapter.attach(base, weights), adapter.merge(base, weights)
    chex.assert_trees_all_equal(attached, merged)


def test_gates_are_a_kernel_times_the_sum_of_their_outer_products():
    layer = {"kernel": normal(7, 5), "bias": normal(5, seed=1)}
    gates = {"inputs": normal(3, 7, seed=2), "outputs": normal(3, 5, seed=3)}
    x, factor = normal(7, seed=4), np.zeros((7, 5))
    for k in range(3):
        factor += np.outer(gates["inputs"][k], gates["outputs"][k])
    expected = x @ (layer["kernel"] * factor) + layer["bias"]
    found = linear({**layer, "gates": gates}, x)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_an_update_is_a_kernel_plus_the_sum_of_its_outer_products():
    layer = {"kernel": normal(7, 5), "bias": normal(5, seed=1)}
    update = {"a": normal(3, 7, seed=2), "b": normal(3, 5, seed=3)}
    x, change = normal(7, seed=4), np.zeros((7, 5))
    for r in range(3):
        change += np.outer(update["a"][r], update["b"][r])
    expected = x @ (layer["kernel"] + change) + layer["bias"]
    found = linear({**layer, "update": update}, x)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def low_layer(dtype):
    kernel = jnp.asarray(normal(40, 30), dtype)
    return {"kernel": kernel, "bias": jnp.asarray(normal(30, seed=1))}


def exact(x, dtype):
    """What a number is after it was rounded to `dtype`, in double precision."""
    return np.asarray(jnp.asarray(x, jnp.float32).astype(dtype), np.float64)


@pytest.mark.parametrize("dtype", LOW)
def test_a_low_kernel_takes_low_inputs_and_is_summed_exactly(dtype):
    layer, x = low_layer(dtype), normal(40, seed=2)
    found = linear(layer, x)
    assert found.dtype == np.float32
    kernel = np.asarray(layer["kernel"], np.float64)
    expected = exact(x, dtype) @ kernel + layer["bias"]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    assert np.abs(found - (x @ kernel + layer["bias"])).max() > 1e-3


@pytest.mark.parametrize("dtype", LOW)
def test_gates_are_applied_exactly_around_a_low_kernel(dtype):
    layer, x = low_layer(dtype), normal(40, seed=2)
    gates = {"inputs": normal(2, 40, seed=3), "outputs": normal(2, 30, seed=4)}
    found = linear({**layer, "gates": gates}, x)
    assert found.dtype == np.float32
    inner = exact(gates["inputs"] * x, dtype) @ np.asarray(layer["kernel"], np.float64)
    expected = np.sum(gates["outputs"] * inner, axis=0) + layer["bias"]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("dtype", LOW)
def test_an_update_beside_a_low_kernel_is_exact(dtype):
    layer, x = low_layer(dtype), normal(40, seed=2)
    update = {"a": normal(2, 40, seed=3), "b": normal(2, 30, seed=4)}
    found = linear({**layer, "update": update}, x)
    assert found.dtype == np.float32
    change = (x.astype(np.float64) @ update["a"].T) @ update["b"]
    np.testing.assert_allclose(found - linear(layer, x), change, rtol=1e-4, atol=1e-4)
