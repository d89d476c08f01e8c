"""One representative for all adapters that mean the same."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawn import FIELD, normal, some_adapter

from wsjax import coords
from wsjax.fields import render
from wsjax.symmetry import (
    balanced,
    canonicaliser,
    is_admissible,
    mix,
    scaling,
    spectral,
)

pytestmark = pytest.mark.usefixtures("double")
RANK = 3
NAMES = ("lora", "lora_asym", "mlora", "mlora_asym")


def left_by_the_mask(name, seed=0):
    """A random element of the group that the mask leaves, for every layer."""
    generator = np.random.default_rng(seed)
    layers = ("layer_0", "layer_1", "layer_2", "output")
    signs = np.array([1.0, -1.0, -1.0])
    draw = {
        "lora": lambda: generator.normal(size=(RANK, RANK)),
        "mlora": lambda: generator.normal(size=(RANK, RANK)),
        "lora_asym": lambda: np.eye(RANK),
        "mlora_asym": lambda: scaling(signs * generator.uniform(0.2, 5.0, RANK)),
    }
    return {layer: draw[name]() for layer in layers}


def one(a, b):
    return {"layer_0": {"a": np.array(a), "b": np.array(b)}}


@pytest.mark.parametrize("name", NAMES)
def test_the_canonical_adapter_forgets_what_the_mask_leaves(name):
    _, _, free, start, weights = some_adapter(name, rank=RANK)
    canonical = canonicaliser(free, start)
    matrices = left_by_the_mask(name)
    assert is_admissible(weights, free, matrices)
    found = canonical(weights)
    chex.assert_trees_all_close(canonical(mix(weights, matrices)), found, atol=1e-9)
    chex.assert_trees_all_close(canonical(found), found, atol=1e-9)
    for layer, factors in found.items():
        frozen = ~np.asarray(free[layer]["a"])
        kept = np.asarray(weights[layer]["a"])[frozen]
        np.testing.assert_array_equal(np.asarray(factors["a"])[frozen], kept)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        *[(name, {}) for name in NAMES],
        *[("mlora", {"start": start}) for start in ("normal", "skip", "exp")],
    ],
)
def test_the_canonical_adapter_renders_the_same_field(name, options):
    adapter, base, free, start, weights = some_adapter(name, rank=RANK, **options)
    points = coords.grid((4, 4))
    canonical = canonicaliser(free, start)(weights)
    before, after = (
        np.asarray(render(FIELD, adapter.merge(base, w), points))
        for w in (weights, canonical)
    )
    assert np.abs(after - before).max() < 1e-5 < np.ptp(before)


@pytest.mark.parametrize("name", ["mlora", "mlora_asym"])
def test_many_single_precision_adapters_at_once(name):
    with jax.enable_x64(False):
        _, _, free, start, weights = some_adapter(name, rank=RANK)
        canonical = canonicaliser(free, start)
        pair = [weights, mix(weights, left_by_the_mask(name))]
        stacked = jax.tree.map(lambda *xs: jnp.stack(xs), *pair)
        many = jax.jit(jax.vmap(canonical))(stacked)
        for i in range(2):
            found = jax.tree.map(lambda x, i=i: x[i], many)
            chex.assert_trees_all_close(found, canonical(weights), atol=1e-4)


def test_balanced_components_have_equal_norms_and_a_positive_sum():
    weights = some_adapter("mlora", rank=RANK)[-1]
    for layer, (a, b) in ((k, v.values()) for k, v in balanced(weights).items()):
        sizes = np.linalg.norm(a, axis=1)
        np.testing.assert_allclose(np.linalg.norm(b, axis=1), sizes)
        assert np.all(np.sum(b, axis=1) > 0)
        product = weights[layer]["a"].T @ weights[layer]["b"]
        np.testing.assert_allclose(a.T @ b, product, atol=1e-12)


def test_spectral_components_are_the_singular_ones():
    weights = some_adapter("mlora", rank=RANK)[-1]
    for layer, (a, b) in ((k, v.values()) for k, v in spectral(weights).items()):
        product = weights[layer]["a"].T @ weights[layer]["b"]
        sizes = np.linalg.svd(product, compute_uv=False)
        sizes = np.append(sizes, 0.0)[:RANK]  # The output has two channels only.
        np.testing.assert_allclose(a @ a.T, np.diag(sizes), atol=1e-9)
        np.testing.assert_allclose(b @ b.T, np.diag(sizes), atol=1e-9)
        np.testing.assert_allclose(a.T @ b, product, atol=1e-12)


def test_dead_components_become_zeros():
    adapter = one([[0.0, 0.0], [1.0, 2.0], [3.0, 1.0]], [[1.0], [0.0], [4.0]])
    a, b = balanced(adapter)["layer_0"].values()
    assert not np.any(a[:2]) and not np.any(b[:2])
    np.testing.assert_allclose(np.outer(a[2], b[2]), [[12.0], [4.0]])
    a, b = spectral(adapter)["layer_0"].values()
    np.testing.assert_allclose(np.outer(a[0], b[0]), [[12.0], [4.0]])
    assert not np.any(a[1:]) and not np.any(b[1:])
    zero = one(np.zeros((2, 3)), np.zeros((2, 3)))
    chex.assert_trees_all_equal(spectral(zero), zero)
    chex.assert_trees_all_equal(balanced(zero), zero)


def test_rounding_does_not_revive_a_spent_component():
    a, b = normal(0, (3, 6)), normal(1, (3, 5))
    a[2] = a[0] + a[1]
    found = spectral(mix(one(a, b), {"layer_0": normal(2, (3, 3))}))
    assert not np.any(found["layer_0"]["a"][2])
    chex.assert_trees_all_close(found, spectral(one(a, b)), atol=1e-9)


def test_layers_without_factors_and_other_leaves_are_kept():
    _, _, free, start, weights = some_adapter("mlp_asym")
    for form in (canonicaliser(free, start), balanced, spectral):
        chex.assert_trees_all_equal(form(weights), weights)
    factors = {"layer_0": {"a": np.ones((1, 2)), "b": np.ones((1, 2)), "bias": [7.0]}}
    for form in (balanced, spectral):
        assert form(factors)["layer_0"]["bias"] == [7.0]
