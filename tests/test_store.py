import json
import re
import tracemalloc

import chex
import numpy as np
import pytest
import safetensors.numpy

from wsjax import files, store, tree

STARTS, N = (0, 3, 6), 8  # Shards of three, three and two instances.


def like(rank=2):
    """One instance's weights."""
    return {
        "layer_0": {"a": np.zeros((rank, 5)), "b": np.zeros((rank, 3))},
        "output": {"a": np.zeros((rank, 3)), "b": np.zeros((rank, 1))},
    }


@pytest.fixture(scope="module")
def weights():
    generator = np.random.default_rng(0)
    sizes = (N,)
    return {
        layer: {k: generator.normal(size=sizes + x.shape) for k, x in factors.items()}
        for layer, factors in like().items()
    }


def shard(weights, start):
    rows = slice(start, min(start + 3, N))
    instances = [
        {"name": f"picture {i}", "status": "diverged" if i == 4 else store.DONE}
        for i in range(rows.start, rows.stop)
    ]
    cost = {"seconds": 1.5, "cpu_seconds": 2.0, "device": "cpu"}
    return store.Shard(start, tree.row(weights, rows), instances, cost)


@pytest.fixture
def folder(weights, tmp_path):
    """A finished weight set of three shards."""
    for start in reversed(STARTS):
        store.write_shard(tmp_path, shard(weights, start))
    store.finish(tmp_path, {"recipe": "tiny"})
    return tmp_path


def test_a_shard_comes_back_as_it_was_written(weights, tmp_path):
    # Neither contiguous in memory nor all of one type.
    odd = {"x": {"kernel": np.arange(12.0, dtype=np.float32).reshape(3, 4).T}}
    for written in (shard(weights, 3), store.Shard(0, odd, [{"name": "é"}], {})):
        store.write_shard(tmp_path, written)
        found = store.read_shard(store.path_of(tmp_path, written.start))
        assert (found.start, found.instances, found.cost) == (
            written.start,
            written.instances,
            written.cost,
        )
        chex.assert_trees_all_equal_shapes_and_dtypes(found.weights, written.weights)
        chex.assert_trees_all_equal(found.weights, written.weights)


def test_paths_may_be_text(weights, folder):
    text = str(folder)
    store.write_shard(text, shard(weights, 0))
    assert store.read_shard(str(store.path_of(text, 0))).start == 0
    assert store.finish(text, {}) == store.manifest(text)
    assert store.damaged(text) == []
    chex.assert_trees_all_equal(store.load(text)[0], weights)
    chex.assert_trees_all_equal(store.load_row(text, 4)[0], tree.row(weights, 4))


def test_leaves_are_stored_under_their_path_names(weights, tmp_path):
    store.write_shard(tmp_path, shard(weights, 0))
    leaves = safetensors.numpy.load_file(store.path_of(tmp_path, 0))
    assert set(leaves) == {"layer_0/a", "layer_0/b", "output/a", "output/b"}
    np.testing.assert_array_equal(leaves["output/a"], weights["output"]["a"][:3])


def test_all_shards_together_are_the_weights(weights, folder):
    found, instances = store.load(folder, like=like())
    chex.assert_trees_all_equal(found, weights)
    assert [x["name"] for x in instances] == [f"picture {i}" for i in range(N)]


@pytest.mark.parametrize("rows", [slice(0, 1), slice(2, 7), slice(-3, None)])
def test_loading_rows_is_slicing(rows, weights, folder):
    found, instances = store.load(folder, rows=rows)
    chex.assert_trees_all_equal(found, tree.row(weights, rows))
    assert [x["name"] for x in instances] == [
        f"picture {i}" for i in range(*rows.indices(N))
    ]


def test_loading_rows_opens_their_shards_alone(weights, folder):
    store.path_of(folder, 0).unlink()
    store.path_of(folder, 6).unlink()
    found, _ = store.load(folder, rows=slice(3, 6))
    chex.assert_trees_all_equal(found, tree.row(weights, slice(3, 6)))
    with pytest.raises(ValueError, match="weights_00000000.safetensors cannot be read"):
        store.load(folder, rows=slice(2, 6))


@pytest.mark.parametrize("i", [0, 4, 7, -1, -8])
def test_loading_a_row_is_indexing(i, weights, folder):
    found, instance = store.load_row(folder, i, like=like())
    chex.assert_trees_all_equal(found, tree.row(weights, i))
    assert instance["name"] == f"picture {i % N}"


@pytest.mark.parametrize("i", [8, -9])
def test_a_row_that_is_not_there_is_refused(i, folder):
    with pytest.raises(ValueError, match=f"has 8 instances, found no row {i}; choose"):
        store.load_row(folder, i)


def test_a_row_costs_its_own_bytes_alone(tmp_path):
    # Leaves of 8 KiB, 16 MiB of them together.
    leaves = {"x": {"kernel": np.ones((2048, 2048), np.float32)}}
    instances = [{"name": str(i), "status": store.DONE} for i in range(2048)]
    cost = {"seconds": 0.0, "cpu_seconds": 0.0}
    store.write_shard(tmp_path, store.Shard(0, leaves, instances, cost))
    store.finish(tmp_path, {})
    tracemalloc.start()
    found, _ = store.load_row(tmp_path, 1000)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found["x"]["kernel"].shape == (2048,)
    assert most < 4 * 2**20  # Bytes, most of them the manifest.


def test_rows_follow_the_starts_of_the_shards(weights, tmp_path):
    for begin, start in ((0, 10), (3, 20), (6, 30)):  # With gaps.
        store.write_shard(tmp_path, shard(weights, begin)._replace(start=start))
    manifest = store.finish(tmp_path, {})
    manifest["shards"].reverse()
    files.write_json(tmp_path / "manifest.json", manifest)
    found, instances = store.load(tmp_path)
    chex.assert_trees_all_equal(found, weights)
    assert [x["name"] for x in instances] == [f"picture {i}" for i in range(N)]
    found, _ = store.load_row(tmp_path, 5)
    chex.assert_trees_all_equal(found, tree.row(weights, 5))


def test_part_of_a_shard_begins_at_its_own_row(weights, folder):
    part = store.read_shard(store.path_of(folder, 3), rows=slice(1, 3))
    assert part.start == 4
    assert [x["name"] for x in part.instances] == ["picture 4", "picture 5"]
    chex.assert_trees_all_equal(part.weights, tree.row(weights, slice(4, 6)))


def test_no_rows_are_refused(folder):
    with pytest.raises(ValueError, match="has 8 instances, none in slice"):
        store.load(folder, rows=slice(8, 12))


@pytest.mark.parametrize("size", [0, 5, 200, -1])
def test_a_file_that_was_cut_short_is_refused_by_name(size, folder):
    path = store.path_of(folder, 3)
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(ValueError, match=f"{path} cannot be read .*delete it and run"):
        store.load(folder)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        (like(rank=4), r"layer_0/a should have shape \(4, 5\).*found \(2, 5\)"),
        ({"layer_0": like()["layer_0"]}, "output/a should have shape none"),
        ({**like(), "top": {"a": np.zeros(1)}}, "top/a .*found no such leaf"),
    ],
)
def test_weights_of_another_kind_are_refused_by_leaf(wrong, named, folder):
    with pytest.raises(ValueError, match=named):
        store.load(folder, like=wrong)


@pytest.mark.parametrize("version", ["7", None])
def test_a_shard_of_another_version_is_refused_with_both(version, tmp_path):
    path = tmp_path / "weights.safetensors"
    header = {} if version is None else {"version": version}
    safetensors.numpy.save_file({"x": np.zeros(1)}, path, header)
    found = version or "none"
    message = f"{path} has version {found}, expected {store.VERSION}"
    with pytest.raises(ValueError, match=re.escape(message)):
        store.read_shard(path)


def test_an_unfinished_set_says_how_to_finish_it(weights, tmp_path):
    store.write_shard(tmp_path, shard(weights, 0))
    with pytest.raises(FileNotFoundError, match="manifest.json is missing; run the"):
        store.load(tmp_path)


def test_the_manifest_describes_the_whole_set(folder):
    manifest = store.manifest(folder)
    assert manifest["n"] == len(manifest["instances"]) == N
    assert manifest["recipe"] == "tiny"
    assert manifest["cost"] == {"seconds": 4.5, "cpu_seconds": 6.0}
    assert [entry["start"] for entry in manifest["shards"]] == list(STARTS)
    assert manifest["leaves"]["layer_0/b"] == {"shape": [2, 3], "dtype": "float64"}


def test_a_damaged_manifest_is_refused_by_name(folder):
    path = folder / "manifest.json"
    path.write_text(path.read_text()[:-20])
    with pytest.raises(ValueError, match=f"{path} is not valid JSON"):
        store.load(folder)


def test_shards_that_changed_since_the_manifest_are_found(folder, weights):
    assert store.damaged(folder) == []
    moved = tree.row(weights, slice(1, 4))
    store.write_shard(folder, shard(weights, 3)._replace(weights=moved))
    store.path_of(folder, 6).unlink()
    assert store.damaged(folder) == [store.path_of(folder, 3), store.path_of(folder, 6)]


def test_done_tells_which_instances_were_fitted(folder):
    _, instances = store.load(folder)
    assert store.done(instances).tolist() == [i != 4 for i in range(N)]


def test_writing_leaves_no_temporary_files(folder):
    files = {path.name for path in folder.iterdir()}
    shards = {store.path_of(folder, start).name for start in STARTS}
    assert files == shards | {"manifest.json"}


def test_a_failed_write_leaves_the_old_shard(weights, folder, monkeypatch):
    def fail(_):
        raise OSError("no space left")

    monkeypatch.setattr(files.os, "fsync", fail)
    path = store.path_of(folder, 3)
    before = path.read_bytes()
    with pytest.raises(OSError, match="no space"):
        store.write_shard(folder, shard(weights, 3)._replace(instances=[]))
    assert path.read_bytes() == before
    assert json.loads((folder / "manifest.json").read_text())["n"] == N
