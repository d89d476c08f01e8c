import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from wsjax import adapters, latent, models
from wsjax.models import layers
from wsjax.models.tensor_transformer import tensors

WIDTH, HEADS = 6, 2
BASE = {
    "layer_0": {"kernel": np.ones((4, 3)), "bias": np.ones(3)},
    "layer_1": {"kernel": np.ones((3, 4)), "bias": np.ones(4)},
    "output": {"kernel": np.ones((4, 1)), "bias": np.ones(1)},
}
LEAVES = ("layer_0_bias", "layer_0_kernel", "layer_1_bias", "layer_1_kernel")
LEAVES += ("output_bias", "output_kernel")
SIZES = (3, 12, 4, 12, 1, 4)
PARTS = dict(
    zip(LEAVES, np.split(np.arange(sum(SIZES)), np.cumsum(SIZES)[:-1]), strict=True)
)
NOISY = np.random.default_rng(0).normal(size=sum(SIZES)).astype(np.float32)


def network(depth):
    """`apply(params, noisy, t)` and parameters without any zeros."""
    free = adapters.by_name("mlp").free(BASE)
    options = {"width": WIDTH, "depth": depth, "heads": HEADS}
    module = models.by_name("tensor_transformer", free, **options)
    init = functools.partial(module.init, train=False)
    shapes = jax.eval_shape(init, jax.random.key(0), NOISY, 0.5, -1)["params"]
    generator = np.random.default_rng(1)
    params = jax.tree.map(
        lambda x: generator.normal(scale=0.5, size=x.shape).astype(np.float32), shapes
    )

    def apply(params, noisy, t):
        return module.apply({"params": params}, noisy, t, -1, train=False)

    return apply, params


@pytest.fixture(scope="module")
def built():
    apply, params = network(depth=2)
    return jax.jit(apply), params


def test_tensors_are_the_leaves_in_the_order_of_the_vector():
    free = adapters.by_name("mlp").free(BASE)
    found = tensors(free)
    assert tuple(tensor.name for tensor in found) == LEAVES
    group = np.repeat(np.arange(len(found)), [tensor.size for tensor in found])
    np.testing.assert_array_equal(group, latent.groups(free))
    # What one leaf holds stands at that leaf's place.
    marked = jax.tree.map(np.zeros_like, BASE)
    marked["layer_1"]["kernel"] += 1
    vector = latent.free_entries(free, BASE).encode(marked)
    np.testing.assert_array_equal(np.flatnonzero(vector), PARTS["layer_1_kernel"])


def test_frozen_entries_are_no_part_of_a_token():
    free = {"a": np.array([True, False, True]), "b": np.zeros(4, bool), "c": np.ones(2)}
    found = tensors(free)
    assert found == (("a", 2), ("c", 2))


def test_the_parameters_are_those_of_hyperdiffusion():
    """Their field of 36,737 numbers and their sizes: 1.41 billion parameters."""
    widths, width, depth = (27, 128, 128, 128, 1), 2880, 12
    free = {
        f"layer_{i}": {"kernel": np.ones((a, b), bool), "bias": np.ones(b, bool)}
        for i, (a, b) in enumerate(zip(widths, widths[1:], strict=False))
    }
    k = 36_737
    module = models.by_name(
        "tensor_transformer", free, width=width, depth=depth, heads=16
    )
    shapes = jax.eval_shape(
        functools.partial(module.init, train=False),
        jax.random.key(0),
        jnp.ones(k),
        0.5,
        -1,
    )
    found = sum(x.size for x in jax.tree.leaves(shapes))
    norm = 2 * width
    block = 4 * (width + 1) * width + (8 * width + 5) * width + 2 * norm
    inputs, outputs = (k + 256) * width, k * width
    tokens, skip = 9 * width, 257
    assert found == depth * block + inputs + outputs + tokens + 2 * norm + skip
    assert round(found / 1e9, 2) == 1.41


def layer_norm(x, params):
    x = (x - x.mean(axis=-1, keepdims=True)) / np.sqrt(x.var(axis=-1, keepdims=True))
    return x * params["scale"] + params["bias"]


def attention(x, params):
    query, key, value = (
        np.einsum("tw,whd->htd", x, params[name]["kernel"])
        + params[name]["bias"][:, None]
        for name in ("query", "key", "value")
    )
    weights = np.exp(np.einsum("hsd,htd->hst", query, key) / np.sqrt(WIDTH / HEADS))
    weights /= weights.sum(axis=-1, keepdims=True)
    mixed = np.einsum("hst,htd->shd", weights, value)
    return (
        np.einsum("shd,hdw->sw", mixed, params["out"]["kernel"]) + params["out"]["bias"]
    )


def by_hand(params, noisy, t):
    """The network in numpy, tensor by tensor."""
    time = np.asarray(layers.time_features(jnp.asarray(t), 256))
    parts = [
        noisy[place] @ params[f"in_{name}"]["kernel"] for name, place in PARTS.items()
    ]
    x = np.stack([*parts, time @ params["time"]["kernel"]])
    x = layer_norm(x, params["norm_in"]) + params["positions"]
    for i in range(2):
        block = params[f"Block_{i}"]
        inner = layer_norm(x, block["LayerNorm_0"])
        x = x + attention(inner, block["MultiHeadDotProductAttention_0"])
        inner = layer_norm(x, block["LayerNorm_1"])
        first, second = (block["TokenMlp_0"][f"Dense_{j}"] for j in (0, 1))
        inner = np.asarray(jax.nn.gelu(inner @ first["kernel"] + first["bias"]))
        x = x + inner @ second["kernel"] + second["bias"]
    x = layer_norm(x, params["norm_out"])
    out = [x[i] @ params[f"out_{name}"]["kernel"] for i, name in enumerate(PARTS)]
    gate = params["InputSkip_0"]["Dense_0"]
    return np.concatenate(out) + (time @ gate["kernel"] + gate["bias"]) * noisy


@pytest.mark.parametrize("t", [0.0, 0.3, 1.0])
def test_the_network_is_the_one_that_is_described(t, built):
    apply, params = built
    expected = by_hand(params, NOISY, t)
    np.testing.assert_allclose(apply(params, NOISY, t), expected, rtol=1e-3, atol=1e-3)


def exchanged(tree, one, other):
    return {**tree, one: tree[other], other: tree[one]}


def test_the_order_of_the_tensors_is_told_by_their_own_parameters_alone(built):
    """Two tensors that change places with all their parameters do so in the output."""
    apply, params = built
    order = np.arange(len(NOISY))
    one, other = PARTS["layer_0_kernel"], PARTS["layer_1_kernel"]
    order[one], order[other] = other, one
    places = np.array([0, 3, 2, 1, 4, 5, 6])
    swapped = {**params, "positions": params["positions"][places]}
    for side in ("in", "out"):
        swapped = exchanged(swapped, f"{side}_layer_0_kernel", f"{side}_layer_1_kernel")
    out = apply(params, NOISY, 0.5)
    np.testing.assert_allclose(
        apply(swapped, NOISY[order], 0.5), out[order], rtol=1e-3, atol=1e-4
    )
    swapped["positions"] = params["positions"]
    assert np.abs(apply(swapped, NOISY[order], 0.5) - out[order]).max() > 0.05


def without(params, name):
    return {**params, name: {"kernel": np.zeros_like(params[name]["kernel"])}}


@pytest.mark.parametrize("name", LEAVES)
def test_each_tensor_has_its_own_way_in_and_out(name, built):
    apply, params = built
    gate = jax.tree.map(np.zeros_like, params["InputSkip_0"])
    params = {**params, "InputSkip_0": gate}
    place = PARTS[name]
    out = apply(params, NOISY, 0.5)
    shut = apply(without(params, f"out_{name}"), NOISY, 0.5)
    assert not np.any(shut[place]) and np.all(out[place] != 0)
    np.testing.assert_array_equal(np.delete(shut, place), np.delete(out, place))
    changed = NOISY.copy()
    changed[place] *= -1.0  # Layer norms see no more than the sign of one number.
    deaf = without(params, f"in_{name}")
    np.testing.assert_array_equal(apply(deaf, changed, 0.5), apply(deaf, NOISY, 0.5))
    assert np.abs(apply(params, changed, 0.5) - out).max() > 1e-3


def test_the_gradient_reaches_every_parameter_once_the_outputs_have_left_zero():
    apply, params = network(depth=1)
    fresh = {
        name: jax.tree.map(np.zeros_like, part) if name.startswith("out_") else part
        for name, part in params.items()
    }

    def loss(params):
        wrong = apply(params, NOISY, 0.5) - jnp.asarray(NOISY[::-1])
        return jnp.mean(jnp.square(wrong))

    gradient = jax.jit(jax.grad(loss))
    moved = jax.tree.map(lambda x, g: x - 0.1 * g, fresh, gradient(fresh))
    for path, leaf in jax.tree_util.tree_leaves_with_path(gradient(moved)):
        name = jax.tree_util.keystr(path, simple=True, separator="/")
        # What is added to all keys alike does not change a softmax over them.
        assert (np.abs(leaf).max() > 1e-6) != name.endswith("key/bias"), name


def test_a_width_that_the_heads_do_not_share_is_refused():
    with pytest.raises(ValueError, match="width=7 is not a multiple of heads=2"):
        models.by_name("tensor_transformer", {}, width=7, depth=1, heads=2)
