"""One instance lined up with another: planted moves are found, functions stay."""

import itertools

import chex
import jax
import numpy as np
import pytest

from wsjax import adapters, coords, fields
from wsjax.fields import render
from wsjax.symmetry import (
    balanced,
    mix,
    move_neurons,
    neurons_to,
    permutation,
    permuted_to,
    scaling,
)

pytestmark = pytest.mark.usefixtures("double")
RANK = 3
LAYERS = {"layer_0": (6, 5), "output": (5, 2)}


@pytest.fixture
def generator():
    return np.random.default_rng(0)


def some_adapter(generator):
    return {
        name: {
            "a": generator.normal(size=(RANK, d_in)),
            "b": generator.normal(size=(RANK, d_out)),
            "bias": generator.normal(size=d_out),
        }
        for name, (d_in, d_out) in LAYERS.items()
    }


def similarity(x, y):
    parts = jax.tree.map(lambda x, y: np.sum(np.asarray(x) * np.asarray(y)), x, y)
    return sum(jax.tree.leaves(parts))


def products(adapter):
    return {name: x["a"].T @ x["b"] for name, x in adapter.items()}


def some_field(kind, generator):
    """A field with its wiring and two unrelated settings of its weights."""
    field, wiring = {
        "shallow": (fields.mlp(features=4, width=4, channels=2), fields.mlp_wiring),
        "deep": (
            fields.mlp(features=4, width=6, channels=2, depth=2),
            fields.mlp_wiring,
        ),
        "residual": (
            fields.residual(width=6, blocks=2, channels=2),
            fields.residual_wiring,
        ),
    }[kind]
    shapes = jax.eval_shape(field.init, jax.random.key(0))
    pair = [
        jax.tree.map(lambda x: generator.normal(size=x.shape), shapes) for _ in range(2)
    ]
    return field, wiring(shapes), *pair


def spaces(wiring):
    return sorted({space for pair in wiring.values() for space in pair if space})


def test_a_planted_order_sign_and_scale_is_undone(generator):
    reference = some_adapter(generator)
    planted = {
        name: scaling(generator.normal(size=RANK))
        @ permutation(generator.permutation(RANK))
        for name in reference
    }
    found = permuted_to(mix(reference, planted), reference)
    chex.assert_trees_all_close(found, balanced(reference), atol=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_no_signed_order_is_more_similar(seed):
    generator = np.random.default_rng(seed)
    ours, theirs = ({"layer_0": some_adapter(generator)["layer_0"]} for _ in range(2))
    ours, target = balanced(ours), balanced(theirs)
    best = max(
        similarity(mix(ours, {"layer_0": scaling(signs) @ permutation(order)}), target)
        for order in itertools.permutations(range(RANK))
        for signs in itertools.product([1.0, -1.0], repeat=RANK)
    )
    found = similarity(permuted_to(ours, theirs), target)
    np.testing.assert_allclose(found, best, rtol=1e-12)


def test_alignment_of_components_leaves_products_and_biases(generator):
    ours, theirs = some_adapter(generator), some_adapter(generator)
    aligned = permuted_to(ours, theirs)
    chex.assert_trees_all_close(products(aligned), products(ours), atol=1e-12)
    for name in ours:
        np.testing.assert_array_equal(aligned[name]["bias"], ours[name]["bias"])


def test_whole_layers_have_no_components_to_align(generator):
    _, _, ours, theirs = some_field("shallow", generator)
    chex.assert_trees_all_equal(permuted_to(ours, theirs), ours)


@pytest.mark.parametrize("kind", ["shallow", "deep", "residual"])
def test_a_planted_order_of_neurons_is_undone(kind, generator):
    _, wiring, reference, _ = some_field(kind, generator)
    width = len(reference["output"]["kernel"])
    moves = {
        space: (generator.permutation(width), np.ones(width))
        for space in spaces(wiring)
    }
    found = neurons_to(move_neurons(reference, wiring, moves), reference, wiring)
    chex.assert_trees_all_equal(found, reference)


@pytest.mark.parametrize("kind", ["shallow", "deep", "residual"])
def test_alignment_of_neurons_raises_similarity_and_leaves_the_field(kind, generator):
    field, wiring, ours, theirs = some_field(kind, generator)
    aligned = neurons_to(ours, theirs, wiring)
    assert similarity(aligned, theirs) > similarity(ours, theirs) + 0.1
    points = coords.grid((3, 4))
    expected = np.asarray(render(field, ours, points))
    np.testing.assert_allclose(render(field, aligned, points), expected, rtol=1e-9)
    chex.assert_trees_all_equal(neurons_to(aligned, theirs, wiring), aligned)


@pytest.mark.parametrize("seed", range(5))
def test_neurons_of_one_hidden_layer_are_matched_exactly(seed):
    _, wiring, ours, theirs = some_field("shallow", np.random.default_rng(seed))
    orders = map(np.array, itertools.permutations(range(4)))
    moves = ({"hidden_0": (order, np.ones(4))} for order in orders)
    best = max(similarity(move_neurons(ours, wiring, move), theirs) for move in moves)
    found = similarity(neurons_to(ours, theirs, wiring), theirs)
    np.testing.assert_allclose(found, best, rtol=1e-12)


def test_a_layer_from_a_space_to_itself_is_refused(generator):
    _, wiring, ours, theirs = some_field("deep", generator)
    wiring = {**wiring, "layer_1": ("hidden_0", "hidden_0")}
    with pytest.raises(ValueError, match="'layer_1' leads from 'hidden_0' back"):
        neurons_to(ours, theirs, wiring)


def test_a_whole_adapter_is_aligned_without_its_base(generator):
    _, wiring, ours, theirs = some_field("deep", generator)
    adapter = adapters.by_name("mlp")
    pair = [adapter.init(jax.random.key(0), params) for params in (ours, theirs)]
    found = neurons_to(*pair, wiring)
    expected = neurons_to(ours, theirs, wiring)
    del expected["fourier"]
    chex.assert_trees_all_equal(found, expected)
