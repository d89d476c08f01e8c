"""Torch files as training programs leave them: where the state dict lies in them."""

import argparse
import collections
import json
import pickle

import chex
import jax.numpy as jnp
import numpy as np
import pytest
import torch_form

from wsjax import exchange, tree


def arrays(i=0):
    generator = np.random.default_rng(i)
    return {"fc.weight": generator.normal(size=(3, 2)), "fc.bias": np.arange(3.0)}


def wanted(i=0):
    return {"fc": {"kernel": arrays(i)["fc.weight"].T, "bias": np.arange(3.0)}}


def state(i=0):
    return torch_form.state(arrays(i), first=2 * i)


def read(content, path):
    path.write_bytes(torch_form.to_bytes(content))
    return exchange.read_foreign(path)


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".bin", ".ckpt", ".CKPT"])
def test_every_usual_ending_is_read(suffix, tmp_path):
    read(state(), tmp_path / f"x{suffix}")
    found = exchange.read_foreign(tmp_path)
    chex.assert_trees_all_equal(tree.row(found.weights, 0), wanted())


@pytest.mark.parametrize(
    "content",
    [
        {"net": state(), "epoch": 3},
        {"model": state(), "optimizer": {"state": {0: {"exp_avg": state(1)}}}},
        {"model": {"width": 3}, "params": state()},
        {"params_ema": state(), "params": state(1)},
        {"state_dict": {"net": state()}, "hyper_parameters": {"seed": 1}},
        {"denoiser": state(), "seen": [1, 2]},
        collections.defaultdict(dict, weights=state()),
        {"net": state(), "args": argparse.Namespace(lr=0.1, sizes=[3, 2])},
        [state()],
        (state(),),
    ],
)
def test_the_state_dict_of_a_checkpoint_is_found(content, tmp_path):
    found = read(content, tmp_path / "x.pt")
    chex.assert_trees_all_equal(tree.row(found.weights, 0), wanted())


def test_two_state_dicts_are_not_chosen_from(tmp_path):
    content = {"generator": state(), "discriminator": state(1)}
    with pytest.raises(ValueError, match="several: generator, discriminator; save the"):
        read(content, tmp_path / "x.pt")
    with pytest.raises(ValueError, match="several: model, net; save the one alone"):
        read({"model": state(), "net": state(1)}, tmp_path / "x.pt")


def test_a_list_of_state_dicts_is_as_many_instances(tmp_path):
    found = read([state(i) | {"psnr": 30.0 + i} for i in range(3)], tmp_path / "x.pt")
    for i in range(3):
        chex.assert_trees_all_equal(tree.row(found.weights, i), wanted(i))
    assert [x["name"] for x in found.instances] == ["x.pt:0", "x.pt:1", "x.pt:2"]
    assert [x["psnr_db"] for x in found.instances] == [30.0, 31.0, 32.0]
    other = torch_form.state({"fc.bias": np.ones(4)}, first=9)
    with pytest.raises(ValueError, match="leaf fc/bias: expected float64 .3.*found fl"):
        read([state(), other], tmp_path / "x.pt")


@pytest.mark.parametrize("name", ["float64", "float32", "int32", "bool", "uint8"])
def test_facts_that_numpy_computed_are_read(name, tmp_path):
    value = np.dtype(name).type(1)
    for protocol in range(5):  # Each pickles NumPy's numbers in another way.
        pickled = pickle.dumps({"state": {}, "psnr": value}, protocol)
        (tmp_path / "x.pt").write_bytes(torch_form.archive(pickled, {}))
        with pytest.raises(ValueError, match="expected tensors, found none"):
            exchange.read_foreign(tmp_path)
    found = read({"net": state(), "psnr": value}, tmp_path / "x.pt")
    assert found.instances[0]["psnr_db"] == 1.0
    big = read({"net": state(), "psnr": np.array(31.5, ">f4")[()]}, tmp_path / "x.pt")
    assert big.instances[0]["psnr_db"] == 31.5


@pytest.mark.parametrize("kind", ["float8_e4m3fn", "float8_e5m2"])
def test_8_bit_floats_become_float32(kind, tmp_path):
    numbers = np.array([[1.0, -2.5, 0.15625], [0.0, 448.0, -0.0]], np.float32)
    short = numbers.astype(getattr(jnp, kind))
    found = read({"x": torch_form.TypedTensor(short, "0")}, tmp_path / "x.pt")
    assert found.weights["x"].dtype == np.float32
    np.testing.assert_array_equal(found.weights["x"][0], short.astype(np.float32))
    name = {"float8_e4m3fn": "F8_E4M3", "float8_e5m2": "F8_E5M2"}[kind]
    header = {"x": {"dtype": name, "shape": [2, 3], "data_offsets": [4, 10]}}
    header |= {"y": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}
    text = json.dumps(header).encode()
    path = tmp_path / "x.safetensors"
    data = bytes(4) + short.tobytes()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
    leaves = exchange.read_foreign(path).weights
    np.testing.assert_array_equal(leaves["x"][0], short.astype(np.float32))
    np.testing.assert_array_equal(leaves["y"], np.zeros((1, 1)))


def test_what_has_no_sane_reading_says_what_to_do(tmp_path):
    one = torch_form.tensor(np.ones((4, 9)), "0")
    with pytest.raises(ValueError, match=r"one tensor \[4, 9\] without; save a dict"):
        read(one, tmp_path / "x.pt")
    np.savez(tmp_path / "one.npz", np.ones((4, 9)))
    with pytest.raises(ValueError, match=r"one tensor \[4, 9\] without; save a dict"):
        exchange.read_foreign(tmp_path / "one.npz")
    with pytest.raises(ValueError, match="an empty list; leave the file out"):
        read([], tmp_path / "x.pt")
    np.savez(tmp_path / "short.npz", x=np.ones(3, jnp.bfloat16))
    with pytest.raises(ValueError, match="numbers in x, found .V2.*save it as float32"):
        exchange.read_foreign(tmp_path / "short.npz")
    part = tmp_path / "model-00001-of-00002.safetensors"
    part.write_bytes(b"")
    with pytest.raises(ValueError, match="one of several files of one; join them"):
        exchange.read_foreign(part)
