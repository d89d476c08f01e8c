import math

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from wsjax import adapters, coords, fields
from wsjax.adapters.mlora import STARTS
from wsjax.fit import make_fit

RANK = 3
OPTIONS = {name: {"rank": RANK} for name in adapters.ADAPTERS if "lora" in name}
OPTIONS["encoded"] = {"of": "mlora_asym", "rank": RANK, "size": (2, 2)}
MASKED = ("mlp_asym", "lora_asym", "mlora_asym")
FACTORS = {  # The whole factor on the kernel, from the paper's BA in this layout.
    "ones": lambda product: product / RANK,
    "normal": lambda product: product / np.sqrt(RANK),
    "skip": lambda product: 1 + product,
    "exp": np.exp,
}


def build(name, **options):
    return adapters.by_name(name, **OPTIONS.get(name, {}), **options)


def randomised(tree, seed=0):
    draw = np.random.default_rng(seed).normal
    return jax.tree.map(lambda x: np.float32(draw(size=x.shape)), tree)


def some_adapter(adapter, base, seed=1):
    """Random weights, as no start would give them; `merge` sees to the frozen ones."""
    return randomised(jax.eval_shape(adapter.init, jax.random.key(0), base), seed)


@pytest.fixture(scope="module")
def field():
    return fields.residual(width=9, blocks=1, channels=2)


@pytest.fixture(scope="module")
def base(field):
    return randomised(jax.eval_shape(field.init, jax.random.key(0)))


@pytest.mark.parametrize("name", adapters.ADAPTERS)
def test_merge_has_the_structure_of_the_base_and_free_of_the_adapter(name, base):
    adapter = build(name)
    weights = some_adapter(adapter, base)
    merged = jax.eval_shape(adapter.merge, base, weights)
    chex.assert_trees_all_equal_shapes_and_dtypes(merged, base)
    chex.assert_trees_all_equal_shapes(adapter.free(base), weights)


@pytest.mark.parametrize("name", adapters.ADAPTERS)
def test_a_start_does_not_depend_on_the_order_of_the_layers(name, base):
    adapter = build(name)
    backwards = dict(reversed(base.items()))
    chex.assert_trees_all_equal(
        adapter.init(jax.random.key(0), base),
        adapter.init(jax.random.key(0), backwards),
    )


@pytest.mark.parametrize("name", adapters.ADAPTERS)
def test_gradient_is_zero_exactly_at_frozen_entries(name, base):
    adapter = build(name)
    weights = some_adapter(adapter, base)
    slopes = randomised(base, seed=2)

    def linear(weights):
        parts = jax.tree.map(jnp.vdot, slopes, adapter.merge(base, weights))
        return sum(jax.tree.leaves(parts))

    moves = jax.tree.map(lambda x: x != 0, jax.jit(jax.grad(linear))(weights))
    chex.assert_trees_all_equal(moves, adapter.free(base))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("mlp", {}),
        ("lora", {}),
        ("mlora", {"start": "skip"}),
        ("mlora", {"start": "exp"}),
        ("mlora", {"start": "ones", "spread": 0.0, "ranks": {"output": 1}}),
    ],
)
def test_a_fresh_adapter_leaves_the_base_unchanged(name, options, base):
    adapter = build(name, **options)
    fresh = adapter.init(jax.random.key(1), base)
    chex.assert_trees_all_close(adapter.merge(base, fresh), base, rtol=1e-6)


def test_the_ones_start_is_near_the_base_and_differs_by_key(base):
    adapter = build("mlora", spread=0.01)
    merged = [
        adapter.merge(base, adapter.init(jax.random.key(i), base)) for i in (0, 1)
    ]
    gains = [x["layer_1"]["kernel"] / base["layer_1"]["kernel"] for x in merged]
    assert np.abs(gains[0] - 1).max() < 0.1
    assert not np.allclose(gains[0], gains[1], atol=1e-4)


def test_additive_change_has_at_most_the_rank(base):
    adapter = build("lora")
    merged = adapter.merge(base, some_adapter(adapter, base))
    for name in ("layer_0", "layer_1", "layer_2"):
        change = merged[name]["kernel"] - base[name]["kernel"]
        sizes = np.linalg.svd(change, compute_uv=False)
        assert sizes[RANK - 1] > 1e-2 > 1e-5 * sizes[0] > sizes[RANK]


def test_multiplicative_change_scales_input_and_output_channels(base):
    """Theorem 2: W * (BA) = sum_i diag(a_i) W diag(b_i), over the rank here."""
    adapter = build("mlora")
    weights = some_adapter(adapter, base)
    merged = adapter.merge(base, weights)
    for name, factors in weights.items():
        kernel = base[name]["kernel"]
        pairs = zip(factors["a"], factors["b"], strict=True)
        expected = sum(np.diag(a) @ kernel @ np.diag(b) for a, b in pairs) / RANK
        np.testing.assert_allclose(merged[name]["kernel"], expected, atol=1e-5)
        np.testing.assert_array_equal(merged[name]["bias"], base[name]["bias"])


@pytest.mark.parametrize("start", STARTS)
def test_every_start_means_its_documented_factor(start, base):
    adapter = build("mlora", start=start)
    weights = some_adapter(adapter, base)
    merged = adapter.merge(base, weights)["layer_1"]["kernel"]
    a, b = weights["layer_1"]["a"], weights["layer_1"]["b"]
    expected = base["layer_1"]["kernel"] * FACTORS[start](np.einsum("ri,ro->io", a, b))
    np.testing.assert_allclose(merged, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["lora", "mlora", "lora_asym", "mlora_asym"])
def test_only_a_mask_tells_the_rank_components_apart(name, base):
    """Theorem 1: without a mask their order means nothing."""
    adapter = build(name)
    weights = some_adapter(adapter, base)
    permuted = jax.tree.map(lambda x: x[np.array([2, 0, 1])], weights)
    merged = [adapter.merge(base, w)["layer_1"]["kernel"] for w in (weights, permuted)]
    assert np.allclose(*merged, atol=1e-4) == (name not in MASKED)


def test_the_literal_lora_start_is_dead_in_the_multiplicative_form(base):
    adapter = build("mlora")
    weights = some_adapter(adapter, base)["layer_1"]
    dead = {"layer_1": {"a": weights["a"], "b": np.zeros_like(weights["b"])}}

    def kernel(weights):
        return adapter.merge(base, weights)["layer_1"]["kernel"]

    assert not np.any(kernel(dead))
    slopes = jax.grad(lambda w: jnp.sum(jnp.sin(kernel(w))))(dead)["layer_1"]
    assert not np.any(slopes["a"])


@pytest.mark.parametrize("rank", [2, 6])
@pytest.mark.parametrize("name", ["lora_asym", "mlora_asym"])
def test_every_row_of_a_has_its_count_of_frozen_entries(name, rank, base):
    free = adapters.by_name(name, rank=rank).free(base)
    for layer, factors in free.items():
        wanted = max(math.isqrt(base[layer]["kernel"].shape[0]), rank - 1)
        np.testing.assert_array_equal(np.sum(~factors["a"], axis=1), wanted)
        assert np.all(factors["b"])


def test_every_neuron_of_the_masked_mlp_has_its_count_of_frozen_entries(base):
    free = build("mlp_asym").free(base)
    for name, layer in free.items():
        wanted = 0 if name == "output" else math.isqrt(9)
        np.testing.assert_array_equal(np.sum(~layer["kernel"], axis=0), wanted)
        assert np.all(layer["bias"])


def test_rows_and_seeds_have_different_masks(base):
    rows, other = (
        np.concatenate([layer["a"] for layer in free.values()])
        for free in (build("mlora_asym", mask_seed=i).free(base) for i in (0, 1))
    )
    assert len(np.unique(rows, axis=0)) > len(rows) / 2
    assert np.any(rows != other)


@pytest.mark.parametrize(("name", "kappa"), [*zip(MASKED, (6, 6, 0), strict=True)])
def test_frozen_values_are_one_draw_for_all_keys_and_bases(name, kappa, base):
    adapter = build(name)
    frozen = jax.tree.map(np.logical_not, adapter.free(base))

    def frozen_values(key, base):
        start = adapter.init(key, base)
        chosen = jax.tree.map(lambda x, f: np.asarray(x)[f], start, frozen)
        return np.concatenate(jax.tree.leaves(chosen))

    values = frozen_values(jax.random.key(0), base)
    other = frozen_values(jax.random.key(1), randomised(base, seed=3))
    np.testing.assert_array_equal(values, other)
    np.testing.assert_allclose(values.std(), kappa, rtol=0.3, atol=1e-9)


@pytest.mark.parametrize("name", MASKED)
def test_a_fit_leaves_frozen_entries_bit_identical(name, field, base):
    adapter = build(name)
    points = coords.grid((3, 5))
    signal = (points, jnp.sin(3.0 * points))
    start = adapter.init(jax.random.key(0), base)
    fit = jax.jit(make_fit(field, adapter, optax.adam(0.1), steps=3, pull=0.1))
    fitted, _ = fit((base, start), jax.random.key(1), signal)
    moved = jax.tree.map(lambda x, y: np.asarray(x) != y, fitted, start)
    moved, free = (
        np.concatenate(jax.tree.leaves(jax.tree.map(np.ravel, tree)))
        for tree in (moved, adapter.free(base))
    )
    assert not np.any(moved & ~free)
    assert np.mean(moved[free]) > 0.9


def test_additive_and_multiplicative_have_equally_many_free_entries(base):
    counts = {
        name: sum(int(np.sum(x)) for x in jax.tree.leaves(build(name).free(base)))
        for name in adapters.ADAPTERS
    }
    assert counts["lora"] == counts["mlora"] == RANK * (4 * 9 + 3 * 9 + 2)
    assert counts["lora_asym"] == counts["mlora_asym"] == counts["lora"] - RANK * 4 * 3
    assert counts["mlp"] - counts["mlp_asym"] == 3 * 9 * 3


def test_skipped_layers_are_left_to_the_base(base):
    for name in ("lora", "mlora_asym"):
        adapter = build(name, ranks={"output": 0})
        weights = some_adapter(adapter, base)
        assert "output" not in weights
        merged = adapter.merge(base, weights)
        chex.assert_trees_all_equal(merged["output"], base["output"])


def test_mistakes_are_refused_with_the_choices(base):
    with pytest.raises(ValueError, match="'nope'.*lora_asym.*mlora"):
        adapters.by_name("nope")
    with pytest.raises(ValueError, match="'warm'.*exp.*normal.*ones.*skip"):
        build("mlora", start="warm")
    with pytest.raises(ValueError, match="'layer_7'.*layer_0.*output"):
        build("lora", ranks={"layer_7": 1}).init(jax.random.key(0), base)
