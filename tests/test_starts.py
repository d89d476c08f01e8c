"""Where adapters start: the mean of the draws, and biases of their own."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from wsjax import adapters, fields
from wsjax.adapters.mlora import STARTS

CASES = [
    *(("mlora_asym", {"start": start, "spread": 0.3}) for start in STARTS),
    ("mlora", {"biases": True}),
    ("lora", {"biases": True}),
    ("lora_asym", {}),
]


@pytest.fixture(scope="module")
def base():
    return fields.residual(width=9, blocks=1, channels=2).init(jax.random.key(0))


@pytest.mark.parametrize(("name", "options"), CASES)
def test_the_centre_is_the_mean_of_the_starts(name, options, base):
    adapter = adapters.by_name(name, rank=3, **options)
    keys = jax.random.split(jax.random.key(1), 2000)
    starts = jax.jit(jax.vmap(adapter.init, in_axes=(0, None)))(keys, base)
    centre = adapter.centre(base)
    chex.assert_trees_all_equal_shapes(centre, adapter.init(jax.random.key(2), base))
    for mean, found in zip(*map(jax.tree.leaves, (centre, starts)), strict=True):
        error = np.abs(found.mean(axis=0) - mean)
        assert np.all(error <= 5 * found.std(axis=0) / np.sqrt(2000) + 1e-4)


def test_the_centre_of_a_masked_adapter_holds_the_frozen_values(base):
    adapter = adapters.by_name("lora_asym", rank=3)
    start, centre = adapter.init(jax.random.key(1), base), adapter.centre(base)
    for layer, free in adapter.free(base).items():
        frozen = ~np.asarray(free["a"])
        assert frozen.any()
        np.testing.assert_array_equal(
            centre[layer]["a"][frozen], start[layer]["a"][frozen]
        )
        assert not np.any(centre[layer]["a"][~frozen])


def test_the_centre_of_whole_weights_is_zero(base):
    centre = adapters.by_name("mlp").centre(base)
    assert not any(np.any(leaf) for leaf in jax.tree.leaves(centre))


@pytest.mark.parametrize("name", ["lora", "mlora", "mlora_asym"])
def test_biases_are_moved_by_as_much_as_the_adapter_says(name, base):
    adapter = adapters.by_name(name, rank=2, biases=True)
    start = adapter.init(jax.random.key(1), base)
    chex.assert_trees_all_equal_shapes(adapter.free(base), start)
    fresh = adapter.merge(base, start)
    moved = jax.tree.map(jnp.copy, start)
    moved["layer_1"]["bias"] += jnp.arange(9.0)
    merged = adapter.merge(base, moved)
    for layer in start:
        np.testing.assert_array_equal(fresh[layer]["bias"], base[layer]["bias"])
        np.testing.assert_array_equal(merged[layer]["kernel"], fresh[layer]["kernel"])
    change = merged["layer_1"]["bias"] - base["layer_1"]["bias"]
    np.testing.assert_allclose(change, np.arange(9.0), rtol=1e-6)


def test_without_biases_an_adapter_has_factors_only(base):
    start = adapters.by_name("mlora", rank=2).init(jax.random.key(1), base)
    assert {leaf for layer in start.values() for leaf in layer} == {"a", "b"}
