import jax
import jax.numpy as jnp
import numpy as np
import pytest

from wsjax import coords, fields

COORD = np.array([0.3, -0.7], np.float32)


def randomised(params, seed=0):
    """The same structure with normal leaves, so that no bias hides behind a zero."""
    generator = np.random.default_rng(seed)
    return jax.tree.map(
        lambda x: generator.normal(size=x.shape).astype(np.float32), params
    )


@pytest.fixture(scope="module")
def network():
    return fields.modulated(
        width=6, blocks=1, channels=2, omega=3.0, latent_dim=4, style_dim=5
    )


@pytest.fixture(scope="module")
def params(network):
    params = randomised(jax.eval_shape(network.init, jax.random.key(0)))
    mapping = {
        name: {"kernel": 100 * layer["kernel"], "bias": 100 * layer["bias"]}
        for name, layer in params["mapping"].items()
    }
    return {**params, "mapping": mapping}


def activation(x):
    return np.sqrt(2) * np.where(x > 0, x, 0.2 * x)


def styled(layer, code, x, *, demodulate):
    """StyleGAN2 with the scales on the activations instead of on the weights."""
    affine = layer["affine"]
    scale = code @ affine["kernel"] / np.sqrt(len(code)) + affine["bias"]
    weight = layer["kernel"] / np.sqrt(len(x))
    out = (scale * x) @ weight
    if demodulate:
        out = out / np.sqrt(np.square(scale) @ np.square(weight) + 1e-8)
    return out + layer["bias"]


def modulated_by_hand(params, latent, coord):
    code = latent
    for name in ("mapping_0", "mapping_1"):
        layer = params["mapping"][name]
        out = code @ layer["kernel"] / np.sqrt(len(code)) + layer["bias"]
        code = activation(0.01 * out)
    fourier, layers = params["fourier"], params["layers"]
    x = np.sin(coord @ fourier["frequencies"] + fourier["phases"])
    x = activation(styled(layers["layer_0"], code, x, demodulate=True))
    inner = activation(styled(layers["layer_1"], code, x, demodulate=True))
    inner = activation(styled(layers["layer_2"], code, inner, demodulate=True))
    x = (x + inner) / np.sqrt(2)
    return styled(layers["output"], code, x, demodulate=False)


def test_the_fold_is_the_modulated_network(network, params):
    latent = np.random.default_rng(1).normal(size=4)
    code = network.style(params, jnp.asarray(latent, jnp.float32))
    value = network.field.apply(network.fold(params, code), COORD)
    np.testing.assert_allclose(
        value, modulated_by_hand(params, latent, COORD), rtol=1e-4, atol=1e-5
    )


def test_folded_hidden_kernels_have_columns_of_unit_norm(network, params):
    folded = network.fold(params, jnp.ones(5))
    for name in ("layer_0", "layer_1", "layer_2"):
        norms = np.linalg.norm(folded[name]["kernel"], axis=0)
        np.testing.assert_allclose(norms, 1.0, atol=1e-5)
    norms = np.linalg.norm(folded["output"]["kernel"], axis=0)
    assert not np.allclose(norms, 1.0, atol=1e-2)


def test_a_fold_has_the_structure_of_the_residual_field(network, params):
    folded = jax.eval_shape(network.fold, params, jnp.ones(5))
    assert folded == jax.eval_shape(network.field.init, jax.random.key(0))


def test_mapping_layers_apply_in_the_order_of_their_numbers():
    network = fields.modulated(
        width=3, blocks=0, channels=1, latent_dim=2, style_dim=2, mapping_depth=11
    )
    params = randomised(jax.eval_shape(network.init, jax.random.key(0)))
    code = np.array([1.0, -0.5])
    for i in range(11):
        layer = params["mapping"][f"mapping_{i}"]
        code = activation(0.01 * (code @ layer["kernel"] / np.sqrt(2) + layer["bias"]))
    found = network.style(params, jnp.array([1.0, -0.5]))
    np.testing.assert_allclose(found, code, rtol=1e-4)


@pytest.fixture(scope="module")
def mlp():
    field = fields.mlp(features=6, width=5, channels=2, depth=2, scale=0.5)
    return field, randomised(jax.eval_shape(field.init, jax.random.key(0)))


def test_mlp_is_sines_and_cosines_and_linear_layers(mlp):
    field, params = mlp
    phases = COORD @ params["fourier"]["frequencies"]
    x = np.concatenate([np.sin(phases), np.cos(phases)])
    for name in ("layer_0", "layer_1"):
        x = np.maximum(x @ params[name]["kernel"] + params[name]["bias"], 0)
    value = x @ params["output"]["kernel"] + params["output"]["bias"]
    np.testing.assert_allclose(field.apply(params, COORD), value, rtol=1e-5)


def test_mlp_frequencies_have_the_asked_spread():
    field = fields.mlp(features=4000, width=1, channels=1, scale=0.5)
    params = jax.jit(field.init)(jax.random.key(0))
    spread = np.std(params["fourier"]["frequencies"])
    np.testing.assert_allclose(spread, 0.5 * np.pi, rtol=0.05)


def test_permuting_the_neurons_of_the_mlp_leaves_its_function(mlp):
    field, params = mlp
    order = np.array([3, 0, 4, 1, 2])
    first, second = params["layer_0"], params["layer_1"]
    first = {"kernel": first["kernel"][:, order], "bias": first["bias"][order]}
    second = {**second, "kernel": second["kernel"][order]}
    permuted = {**params, "layer_0": first, "layer_1": second}
    np.testing.assert_allclose(
        field.apply(permuted, COORD), field.apply(params, COORD), rtol=1e-5
    )


def test_an_odd_number_of_features_is_refused():
    with pytest.raises(ValueError, match="features must be even .*got 7"):
        fields.mlp(features=7, width=4, channels=1)


def test_fourier_layer_is_bounded_by_omega():
    field = fields.residual(width=500, blocks=0, channels=1, dim=3, omega=5.0)
    fourier = jax.jit(field.init)(jax.random.key(0))["fourier"]
    largest = np.abs(fourier["frequencies"]).max() / 5.0
    assert 0.99 * np.sqrt(9 / 3) < largest <= np.sqrt(9 / 3)
    assert 0 <= fourier["phases"].min() and fourier["phases"].max() <= 2 * np.pi


def test_grid_holds_row_major_cell_centres():
    expected = [
        (-0.5, -0.75),
        (-0.5, -0.25),
        (-0.5, 0.25),
        (-0.5, 0.75),
        (0.5, -0.75),
        (0.5, -0.25),
        (0.5, 0.25),
        (0.5, 0.75),
    ]
    np.testing.assert_allclose(coords.grid((2, 4)), expected, atol=1e-6)


def test_grid_is_symmetric():
    grid = np.asarray(coords.grid((3, 5, 2)))
    assert grid.shape == (30, 3)
    np.testing.assert_allclose(grid, -grid[::-1], atol=1e-6)
