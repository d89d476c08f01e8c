"""What may act on an adapter or a field, and what is refused."""

import chex
import jax
import numpy as np
import pytest
from drawn import FIELD, drawn_like, normal, some_adapter

from wsjax import fields
from wsjax.symmetry import (
    is_admissible,
    mix,
    move_neurons,
    permutation,
    scaling,
)

pytestmark = pytest.mark.usefixtures("double")
RANK = 3


def one(a, b):
    return {"layer_0": {"a": np.array(a), "b": np.array(b)}}


def test_special_matrices_do_what_they_are_called():
    adapter = one(normal(0, (3, 4)), normal(1, (3, 2)))
    a, b = adapter["layer_0"].values()
    order, scale = np.array([2, 0, 1]), np.array([2.0, -0.5, 3.0])[:, None]
    permuted = mix(adapter, {"layer_0": permutation(order)})
    chex.assert_trees_all_equal(permuted, one(a[order], b[order]))
    scaled = mix(adapter, {"layer_0": scaling(scale[:, 0])})
    chex.assert_trees_all_close(scaled, one(a / scale, b * scale), rtol=1e-12)


def test_mixing_composes_and_leaves_what_is_not_named():
    adapter = {
        "layer_0": {"a": normal(0, (2, 4)), "b": normal(1, (2, 3)), "bias": np.ones(3)},
        "output": {"a": normal(2, (2, 3)), "b": normal(3, (2, 3))},
    }
    g, h = normal(4, (2, 2)), normal(5, (2, 2))
    twice = mix(mix(adapter, {"layer_0": g}), {"layer_0": h})
    chex.assert_trees_all_close(twice, mix(adapter, {"layer_0": h @ g}), rtol=1e-9)
    chex.assert_trees_all_equal(twice["output"], adapter["output"])
    chex.assert_trees_all_equal(twice["layer_0"]["bias"], np.ones(3))


@pytest.mark.parametrize(
    ("name", "admitted"),
    [
        ("lora", {"identity", "scale", "sign", "permutation", "general"}),
        ("mlora", {"identity", "scale", "sign", "permutation", "general"}),
        ("mlora_asym", {"identity", "scale", "sign"}),
        ("lora_asym", {"identity"}),
    ],
)
def test_a_mask_admits_exactly_its_own_group(name, admitted):
    _, _, free, _, weights = some_adapter(name, rank=RANK)
    matrices = {
        "identity": np.eye(RANK),
        "scale": scaling([2.0, 1.0, 1.0]),
        "sign": scaling([1.0, -1.0, 1.0]),
        "permutation": permutation([1, 0, 2]),
        "general": normal(0, (RANK, RANK)),
    }
    for layer in weights:
        found = {
            label
            for label, matrix in matrices.items()
            if is_admissible(weights, free, {layer: matrix})
        }
        assert found == admitted


def test_mistakes_are_refused():
    base = drawn_like(jax.eval_shape(FIELD.init, jax.random.key(0)), 0)
    adapter = one(normal(0, (2, 4)), normal(1, (2, 3)))
    wiring, still = fields.residual_wiring(base), np.ones(9)
    with pytest.raises(ValueError, match="permutation.*0, 0, 1"):
        permutation([0, 0, 1])
    with pytest.raises(ValueError, match="not zero.*0.0"):
        scaling([1.0, 0.0])
    with pytest.raises(ValueError, match="'layer_9'.*layer_0"):
        mix(adapter, {"layer_9": np.eye(2)})
    with pytest.raises(ValueError, match=r"rank 2.*\(3, 3\)"):
        mix(adapter, {"layer_0": np.eye(3)})
    with pytest.raises(ValueError, match="'river'.*inner_1.*stream"):
        move_neurons(base, wiring, {"river": (np.arange(9), still)})
    with pytest.raises(ValueError, match="cannot move {None}"):
        move_neurons(base, wiring, {None: (np.arange(9), still)})
    for order in (np.arange(8), np.zeros(9, int)):
        with pytest.raises(ValueError, match="'stream' needs a permutation of 9"):
            move_neurons(base, wiring, {"stream": (order, still)})
    for scale in (-still, 0 * still, still[:8], np.nan * still):
        with pytest.raises(ValueError, match="'inner_1' needs 9 positive scales"):
            move_neurons(base, wiring, {"inner_1": (np.arange(9), scale)})


def test_wirings_name_every_layer_in_order():
    params = jax.eval_shape(FIELD.init, jax.random.key(0))
    assert fields.residual_wiring(params) == {
        "layer_0": (None, "stream"),
        "layer_1": ("stream", "inner_1"),
        "layer_2": ("inner_1", "stream"),
        "output": ("stream", None),
    }
    field = fields.mlp(features=4, width=3, channels=1, depth=2)
    assert fields.mlp_wiring(jax.eval_shape(field.init, jax.random.key(0))) == {
        "layer_0": (None, "hidden_0"),
        "layer_1": ("hidden_0", "hidden_1"),
        "output": ("hidden_1", None),
    }
