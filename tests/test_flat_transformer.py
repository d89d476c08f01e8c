"""The transformers on raw weights: the hierarchy, its control, and biases."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.denoisers import BASE, OPTIONS, Built, build, free_of, numbered_leaves
from wsjax import adapters, models
from wsjax.models.trunk import Trunk


@pytest.mark.parametrize("denoiser", ["lora_transformer", "flat_transformer"])
def test_adapted_biases_and_layers_of_one_component_are_denoised(denoiser):
    """Each bias is read, and has its own way out; the middle layer is never alone."""
    free = free_of("mlora_asym", ranks={"output": 1}, biases=True)
    built = Built(denoiser, free, dropout=0.0)
    numbers = jax.tree.leaves(numbered_leaves(free)["layer_1"]["bias"])[0]
    places = (numbers - 1).astype(int)
    out = built.apply(built.params, built.noisy, 0.5)
    changed = built.noisy.copy()
    changed[places] += 1.0
    assert np.all(built.apply(built.params, changed, 0.5)[-3:] != out[-3:])
    way = "bias_layer_1" if denoiser == "lora_transformer" else "out_layer_1"
    shut = jax.tree.map(np.zeros_like, built.params["params"][way])
    params = {"params": {**built.params["params"], way: shut}}
    gate = jax.tree.map(np.zeros_like, params["params"]["InputSkip_0"])
    params["params"]["InputSkip_0"] = gate
    assert not np.any(built.apply(params, built.noisy, 0.5)[places])


def test_the_flat_transformer_has_one_token_per_layer_of_whole_weights_too():
    free = adapters.by_name("mlp_asym").free(BASE)
    module = models.by_name("flat_transformer", free, **OPTIONS["flat_transformer"])
    assert [layer.name for layer in module.where] == ["layer_0", "layer_1", "output"]
    # Of five inputs two are frozen per output channel, but in the last layer.
    assert [layer.size for layer in module.where] == [3 * 5 + 5, 3 * 5 + 5, 5 * 2 + 2]


def test_without_a_hierarchy_nothing_but_the_ways_in_and_out_differs():
    """The control: one trunk of equal shape, and no attention inside of a layer."""
    hierarchy, flat = (
        build(name).fresh["params"] for name in ("lora_transformer", "flat_transformer")
    )
    common = ("Trunk_0", "TimeEmbedding_0", "InputSkip_0")
    for part in common:
        shapes = [jax.tree.map(np.shape, x[part]) for x in (hierarchy, flat)]
        assert shapes[0] == shapes[1]
    ways = {f"{way}_{layer}" for way in ("in", "out") for layer in BASE}
    assert set(flat) - set(common) == ways


def test_equal_tokens_are_told_apart_by_their_places_alone():
    trunk = Trunk(width=6, depth=1, heads=2)
    tokens, condition = jnp.ones((4, 6)), jnp.ones(6)
    shapes = jax.eval_shape(
        lambda key: trunk.init(key, tokens, condition, train=False), jax.random.key(0)
    )
    generator = np.random.default_rng(0)
    params = jax.tree.map(lambda x: generator.normal(size=x.shape), shapes)
    apply = jax.jit(lambda params: trunk.apply(params, tokens, condition, train=False))
    assert np.ptp(apply(params), axis=0).min() > 1e-3
    params["params"]["positions"] = np.zeros((4, 6))
    np.testing.assert_allclose(np.ptp(apply(params), axis=0), 0.0, atol=1e-5)
