"""Weights that others fitted: read as they are, written as one of our sets."""

import chex
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy
import torch_form

from wsjax import adapters, exchange, store, tree

R, D_IN, D_OUT = 2, 5, 3


def factors(i, *, rank=R):
    """A and B of two layers of instance `i`, as torch has them."""
    generator = np.random.default_rng(i)
    sizes = {"A": (rank, D_IN), "B": (D_OUT, rank)}
    return {
        (layer, letter): generator.normal(size=size).astype(np.float32)
        for layer in ("net.0", "net.1")
        for letter, size in sizes.items()
    }


def write(path, arrays):
    """A state dict in the form that the name of the file asks for."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".npz":
        np.savez(path, **arrays)
    elif path.suffix == ".safetensors":
        whole = {key: np.ascontiguousarray(x) for key, x in arrays.items()}
        safetensors.numpy.save_file(whole, path)
    else:
        path.write_bytes(torch_form.to_bytes(torch_form.state(arrays)))


KEYS = [
    "base_model.model.{}.lora_{}.weight",
    "{}.lora_{}.default.weight",
    "{}.lora_{}.default",
    "{}.lora_{}",
    "{}.{}",
]


@pytest.mark.parametrize("suffix", [".safetensors", ".npz", ".pt", ".pth"])
@pytest.mark.parametrize("key", KEYS)
def test_the_product_of_the_factors_is_that_of_torch(key, suffix, tmp_path):
    for i in range(3):
        named = {key.format(*where): x for where, x in factors(i).items()}
        write(tmp_path / f"{i}{suffix}", named)
    found = exchange.read_foreign(tmp_path)
    prefix = key.partition("{}")[0]
    assert set(found.weights) == {f"{prefix}net.0", f"{prefix}net.1"}
    for layer in ("net.0", "net.1"):
        ours = found.weights[prefix + layer]
        assert set(ours) == {"a", "b"}
        for i in range(3):
            a, b = factors(i)[layer, "A"], factors(i)[layer, "B"]
            np.testing.assert_array_equal(ours["a"][i], a)
            np.testing.assert_allclose(ours["a"][i].T @ ours["b"][i], (b @ a).T, 1e-5)
    assert [x["name"] for x in found.instances] == [f"{i}{suffix}" for i in range(3)]
    assert store.done(found.instances).all() and not found.skipped


def test_files_follow_each_other_as_people_count(tmp_path):
    for name in ("10.npz", "2.npz", "b/1.npz", "a 3.npz", "1.npz"):
        write(tmp_path / name, {"fc.bias": np.ones(2)})
    names = [x["name"] for x in exchange.read_foreign(tmp_path).instances]
    assert names == ["1.npz", "2.npz", "10.npz", "a 3.npz", "b/1.npz"]


def test_a_file_is_read_like_a_folder_of_it(tmp_path):
    write(tmp_path / "x.npz", {"fc.weight": np.ones((3, 2)), "fc.bias": np.ones(3)})
    one, many = (exchange.read_foreign(x) for x in (tmp_path / "x.npz", tmp_path))
    chex.assert_trees_all_equal(one.weights, many.weights)
    assert one.instances == many.instances == [{"name": "x.npz", "status": store.DONE}]


def test_imported_weights_act_as_the_adapter_they_were(tmp_path):
    a, b = factors(0)["net.0", "A"], factors(0)["net.0", "B"]
    write(tmp_path / "x.pt", {"net.lora_A.weight": a, "net.lora_B.weight": b})
    adapter = tree.row(exchange.read_foreign(tmp_path / "x.pt").weights, 0)
    kernel = np.random.default_rng(1).normal(size=(D_OUT, D_IN)).astype(np.float32)
    base = {"net": {"kernel": kernel.T, "bias": np.zeros(D_OUT, np.float32)}}
    merged = adapters.by_name("lora", rank=R).merge(base, adapter)
    np.testing.assert_allclose(merged["net"]["kernel"], (kernel + b @ a).T, 1e-5)


def test_what_stands_beside_factors_is_kept_and_the_frozen_base_is_not(tmp_path):
    # The keys of mlora-neural-fields.
    a, b, mask = np.ones((2, 5)), np.ones((3, 2)), np.eye(2, 5, dtype=np.float32)
    adapter = {"A": a, "B": b, "trainable_mask": mask, "alpha_skip": np.array(1.5)}
    arrays = {f"layers.0.adapter.{key}": x for key, x in adapter.items()}
    arrays |= {"layers.0.base.weight": np.ones((3, 5)), "trunk.embedder.B": a}
    arrays |= {"trunk.head.bias": np.ones(3), "layers.0.bias": np.arange(3.0)}
    content = {
        "idx": 7,
        "representation": torch_form.tensor(np.ones(16), "flat"),
        "state_dict": torch_form.state(arrays),
        "psnr": 31.25,
        "fit_meta": {"steps_run": 3},
    }
    (tmp_path / "000007.pt").write_bytes(torch_form.to_bytes(content))
    found = exchange.read_foreign(tmp_path)
    wanted = {**adapter, "a": a, "b": b.T}
    del wanted["A"], wanted["B"]
    wanted = {"layers.0.adapter": wanted, "layers.0": {"bias": np.arange(3.0)}}
    chex.assert_trees_all_equal(tree.row(found.weights, 0), wanted)
    (instance,) = found.instances
    wanted = {"name": "000007.pt", "status": store.DONE, "psnr_db": 31.25}
    assert instance == wanted


def test_a_plain_network_gets_kernels_and_keeps_the_rest(tmp_path):
    weight, scale, frequencies = np.ones((3, 5)), np.ones(3), np.ones((2, 9))
    named = {"fc.weight": weight, "fc.bias": scale, "norm.weight": scale}
    write(tmp_path / "x.pt", named | {"embedder.B": frequencies, "base.weight": weight})
    found = tree.named(exchange.read_foreign(tmp_path).weights)
    shapes = {name: leaf.shape for name, leaf in found.items()}
    assert shapes == {
        "base/kernel": (1, 5, 3),
        "embedder/B": (1, 2, 9),
        "fc/bias": (1, 3),
        "fc/kernel": (1, 5, 3),
        "norm/weight": (1, 3),
    }


def test_one_bad_file_stops_no_other_and_gives_its_reason(tmp_path):
    def pair(rank=R, dtype=np.float32):
        a, b = np.ones((rank, D_IN), dtype), np.ones((D_OUT, rank), dtype)
        return {"l.lora_A": a, "l.lora_B": b}

    for name in ("0.npz", "deep/er/1.pt", "z.safetensors"):
        write(tmp_path / name, pair())
    for suffix in ("npz", "pt", "safetensors"):
        write(tmp_path / f"cut.{suffix}", pair())
        data = (tmp_path / f"cut.{suffix}").read_bytes()
        (tmp_path / f"cut.{suffix}").write_bytes(data[: len(data) // 2])
    (tmp_path / "cut.hdf5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(50))
    (tmp_path / "notes.txt").write_text("Not weights.")
    write(tmp_path / "rank.npz", pair(rank=4))
    write(tmp_path / "type.npz", pair(dtype=np.float64))
    write(tmp_path / "half.npz", {"l.lora_A.weight": np.ones((2, 3))})
    write(tmp_path / "two.npz", pair() | {"l.lora_A.x": np.ones((2, 3))})
    write(tmp_path / "fit.npz", pair() | {"l.lora_B": np.ones((3, 4))})
    write(tmp_path / "both.npz", {"l": np.ones(2), "l.bias": np.ones(2)})
    write(tmp_path / "words.npz", {"l.x": np.array(["word"])})
    found = exchange.read_foreign(tmp_path)
    names = [x["name"] for x in found.instances]
    assert names == ["0.npz", "deep/er/1.pt", "z.safetensors"]
    assert all(len(leaf) == 3 for leaf in tree.named(found.weights).values())
    reasons = {
        "cut.npz": "part of one",
        "cut.pt": "part of one",
        "cut.safetensors": "part of one",
        "cut.hdf5": "part of one",
        "rank.npz": "leaf l/a: expected float32 [2, 5], as in the first that",
        "type.npz": "leaf l/a: expected float32 [2, 5], as in the first that",
        "half.npz": "found l.lora_A.weight alone; save both",
        "two.npz": "found l.lora_A and l.lora_A.x",
        "fit.npz": "found [2, 5] and [3, 4]; only linear layers",
        "both.npz": "expected l as a tensor or as a module, found both",
        "words.npz": "expected tensors, found none",
    }
    assert set(found.skipped) == set(reasons)
    for name, reason in reasons.items():
        assert reason in found.skipped[name], found.skipped[name]


def test_weights_that_are_not_finite_keep_their_row_and_say_so(tmp_path):
    for i, value in enumerate((1.0, np.nan, np.inf, 2.0)):
        write(
            tmp_path / f"{i}.npz", {"fc.bias": np.array([0.0, value]), "x": np.ones(1)}
        )
    found = exchange.read_foreign(tmp_path)
    assert store.done(found.instances).tolist() == [True, False, False, True]
    assert found.instances[1]["status"] == "failed: weights not finite"
    assert found.weights["fc"]["bias"].shape == (4, 2)


def test_bfloat16_becomes_float32(tmp_path):
    numbers = np.array([1.0, -2.5, 0.15625], np.float32)
    path = tmp_path / "x.safetensors"
    write(path, {"fc.bias": numbers.astype(jnp.bfloat16)})
    bias = exchange.read_foreign(path).weights["fc"]["bias"]
    assert bias.dtype == np.float32
    np.testing.assert_array_equal(bias[0], numbers)


def test_nothing_to_read_is_refused_by_name(tmp_path):
    with pytest.raises(FileNotFoundError, match=f"{tmp_path}/no: expected a file or"):
        exchange.read_foreign(tmp_path / "no")
    with pytest.raises(ValueError, match="found none that end in .safetensors"):
        exchange.read_foreign(tmp_path)
    (tmp_path / "x.pt").write_bytes(b"")
    with pytest.raises(ValueError, match="1 files and not one .* the first, x.pt: "):
        exchange.read_foreign(tmp_path)
