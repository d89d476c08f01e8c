"""Where adapters start: the mean of the draws, and biases of their own."""

import zlib

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from wsjax import adapters, fields
from wsjax.adapters.mask import masked
from wsjax.adapters.mlora import STARTS
from wsjax.adapters.whole import whole

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


DRAWS = {  # Mean and standard deviation of `a` and `b`, in units of what is documented.
    ("lora", None): {"a": (0.0, 3**-0.5, "width"), "b": (0.0, 0.0, None)},
    ("mlora", "ones"): {"a": (1.0, 0.3, None), "b": (1.0, 0.3, None)},
    ("mlora", "normal"): {"a": (0.0, 1.0, None), "b": (0.0, 1.0, None)},
    ("mlora", "skip"): {"a": (0.0, 1.0, "width"), "b": (0.0, 0.0, None)},
    ("mlora", "exp"): {"a": (0.0, 1.0, "width"), "b": (0.0, 0.0, None)},
}


@pytest.mark.parametrize(("name", "start"), DRAWS)
@pytest.mark.parametrize("d_in", [25, 400])
def test_starts_are_drawn_as_documented(name, start, d_in):
    """The paper's `ones` moves both factors; where `b` is 0, `a` keeps the variance.

    `a @ x` of a unit normal `x` has then the same spread however wide the layer is.
    """
    options = {} if start is None else {"start": start, "spread": 0.3}
    adapter = adapters.by_name(name, rank=40, **options)
    base = {"x": {"kernel": np.ones((d_in, 50)), "bias": np.ones(50)}}
    factors = adapter.init(jax.random.key(0), base)["x"]
    for leaf, (mean, spread, unit) in DRAWS[name, start].items():
        values = np.asarray(factors[leaf])
        spread = spread / np.sqrt(d_in) if unit == "width" else spread
        # Four standard errors of either figure.
        few = 4 / np.sqrt(values.size)
        np.testing.assert_allclose(values.mean(), mean, atol=few * spread)
        np.testing.assert_allclose(values.std(), spread, rtol=few)


def test_the_additive_start_is_uniform():
    adapter = adapters.by_name("lora", rank=40)
    base = {"x": {"kernel": np.ones((100, 3)), "bias": np.ones(3)}}
    a = np.asarray(adapter.init(jax.random.key(0), base)["x"]["a"])
    quantiles = np.quantile(a, [0.0, 0.25, 0.5, 0.75, 1.0])
    np.testing.assert_allclose(quantiles, [-0.1, -0.05, 0.0, 0.05, 0.1], atol=5e-3)


@pytest.mark.parametrize("name", ["lora_asym", "mlp_asym"])
def test_frozen_values_are_normal_wherever_they_stand(name):
    """6 * N(0, 1) (paper section 3.4)."""
    layer = {"kernel": np.ones((256, 1), np.float32), "bias": np.ones(1, np.float32)}
    base = {f"layer_{i}": layer for i in range(300)}
    options = {"rank": 1} if name == "lora_asym" else {}
    adapter = adapters.by_name(name, **options)
    weights, free = adapter.centre(base), adapter.free(base)
    leaf = "a" if name == "lora_asym" else "kernel"
    values = [
        np.asarray(x[leaf])[~np.asarray(free[i][leaf])] for i, x in weights.items()
    ]
    values = np.concatenate(values) / 6.0
    assert values.size == 300 * 16
    np.testing.assert_allclose(values.mean(), 0.0, atol=4 / np.sqrt(4800))
    np.testing.assert_allclose(values.std(), 1.0, rtol=4 / np.sqrt(9600))
    np.testing.assert_allclose(np.mean(np.abs(values) < 1), 0.683, atol=0.03)


def test_another_seed_draws_frozen_values_than_draws_their_places():
    """As documented, so that another program can rebuild a mask from its seed."""
    base = {"x": {"kernel": np.ones((9, 4), np.float32), "bias": np.ones(4)}}
    adapter = masked(whole(), value=6.0, seed=3)
    frozen = ~np.asarray(adapter.free(base)["x"]["kernel"])
    stream = np.random.default_rng([4, zlib.crc32(b"x/kernel")])
    expected = 6 * stream.standard_normal((9, 4))[frozen]
    found = np.asarray(adapter.centre(base)["x"]["kernel"])[frozen]
    assert frozen.sum(axis=0).tolist() == [3, 3, 3, 3]
    np.testing.assert_allclose(found, expected, rtol=1e-6)
