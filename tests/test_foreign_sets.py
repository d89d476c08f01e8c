"""Foreign files of many instances, and the sets that imported ones become."""

import json
import sys

import chex
import h5py
import numpy as np
import pytest

from wsjax import exchange, store, tree
from wsjax.exchange import foreign

N = 5
# In the order of the file, which is not that of the names.
LISTED = [["net_1.linear.kernel", [2, 3]], ["net_0.bias", [4]], ["net_0.scale", []]]


def numbers(n=N, first=0):
    return np.arange(first, first + 11 * n, dtype=np.float32).reshape(n, 11)


def write(path, params, listed=LISTED, **datasets):
    """As fit-a-nef saves a group of fits."""
    with h5py.File(path, "w") as file:
        file.create_dataset("params", data=params)
        text = h5py.special_dtype(vlen=str)
        file.create_dataset("param_config", (1,), dtype=text)[0] = json.dumps(listed)
        for key, value in datasets.items():
            file.create_dataset(key, data=value)


def test_hdf5_rows_are_split_as_they_are_listed(tmp_path):
    labels, wide = np.array([3, 1, 4, 1, 5]), np.zeros((N, 40))
    write(tmp_path / "nefs_0-5.hdf5", numbers(), labels=labels, attributes=wide)
    found = exchange.read_foreign(tmp_path / "nefs_0-5.hdf5")
    wanted = {
        "net_1": {"linear": {"kernel": numbers()[:, :6].reshape(N, 2, 3)}},
        "net_0": {"bias": numbers()[:, 6:10], "scale": numbers()[:, 10]},
    }
    chex.assert_trees_all_equal(found.weights, wanted)
    assert found.instances == [
        {"name": f"nefs_0-5.hdf5:{i}", "status": store.DONE, "label": int(labels[i])}
        for i in range(N)
    ]


def test_groups_of_hdf5_follow_each_other(tmp_path):
    write(tmp_path / "a.hdf5", numbers(2))
    write(tmp_path / "b.h5", numbers(3, first=22))
    write(tmp_path / "c.h5", numbers(0))
    found = exchange.read_foreign(tmp_path)
    np.testing.assert_array_equal(found.weights["net_0"]["bias"], numbers()[:, 6:10])
    names = [x["name"] for x in found.instances]
    assert names == ["a.hdf5:0", "a.hdf5:1", "b.h5:0", "b.h5:1", "b.h5:2"]
    assert "found none" in found.skipped["c.h5"]


def cut(path):
    write(path, numbers())
    path.write_bytes(path.read_bytes()[:-100])


def bare(path):
    with h5py.File(path, "w") as file:
        file.create_dataset("weights", data=np.ones(3))


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (cut, "found something else or part of one"),
        (bare, r"expected datasets params \[n, d\].*found {'weights': \[3\]}"),
        (lambda path: write(path, numbers()[:, 1:]), "expected 11 numbers .* found 10"),
        (lambda path: write(path, numbers(), [["x", "wide"]]), "something else"),
        (lambda path: write(path, numbers(), 3), "something else"),
        (
            lambda path: write(path, numbers(), [["x", [10]], ["x.y", [1]]]),
            "x as a tensor or as a module, found both",
        ),
    ],
)
def test_a_damaged_hdf5_gives_its_reason(spoil, reason, tmp_path):
    spoil(tmp_path / "x.h5")
    with pytest.raises(ValueError, match=reason):
        exchange.read_foreign(tmp_path)


def test_without_h5py_the_way_to_it_is_named(tmp_path, monkeypatch):
    write(tmp_path / "x.h5", numbers())
    np.savez(tmp_path / "y.npz", bias=np.ones(2))
    monkeypatch.setitem(sys.modules, "h5py", None)
    found = exchange.read_foreign(tmp_path)
    assert found.skipped["x.h5"].endswith("not installed; run `pip install h5py`")
    assert [x["name"] for x in found.instances] == ["y.npz"]


def some(n=N):
    generator = np.random.default_rng(0)
    weights = {"net.0": {"a": generator.normal(size=(n, 2, 3)), "s": np.arange(n)}}
    instances = [{"name": str(i), "status": store.DONE, "label": i} for i in range(n)]
    return foreign.Foreign(weights, instances, {"bad.pt": "cut short"})


@pytest.mark.parametrize("group", [2, 5, 100])
def test_an_imported_set_reads_like_one_of_ours(group, tmp_path):
    written = some()
    manifest = exchange.to_set(
        written, tmp_path / "set", representation="lora", group=group
    )
    weights, instances = store.load(tmp_path / "set")
    chex.assert_trees_all_equal_shapes_and_dtypes(weights, written.weights)
    chex.assert_trees_all_equal(weights, written.weights)
    assert instances == manifest["instances"] == written.instances
    assert len(manifest["shards"]) == -(-N // group)
    assert manifest["representation"] == "lora"
    assert manifest["skipped"] == written.skipped
    row, instance = store.load_row(tmp_path / "set", 3, like=tree.row(weights, 0))
    chex.assert_trees_all_equal(row, tree.row(written.weights, 3))
    assert instance["name"] == "3"
    assert not store.damaged(tmp_path / "set")


def test_an_interrupted_import_is_completed(tmp_path):
    exchange.to_set(some(), tmp_path, group=2)
    (tmp_path / "manifest.json").unlink()
    store.path_of(tmp_path, 2).unlink()
    store.path_of(tmp_path, 4).write_bytes(b"cut short")
    exchange.to_set(some(), tmp_path, group=2)
    chex.assert_trees_all_equal(store.load(tmp_path)[0], some().weights)


def test_another_set_is_not_written_over(tmp_path):
    exchange.to_set(some(), tmp_path, group=2)
    with pytest.raises(ValueError, match="another weight set, such as manifest.json"):
        exchange.to_set(some(), tmp_path, group=2)
    (tmp_path / "manifest.json").unlink()
    with pytest.raises(ValueError, match="such as weights_00000004.safetensors"):
        exchange.to_set(some(4), tmp_path, group=2)
    assert store.path_of(tmp_path, 4).exists()


def test_a_set_or_shard_of_ours_is_not_taken_for_foreign(tmp_path):
    exchange.to_set(some(), tmp_path, group=2)
    with pytest.raises(ValueError, match="a weight set already; read it with wsjax"):
        exchange.read_foreign(tmp_path)
    with pytest.raises(ValueError, match="found a shard of a weight set"):
        exchange.read_foreign(store.path_of(tmp_path, 2))


@pytest.mark.parametrize(
    ("leaf", "reason"),
    [
        (np.ones((2, 2, 3)), "net.0/a with a row for each of 5 names"),
        (np.full(N, "word"), "expected numbers in net.0/a, found <U4"),
    ],
)
def test_an_exported_set_that_was_changed_is_refused(leaf, reason, tmp_path):
    exchange.to_set(some(), tmp_path / "set")
    exchange.to_npz(tmp_path / "set", tmp_path / "x.npz")
    with np.load(tmp_path / "x.npz") as archive:
        arrays = dict(archive)
    np.savez(tmp_path / "x.npz", **arrays | {"net.0/a": leaf})
    with pytest.raises(ValueError, match=reason):
        exchange.read_foreign(tmp_path / "x.npz")


def test_an_export_of_which_files_are_missing_is_not_taken_for_a_whole_one(tmp_path):
    exchange.to_set(some(), tmp_path / "set")
    for place in ("first", "deep/second", "whole"):
        exchange.to_safetensors(tmp_path / "set", tmp_path / "out" / place)
    files = sorted((tmp_path / "out" / "first").iterdir())
    files[0].unlink()
    files[1].write_bytes(files[1].read_bytes()[:-9])
    sorted((tmp_path / "out" / "deep" / "second").iterdir())[-1].unlink()
    found = exchange.read_foreign(tmp_path / "out")
    assert len(found.instances) == 3 * N - 3
    assert "part of one" in found.skipped.pop(f"first/{files[1].name}")
    message = (
        f"expected the {N} files of an export, found {{}} that can be read; export"
    )
    message += " again"
    assert found.skipped == {
        "first/": message.format(N - 2),
        "deep/second/": message.format(N - 1),
    }
    found = exchange.read_foreign(tmp_path / "out" / "first")
    assert found.skipped["./"] == message.format(N - 2)
    assert not exchange.read_foreign(files[2]).skipped  # One file was asked for.
