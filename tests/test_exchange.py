"""What leaves this project: numbers bit for bit, under names that others can read."""

import json
import tracemalloc

import chex
import numpy as np
import pytest
import safetensors
import safetensors.numpy

from configs import digits
from experiments import export
from wsjax import exchange, files, store, tree

N, FAILED = 7, 4
NAMES = ["cats/é 1.png", "../../01.png", "x" * 300, "", "failed", "caf\udce9", "a_b"]
DESCRIPTION = {"representation": "mlora", "base_fingerprint": "0123456789abcdef"}
COST = {"seconds": 0.0, "cpu_seconds": 0.0}


@pytest.fixture(scope="module")
def weights():
    generator = np.random.default_rng(0)
    kernels = generator.normal(size=(N, 3, 5)).astype(np.float32)
    kernels[FAILED] = np.nan
    return {
        "net.0": {"a": kernels, "b": generator.normal(size=(N, 2, 4))},
        "output": {"half": kernels[:, 0].astype(np.float16), "n": np.arange(N)},
    }


def instance(i):
    quality = None if i == FAILED else 30.0 + i / 7
    status = "failed: diverged" if i == FAILED else store.DONE
    return {"name": NAMES[i], "label": i % 3, "psnr_db": quality, "status": status}


@pytest.fixture
def folder(weights, tmp_path):
    """A finished weight set in shards of three, three and one."""
    for start in range(0, N, 3):
        rows = slice(start, min(start + 3, N))
        instances = [instance(i) for i in range(rows.start, rows.stop)]
        part = store.Shard(start, tree.row(weights, rows), instances, COST)
        store.write_shard(tmp_path / "set", part)
    store.finish(tmp_path / "set", DESCRIPTION)
    return tmp_path / "set"


def assert_same_bits(found, wanted):
    assert set(found) == set(wanted)
    for name, leaf in wanted.items():
        assert (found[name].dtype, found[name].shape) == (leaf.dtype, leaf.shape)
        assert found[name].tobytes() == leaf.tobytes()


def test_an_npz_holds_the_set_bit_for_bit(weights, folder, tmp_path):
    exchange.to_npz(folder, tmp_path / "out" / "set.npz")
    with np.load(tmp_path / "out" / "set.npz", allow_pickle=False) as archive:
        found = dict(archive)
    assert found.pop("names").tolist() == NAMES
    assert found.pop("labels").tolist() == [i % 3 for i in range(N)]
    assert found.pop("status").tolist() == [instance(i)["status"] for i in range(N)]
    wanted = [instance(i)["psnr_db"] or np.nan for i in range(N)]
    np.testing.assert_array_equal(found.pop("psnr_db"), wanted)
    assert_same_bits(found, tree.named(weights))


def test_each_fitted_instance_is_a_file_bit_for_bit(weights, folder, tmp_path):
    assert exchange.to_safetensors(folder, tmp_path / "out") == N - 1
    files = sorted((tmp_path / "out").iterdir())
    rows = [int(path.name[:8]) for path in files]
    assert rows == [i for i in range(N) if i != FAILED]
    for row, path in zip(rows, files, strict=True):
        leaves = tree.named(tree.row(weights, row))
        wanted = {name: np.asarray(leaf) for name, leaf in leaves.items()}
        assert_same_bits(safetensors.numpy.load_file(path), wanted)
        with safetensors.safe_open(path, "numpy") as file:
            header = file.metadata()
        name = header.pop("name_json", None)
        name = header.pop("name") if name is None else json.loads(name)
        assert name == NAMES[row]
        assert header == DESCRIPTION | {
            "label": str(row % 3),
            "psnr_db": str(30.0 + row / 7),
            "files": str(N - 1),
        }


def test_no_name_leads_out_of_the_folder(folder, tmp_path):
    before = set(tmp_path.rglob("*"))
    exchange.to_safetensors(folder, tmp_path / "out")
    made = {path.relative_to(tmp_path) for path in set(tmp_path.rglob("*")) - before}
    names = {path.name for path in made - {(tmp_path / "out").relative_to(tmp_path)}}
    assert {str(path.parent) for path in made} == {".", "out"}
    assert all(len(name.encode()) <= 255 for name in names)
    rows = [name for i, name in enumerate(NAMES) if i != FAILED]
    starts = [
        "0_cats_e_1.png-",
        "1_01.png-",
        f"2_{'x' * 200}",
        "3.",
        "5_caf-",
        "6_a_b.",
    ]
    assert len(names) == len(rows) == len(starts)
    for name, start in zip(sorted(names), starts, strict=True):
        assert name.startswith(f"0000000{start}") and name.endswith(".safetensors")


@pytest.mark.parametrize("form", ["npz", "safetensors"])
def test_what_leaves_comes_back(form, weights, folder, tmp_path):
    if form == "npz":
        kept = list(range(N))
        exchange.to_npz(folder, tmp_path / "set.npz")
        found = exchange.read_foreign(tmp_path / "set.npz")
    else:
        kept = [i for i in range(N) if i != FAILED]
        exchange.to_safetensors(folder, tmp_path / "out")
        found = exchange.read_foreign(tmp_path / "out")
    assert_same_bits(tree.named(found.weights), tree.named(tree.row(weights, kept)))
    wanted = [instance(i) for i in kept]
    assert found.instances == [
        {key: x for key, x in facts.items() if x is not None} for facts in wanted
    ]
    assert not found.skipped


@pytest.mark.parametrize("form", [exchange.to_npz, exchange.to_safetensors])
def test_a_second_run_completes_an_interrupted_one(form, folder, tmp_path, monkeypatch):
    out, calls = tmp_path / "out" / "x.npz", []

    def full(_):
        calls.append(1)
        if len(calls) == 1 + 3 * (form is exchange.to_safetensors):
            raise OSError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr(files.os, "fsync", full)
        with pytest.raises(OSError, match="no space"):
            form(folder, out)
    assert not out.is_file()
    for path in out.glob("*.safetensors"):
        assert safetensors.numpy.load_file(path)
    form(folder, out)
    found = exchange.read_foreign(out)
    form(folder, out)
    chex.assert_trees_all_equal(exchange.read_foreign(out), found)


def test_an_instance_that_cannot_be_written_is_named(tmp_path):
    instances = [{"name": f"cat {i}", "status": store.DONE} for i in range(2)]
    part = store.Shard(0, {"x": {"a": np.ones((2, 3))}}, instances, COST)
    store.write_shard(tmp_path / "set", part)
    store.finish(tmp_path / "set", {"representation": "caf\udce9"})
    with pytest.raises(
        ValueError, match="instance cat 0 cannot be written as safe.*npz"
    ):
        exchange.to_safetensors(tmp_path / "set", tmp_path / "out")


def test_files_of_another_set_are_refused_by_name(folder, tmp_path):
    exchange.to_safetensors(folder, tmp_path / "out")
    (tmp_path / "out" / "00000099_old.safetensors").write_bytes(b"")
    with pytest.raises(ValueError, match="00000099_old.safetensors; delete them or"):
        exchange.to_safetensors(folder, tmp_path / "out")


def test_instances_without_label_or_quality_say_so(tmp_path):
    instances = [{"name": str(i), "status": store.DONE} for i in range(2)]
    for known in ({}, {"label": 5}):
        instances[1] |= known
        part = store.Shard(0, {"x": {"a": np.ones((2, 3))}}, instances, COST)
        store.write_shard(tmp_path, part)
        store.finish(tmp_path, {})
        exchange.to_npz(tmp_path, tmp_path / "set.npz")
        with np.load(tmp_path / "set.npz") as archive:
            assert np.isnan(archive["psnr_db"]).all()
            assert ("labels" in archive) == bool(known)
            if known:
                assert archive["labels"].tolist() == [-1, 5]
        assert exchange.read_foreign(tmp_path / "set.npz").instances == instances


def test_a_leaf_called_like_a_column_is_refused(tmp_path):
    instances = [{"name": "x", "status": store.DONE}]
    part = store.Shard(0, {"status": np.ones((1, 2))}, instances, COST)
    store.write_shard(tmp_path, part)
    store.finish(tmp_path, {})
    with pytest.raises(ValueError, match="found status; export safetensors instead"):
        exchange.to_npz(tmp_path, tmp_path / "set.npz")


def test_memory_does_not_grow_with_the_set(tmp_path):
    # Eight shards of 4 MiB.
    for start in range(8):
        leaves = {"x": {"a": np.ones((4, 2**18), np.float32)}}
        instances = [{"name": str(start + i), "status": store.DONE} for i in range(4)]
        part = store.Shard(4 * start, leaves, instances, COST)
        store.write_shard(tmp_path / "set", part)
    store.finish(tmp_path / "set", {})
    tracemalloc.start()
    exchange.to_safetensors(tmp_path / "set", tmp_path / "out")
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 16 * 2**20


def run_folder_of(folder, tmp_path):
    """A run folder whose fits are the set."""
    config = digits.get_config("tiny")
    place = tmp_path / "run" / "fit" / config.adapter.name
    place.parent.mkdir(parents=True)
    folder.rename(place)
    return config, place


def test_the_binary_exports_both_forms_and_says_where(folder, tmp_path, capsys):
    config, _ = run_folder_of(folder, tmp_path)
    for kind, name in (("npz", "weights.npz"), ("safetensors", "safetensors")):
        path = export.run(config, str(tmp_path / "run"), kind=kind)
        assert path == tmp_path / "run" / "export" / "mlora_asym" / name
        assert str(path) in capsys.readouterr().out
        assert len(exchange.read_foreign(path).instances) == N - (kind != "npz")


def test_the_binary_refuses_what_is_missing_or_damaged(folder, tmp_path):
    config, place = run_folder_of(folder, tmp_path)
    run = str(tmp_path / "run")
    with pytest.raises(ValueError, match="unknown format 'zip'; choose one of"):
        export.run(config, run, kind="zip")
    shard = store.path_of(place, 3)
    data = bytearray(shard.read_bytes())
    data[-1] ^= 1  # One bit of a weight.
    shard.write_bytes(data)
    with pytest.raises(ValueError, match=f"{shard} is damaged or missing; run"):
        export.run(config, run)
    (place / "manifest.json").unlink()
    with pytest.raises(FileNotFoundError, match="experiments.fit"):
        export.run(config, run)
