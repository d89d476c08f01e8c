"""Folders that PEFT wrote: what is read is the change that PEFT applies."""

import json

import numpy as np
import pytest
import safetensors.numpy
import torch_form

from wsjax import exchange

R, D_IN, D_OUT = 4, 5, 3
MODULE = "base_model.model.net.0"
# What PEFT 0.21 writes, of which most does not concern the weights.
SETTINGS = {
    "alora_invocation_tokens": None,
    "alpha_pattern": {},
    "bias": "none",
    "fan_in_fan_out": False,
    "layer_replication": None,
    "lora_alpha": 1,
    "lora_bias": False,
    "megatron_core": "megatron.core",
    "peft_type": "LORA",
    "r": R,
    "rank_pattern": {},
    "target_modules": ["net.0"],
    "target_parameters": None,
    "use_bdlora": None,
    "use_dora": False,
    "use_rslora": False,
}


def factors():
    generator = np.random.default_rng(0)
    sizes = {"A": (R, D_IN), "B": (D_OUT, R)}
    return {k: generator.normal(size=x).astype(np.float32) for k, x in sizes.items()}


def write(folder, *, key="lora_{}.weight", extra=(), **settings):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "adapter_config.json").write_text(json.dumps(SETTINGS | settings))
    named = {f"{MODULE}.{key.format(k)}": x for k, x in factors().items()}
    named |= dict(extra)
    (folder / "adapter_model.safetensors").write_bytes(safetensors.numpy.save(named))
    return named


def applied(scale):
    """The change of the kernel, as PEFT computes it and in our orientation."""
    return scale * (factors()["B"] @ factors()["A"]).T


def product(folder):
    layer = exchange.read_foreign(folder).weights[MODULE]
    return layer["a"][0].T @ layer["b"][0]


@pytest.mark.parametrize(
    ("settings", "scale"),
    [
        ({}, 1 / 4),
        ({"lora_alpha": 16}, 4),
        ({"use_rslora": True}, 1 / 2),
        # The rank of a layer is that of its factors.
        ({"r": 9, "rank_pattern": {"net.0": R}}, 1 / 4),
        ({"alpha_pattern": {"0": 3}}, 3 / 4),
        ({"alpha_pattern": {"net.1": 3, "et.0": 5, "^net.0": 7}}, 7 / 4),
        ({"alpha_pattern": {r"net\.\d": 2, "net.0": 7}, "use_rslora": True}, 1),
    ],
)
def test_the_product_is_scaled_as_peft_scales_it(settings, scale, tmp_path):
    named = write(tmp_path / "one", **settings)
    np.testing.assert_allclose(product(tmp_path / "one"), applied(scale), rtol=1e-5)
    (tmp_path / "one" / "adapter_model.safetensors").unlink()
    content = torch_form.to_bytes(torch_form.state(named))
    (tmp_path / "one" / "adapter_model.bin").write_bytes(content)
    np.testing.assert_allclose(product(tmp_path), applied(scale), rtol=1e-5)


def test_each_folder_keeps_its_own_scale(tmp_path):
    for i, alpha in enumerate((1, 8)):
        write(tmp_path / str(i), lora_alpha=alpha)
    write(tmp_path / "bare")
    (tmp_path / "bare" / "adapter_config.json").unlink()
    layer = exchange.read_foreign(tmp_path).weights[MODULE]
    for i, scale in enumerate((1 / 4, 2, 1)):
        found = layer["a"][i].T @ layer["b"][i]
        np.testing.assert_allclose(found, applied(scale), rtol=1e-5)


@pytest.mark.parametrize("key", ["lora_embedding_{}", "lora_embedding_{}.default"])
def test_the_factors_of_an_embedding_are_paired(key, tmp_path):
    write(tmp_path, key=key)
    assert set(exchange.read_foreign(tmp_path).weights[MODULE]) == {"a", "b"}
    np.testing.assert_allclose(product(tmp_path), applied(1 / 4), rtol=1e-5)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"use_dora": True}, "use_dora"),
        ({"use_qalora": True}, "use_qalora"),
        ({"lora_bias": True}, "lora_bias"),
        ({"bias": "lora_only"}, "bias"),
        ({"layer_replication": [[0, 2]]}, "layer_replication"),
        ({"peft_type": "LOHA"}, "LOHA"),
    ],
)
def test_an_adapter_that_is_more_than_a_product_is_refused(settings, named, tmp_path):
    write(tmp_path, **settings)
    with pytest.raises(
        ValueError, match=f"plain LoRA, found {named} in adapter_c.*mer"
    ):
        exchange.read_foreign(tmp_path)


@pytest.mark.parametrize(
    "key",
    ["lora_magnitude_vector", "lora_B.bias", "lora_B.default.bias", "lora_down.weight"],
)
def test_without_settings_the_keys_tell_as_much(key, tmp_path):
    write(tmp_path, extra={f"{MODULE}.{key}": np.ones(D_OUT, np.float32)})
    (tmp_path / "adapter_config.json").unlink()
    with pytest.raises(
        ValueError, match=f"lora_A and lora_B alone, found .*{key}; mer"
    ):
        exchange.read_foreign(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", '{"peft_type": "LORA"}', '{"r": 4}'])
def test_settings_that_cannot_be_read_are_refused(text, tmp_path):
    write(tmp_path)
    (tmp_path / "adapter_config.json").write_text(text)
    with pytest.raises(
        ValueError, match="PEFT's settings in adapter_config.json beside"
    ):
        exchange.read_foreign(tmp_path)
