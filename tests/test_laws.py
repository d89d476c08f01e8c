"""The paper's theorems, and what they say about fields, in float64."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from wsjax import adapters, coords, fields
from wsjax.fields import render
from wsjax.fit import make_fit
from wsjax.symmetry import freedom, mix, move_neurons, permutation

pytestmark = pytest.mark.usefixtures("double")
RANK, D_IN, D_OUT = 4, 7, 5
POINTS = coords.grid((3, 4))
FIELDS = {
    "residual": fields.residual(width=5, blocks=2, channels=2),
    "mlp": fields.mlp(features=4, width=5, channels=2, depth=2),
}
WIRINGS = {"residual": fields.residual_wiring, "mlp": fields.mlp_wiring}


@pytest.fixture
def generator():
    return np.random.default_rng(0)


def randomised(generator, init, *arguments):
    shapes = jax.eval_shape(init, jax.random.key(0), *arguments)
    return jax.tree.map(lambda x: generator.normal(size=x.shape), shapes)


def one_layer(generator):
    layer = {"kernel": generator.normal(size=(D_IN, D_OUT)), "bias": np.zeros(D_OUT)}
    a, b = generator.normal(size=(RANK, D_IN)), generator.normal(size=(RANK, D_OUT))
    return {"layer_0": layer}, {"layer_0": {"a": a, "b": b}}


def merged(name, base, adapter):
    adapted = adapters.by_name(name, rank=RANK).merge(base, adapter)
    return np.asarray(adapted["layer_0"]["kernel"])


def orthogonal(generator, size):
    return np.linalg.qr(generator.normal(size=(size, size)))[0]


def some_moves(generator, wiring, width, *, scaled=True):
    """A random order of every space, and random positive scales."""
    spaces = sorted({space for pair in wiring.values() for space in pair if space})
    return {
        space: (
            generator.permutation(width),
            generator.uniform(0.5, 2.0, width) if scaled else np.ones(width),
        )
        for space in spaces
    }


def carried(adapter, wiring, moves, *, multiplicative):
    """The adapter of the base that `move_neurons` made (Corollary 2.1).

    Factors that multiply are permuted with their channels; the kernel carries the
    scale. Factors that add are scaled as the kernel was, and so are biases.
    """

    def move(x, space, power):
        order, scale = moves.get(space, (np.arange(x.shape[-1]), np.ones(x.shape[-1])))
        return x[..., order] * np.broadcast_to(scale**power, x.shape)

    result = {}
    for name, layer in adapter.items():
        inputs, outputs = wiring[name]
        result[name] = {
            "a": move(layer["a"], inputs, 0.0 if multiplicative else -1.0),
            "b": move(layer["b"], outputs, 0.0 if multiplicative else 1.0),
        }
        if "bias" in layer:
            result[name]["bias"] = move(layer["bias"], outputs, 1.0)
    return result


@pytest.fixture(params=FIELDS)
def network(request, generator):
    """A field, its params, its wiring, and a move of all its neurons."""
    field = FIELDS[request.param]
    params = randomised(generator, field.init)
    wiring = WIRINGS[request.param](params)
    return field, params, wiring, some_moves(generator, wiring, 5)


@pytest.mark.parametrize("name", ["lora", "mlora"])
@pytest.mark.parametrize("group", ["permutation", "general"])
def test_mixtures_of_components_leave_both_forms(name, group, generator):
    """Theorem 1 for permutations, Remark 1 for GL(R)."""
    base, adapter = one_layer(generator)
    matrix = {
        "permutation": permutation([2, 0, 3, 1]),
        "general": generator.normal(size=(RANK, RANK)),
    }[group]
    mixed = mix(adapter, {"layer_0": matrix})
    assert np.abs(mixed["layer_0"]["a"] - adapter["layer_0"]["a"]).max() > 0.1
    difference = merged(name, base, adapter) - merged(name, base, mixed)
    assert np.abs(difference).max() < 1e-10


def test_a_component_scales_the_inputs_then_the_outputs(generator):
    """Theorem 2: W * (BA) = sum_i diag(b_i) W diag(a_i), also on inputs."""
    base, adapter = one_layer(generator)
    kernel, (a, b) = base["layer_0"]["kernel"], adapter["layer_0"].values()
    found = RANK * merged("mlora", base, adapter)
    parts = [
        np.diag(a_i) @ kernel @ np.diag(b_i) for a_i, b_i in zip(a, b, strict=True)
    ]
    assert np.abs(found - sum(parts)).max() < 1e-10
    x = generator.normal(size=D_IN)
    outputs = [b_i * ((a_i * x) @ kernel) for a_i, b_i in zip(a, b, strict=True)]
    assert np.abs(x @ found - sum(outputs)).max() < 1e-10


@pytest.mark.parametrize(
    ("name", "change", "holds"),
    [
        ("mlora", "permutation", True),
        ("mlora", "orthogonal", False),
        ("lora", "permutation", True),
        ("lora", "orthogonal", True),
    ],
)
def test_only_the_additive_form_lets_channels_mix(name, change, holds, generator):
    """Corollary 2.1, the factors changing as the kernel's two sides do."""
    base, adapter = one_layer(generator)
    draw = {"permutation": lambda g, d: permutation(g.permutation(d))}
    draw = draw.get(change, orthogonal)
    left, right = draw(generator, D_IN), draw(generator, D_OUT)
    kernel, (a, b) = base["layer_0"]["kernel"], adapter["layer_0"].values()
    changed = {"layer_0": {**base["layer_0"], "kernel": left @ kernel @ right}}
    moved = {"layer_0": {"a": a @ left.T, "b": b @ right}}
    after = left @ merged(name, base, adapter) @ right
    error = np.abs(merged(name, changed, moved) - after).max()
    assert error < 1e-12 if holds else error > 1


def test_diagonal_scalings_leave_multiplicative_factors_alone(generator):
    """Corollary 2.1: the kernel carries the scale; factors must not carry it again."""
    base, adapter = one_layer(generator)
    left, right = (np.diag(generator.normal(size=d)) for d in (D_IN, D_OUT))
    kernel, (a, b) = base["layer_0"]["kernel"], adapter["layer_0"].values()
    changed = {"layer_0": {**base["layer_0"], "kernel": left @ kernel @ right}}
    after = left @ merged("mlora", base, adapter) @ right
    assert np.abs(merged("mlora", changed, adapter) - after).max() < 1e-12
    twice = {"layer_0": {"a": a @ left, "b": b @ right}}
    assert np.abs(merged("mlora", changed, twice) - after).max() > 0.1


@pytest.mark.parametrize(
    ("name", "left"), [("mlora_asym", 1), ("lora_asym", 0), ("lora", 8), ("mlora", 8)]
)
def test_a_zero_mask_leaves_a_scale_and_a_large_one_nothing(name, left):
    """Corollary 2.2 at the paper's sizes."""
    shape = jax.ShapeDtypeStruct((256, 3), float)
    base = {f"layer_{i}": {"kernel": shape} for i in range(3)}
    adapter = adapters.by_name(name, rank=8)
    start, free = adapter.init(jax.random.key(0), base), adapter.free(base)
    for layer in base:
        found = freedom(start[layer]["a"], free[layer]["a"])
        np.testing.assert_array_equal(found, np.full(8, left))


def test_moved_neurons_leave_the_field(network):
    field, params, wiring, moves = network
    moved = move_neurons(params, wiring, moves)
    for name in wiring:
        assert np.abs(moved[name]["kernel"] - params[name]["kernel"]).max() > 0.1
    expected = np.asarray(render(field, params, POINTS))
    assert np.ptp(expected) > 1
    np.testing.assert_allclose(render(field, moved, POINTS), expected, rtol=1e-9)


def test_one_space_may_move_alone(network):
    field, params, wiring, moves = network
    expected = np.asarray(render(field, params, POINTS))
    for space, move in moves.items():
        moved = move_neurons(params, wiring, {space: move})
        np.testing.assert_allclose(render(field, moved, POINTS), expected, rtol=1e-9)


@pytest.mark.parametrize(
    ("name", "options"),
    [("lora", {}), ("mlora", {"start": "normal"}), ("mlora", {"start": "exp"})],
)
def test_merging_and_moving_commute(name, options, network, generator):
    field, base, wiring, moves = network
    adapter = adapters.by_name(name, rank=2, biases=True, **options)
    weights = randomised(generator, adapter.init, base)
    along = carried(weights, wiring, moves, multiplicative=name == "mlora")
    moved = adapter.merge(move_neurons(base, wiring, moves), along)
    merged = adapter.merge(base, weights)
    expected = move_neurons(merged, wiring, moves)
    for layer in wiring:
        for leaf in ("kernel", "bias"):
            np.testing.assert_allclose(moved[layer][leaf], expected[layer][leaf])
    before, after = render(field, merged, POINTS), render(field, moved, POINTS)
    np.testing.assert_allclose(after, before, rtol=1e-9)


@pytest.mark.parametrize("name", ["lora", "mlora"])
def test_a_fit_on_permuted_neurons_is_the_permuted_fit(name, generator):
    """The permutation alignment probe: only names of neurons have changed."""
    field = fields.residual(width=5, blocks=1, channels=2)
    base = field.init(jax.random.key(0))
    wiring = fields.residual_wiring(base)
    moves = some_moves(generator, wiring, 5, scaled=False)
    adapter = adapters.by_name(name, rank=2)
    start = adapter.init(jax.random.key(1), base)

    def permuted_too(weights):
        return carried(weights, wiring, moves, multiplicative=name == "mlora")

    fit = jax.jit(make_fit(field, adapter, optax.adam(0.05), steps=5))
    signal, key = (POINTS, jnp.sin(3.0 * POINTS)), jax.random.key(2)
    fitted, _ = fit((base, start), key, signal)
    permuted_base = move_neurons(base, wiring, moves)
    permuted, _ = fit(
        (permuted_base, permuted_too(start)), jax.random.clone(key), signal
    )
    moved = permuted_too(fitted)
    for other in (permuted_too(start), fitted):
        assert np.abs(moved["layer_1"]["a"] - other["layer_1"]["a"]).max() > 1e-2
    chex.assert_trees_all_close(permuted, moved, atol=1e-9)
