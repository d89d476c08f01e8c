"""Files of the weight set that are damaged, of another cost, or not of the set."""

import chex
import numpy as np
import pytest

from wsjax import store, tree

N = 8  # Instances, in shards of three, three and two.
WEIGHTS = {"layer": {"a": np.random.default_rng(0).normal(size=(N, 2, 5))}}


def write(folder, start, seconds):
    rows = slice(start, min(start + 3, N))
    instances = [
        {"name": str(i), "status": store.DONE} for i in range(rows.start, rows.stop)
    ]
    cost = {"seconds": seconds, "cpu_seconds": 2 * seconds}
    store.write_shard(
        folder, store.Shard(start, tree.row(WEIGHTS, rows), instances, cost)
    )
    return store.path_of(folder, start)


@pytest.fixture
def folder(tmp_path):
    for start in (0, 3, 6):
        write(tmp_path, start, 1.5)
    return tmp_path


def test_a_flipped_bit_in_the_head_is_refused_by_name_or_does_no_harm(folder):
    path = store.path_of(folder, 3)
    whole, generator = path.read_bytes(), np.random.default_rng(0)
    head = 8 + int.from_bytes(whole[:8], "little")
    refused = 0
    for i in range(head):
        damaged = bytearray(whole)
        damaged[i] ^= 1 << generator.integers(8)
        path.write_bytes(damaged)
        try:
            store.read_shard(path, like=tree.row(WEIGHTS, 0))
        except ValueError as error:
            assert str(path) in str(error)
            refused += 1
    assert refused > head / 2


def test_the_size_of_a_file_does_not_depend_on_what_it_cost(tmp_path):
    sizes = set()
    for seconds in (0.5, 1234.567, 86400.0):
        path = write(tmp_path, 0, seconds)
        sizes.add(path.stat().st_size)
        assert store.read_shard(path).cost["seconds"] == seconds
    assert len(sizes) == 1


def test_a_set_may_be_of_some_shards_alone(folder):
    store.finish(folder, {}, starts=[3, 0])
    found, instances = store.load(folder)
    chex.assert_trees_all_equal(found, tree.row(WEIGHTS, slice(6)))
    assert len(instances) == 6
    with pytest.raises(ValueError, match="weights_00000009.* cannot be read"):
        store.finish(folder, {}, starts=[0, 9])


def test_a_figure_that_is_not_finite_is_none_in_header_and_manifest(tmp_path):
    quality = (np.nan, np.inf, 31.0)
    instances = [{"name": "x", "status": store.DONE, "psnr_db": x} for x in quality]
    cost = {"seconds": 0.0, "cpu_seconds": 0.0}
    part = store.Shard(0, tree.row(WEIGHTS, slice(3)), instances, cost)
    store.write_shard(tmp_path, part)
    path = store.path_of(tmp_path, 0)
    manifest = store.finish(tmp_path, {"rate": np.nan})
    assert manifest == store.manifest(tmp_path)
    assert manifest["rate"] is None
    for found in (store.read_shard(path).instances, manifest["instances"]):
        assert [instance["psnr_db"] for instance in found] == [None, None, 31.0]
    assert b"NaN" not in path.read_bytes()
    assert "NaN" not in (tmp_path / "manifest.json").read_text()
