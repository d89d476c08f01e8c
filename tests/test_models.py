import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.denoisers import BASE, LOW_RANK, OPTIONS, build, free_of, numbered_leaves
from wsjax import adapters, models
from wsjax.models import layers, lora_encoder


@pytest.fixture(scope="module")
def where():
    """A layout with frozen entries."""
    return lora_encoder.layout(free_of("mlora_asym"))


def numbered(where):
    return np.arange(1.0, where.size + 1, dtype=np.float32)


def test_the_layout_counts_the_free_entries(where):
    assert where.size == 3 * (3 * 5 + 5 + 5 + 2) - 3 * 3 * 2  # Two frozen per row.
    assert list(where.places) == ["layer_0", "layer_1", "output"]
    assert where.places["output"].shape == (3, 5 + 2)


@pytest.mark.parametrize("biases", [False, True])
@pytest.mark.parametrize("name", LOW_RANK)
def test_tokens_are_the_pairs_of_rank_components(name, biases):
    """Beside them stand the biases; layers of one component are as any other."""
    free = free_of(name, ranks={"output": 1}, biases=biases)
    where = lora_encoder.layout(free)
    tokens, found = lora_encoder.to_tokens(numbered(where), where)
    for layer, factors in numbered_leaves(free).items():
        expected = np.concatenate([factors["a"], factors["b"]], axis=1)
        np.testing.assert_array_equal(tokens[layer], expected)
        np.testing.assert_array_equal(found[layer], factors.get("bias", []))
    assert tokens["output"].shape == (1, 5 + 2)


@pytest.mark.parametrize("biases", [False, True])
@pytest.mark.parametrize("name", ["lora", "mlora_asym"])
def test_from_tokens_inverts_to_tokens(name, biases):
    where = lora_encoder.layout(free_of(name, biases=biases))
    tokens = lora_encoder.to_tokens(numbered(where), where)
    np.testing.assert_array_equal(
        lora_encoder.from_tokens(*tokens, where), numbered(where)
    )


def test_what_stands_at_frozen_entries_is_dropped(where):
    tokens, biases = lora_encoder.to_tokens(numbered(where), where)
    noisy = {k: jnp.where(x == 0, np.nan, x) for k, x in tokens.items()}
    np.testing.assert_array_equal(
        lora_encoder.from_tokens(noisy, biases, where), numbered(where)
    )


def test_whole_weights_have_no_rank_tokens():
    free = adapters.by_name("mlp").free(BASE)
    with pytest.raises(ValueError, match="layer_0 holds .*kernel.*flat_transformer"):
        models.by_name("lora_transformer", free, **OPTIONS["lora_transformer"])


def test_unknown_denoisers_are_refused_with_the_choices():
    with pytest.raises(ValueError, match="'unet'.*lora_tr.*residual_mlp.*tensor_tr"):
        models.by_name("unet", {})


@pytest.mark.parametrize("name", ["lora_transformer", "flat_transformer"])
def test_a_width_that_the_heads_do_not_share_is_refused(name):
    options = {**OPTIONS[name], "width": 7}
    with pytest.raises(ValueError, match="width=7 is not a multiple of heads=2"):
        models.by_name(name, free_of("lora"), **options)


def test_a_rank_that_does_not_share_the_width_inside_a_layer_is_refused():
    options = {**OPTIONS["lora_transformer"], "rank_width": 8}
    with pytest.raises(ValueError, match="rank_width=8 is not a .*heads=3"):
        models.by_name("lora_transformer", free_of("lora"), **options)


@pytest.fixture(params=models.DENOISERS)
def built(request):
    return build(request.param)


@pytest.fixture
def transformer():
    return build("lora_transformer")


def test_the_output_is_a_vector_like_the_input_and_zero_at_the_start(built):
    assert not np.any(built.apply(built.fresh, built.noisy, 0.5))
    out = built.apply(built.params, built.noisy, 0.5)
    assert out.shape == built.noisy.shape
    assert np.all(np.isfinite(out)) and np.std(out) > 0.1


def test_the_input_gate_alone_can_pass_the_input_on(built):
    gate = {"Dense_0": {**built.fresh["params"]["InputSkip_0"]["Dense_0"]}}
    gate["Dense_0"]["bias"] = jnp.ones(1)
    open_gate = {"params": {**built.fresh["params"], "InputSkip_0": gate}}
    out = built.apply(open_gate, 3.0 * built.noisy, 0.5)
    np.testing.assert_allclose(out, 3.0 * built.noisy, rtol=1e-5)


def test_the_output_depends_on_the_time(built):
    outs = [built.apply(built.params, built.noisy, t) for t in (0.5, 0.51)]
    assert np.abs(outs[0] - outs[1]).max() > 1e-3


def test_every_output_depends_on_the_input_of_other_layers(built):
    """The entries of the first layer reach those of the last."""
    changed = built.noisy.copy()
    changed[:4] += 1.0
    outs = [built.apply(built.params, x, 0.5) for x in (built.noisy, changed)]
    assert np.all(outs[0][-6:] != outs[1][-6:])


def test_dropout_acts_in_training_alone(built):
    again = [built.apply(built.params, built.noisy, 0.5) for _ in range(2)]
    np.testing.assert_array_equal(*again)
    outs = [
        built.train(jax.random.key(i), built.params, built.noisy, 0.5) for i in (0, 1)
    ]
    assert not np.allclose(*outs, atol=1e-3)
    assert not np.allclose(outs[0], again[0], atol=1e-3)


def output_tokens(transformer, change):
    """Output tokens of an input whose tokens were changed."""
    where = lora_encoder.layout(free_of("lora"))
    tokens, biases = lora_encoder.to_tokens(transformer.noisy, where)
    noisy = lora_encoder.from_tokens(change(tokens), biases, where)
    out = transformer.apply(transformer.params, noisy, 0.5)
    return lora_encoder.to_tokens(out, where)[0]


def test_layers_have_positions(transformer):
    """With its input the output of two swapped layers is not swapped."""

    def swap(tokens):
        return {**tokens, "layer_0": tokens["layer_1"], "layer_1": tokens["layer_0"]}

    straight = output_tokens(transformer, lambda tokens: tokens)
    swapped = swap(output_tokens(transformer, swap))
    for name in ("layer_0", "layer_1", "output"):
        assert not np.allclose(straight[name], swapped[name], atol=1e-3)


def test_components_meet_inside_their_layer_before_layers_meet(transformer):
    """The paper's hierarchy: attention over the components of a layer, a DiT after it.

    With the way back from the layer tokens shut, a component still depends on all
    others of its layer, and on nothing of other layers.
    """
    params = dict(transformer.params["params"])
    for name in ("split_layer_0", "split_layer_1", "split_output", "InputSkip_0"):
        params[name] = jax.tree.map(np.zeros_like, params[name])
    where = lora_encoder.layout(free_of("lora"))
    tokens, biases = lora_encoder.to_tokens(transformer.noisy, where)
    changed = {**tokens, "layer_1": tokens["layer_1"].at[2].add(1.0)}
    outs = [
        lora_encoder.to_tokens(
            transformer.apply(
                {"params": params}, lora_encoder.from_tokens(x, biases, where), 0.5
            ),
            where,
        )[0]
        for x in (tokens, changed)
    ]
    assert np.all(outs[0]["layer_1"] != outs[1]["layer_1"])
    for name in ("layer_0", "output"):
        np.testing.assert_array_equal(outs[0][name], outs[1][name])
    attention = params["inside_layer_1"]["MultiHeadDotProductAttention_0"]
    assert attention["query"]["kernel"].shape == (9, 3, 3)  # As many heads as rank.


def test_rank_components_have_positions(transformer):
    order = np.array([1, 2, 0])

    def permute(tokens):
        return {**tokens, "layer_1": tokens["layer_1"][order]}

    straight = output_tokens(transformer, lambda tokens: tokens)["layer_1"]
    permuted = output_tokens(transformer, permute)["layer_1"]
    assert not np.allclose(permuted, straight[order], atol=1e-3)


def test_norm_has_mean_zero_and_variance_one():
    x = 5 + 3 * np.random.default_rng(0).normal(size=(4, 50))
    found = np.asarray(layers.norm(jnp.asarray(x)))
    np.testing.assert_allclose(found.mean(axis=-1), 0, atol=1e-5)
    np.testing.assert_allclose(found.var(axis=-1), 1, rtol=1e-4)


def test_time_features_lie_on_the_unit_circle_and_tell_times_apart():
    features = np.asarray(layers.time_features(jnp.asarray(0.25), 8))
    np.testing.assert_allclose(features[:4] ** 2 + features[4:] ** 2, 1.0, rtol=1e-5)
    np.testing.assert_allclose(features[[0, 4]], [np.cos(250), np.sin(250)], atol=1e-4)
    next_step = layers.time_features(jnp.asarray(0.251), 8)
    assert np.abs(features - next_step).max() > 0.5
