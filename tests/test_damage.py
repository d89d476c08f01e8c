"""What is lost or damaged between two runs of a fit is made again, and nothing else."""

import shutil

import chex
import pytest

from configs import digits
from experiments import fit
from experiments.fitting import engine
from experiments.running import run_folder
from tests import runs
from wsjax import store

N = 24  # In shards of 8.


@pytest.fixture(scope="module")
def compiled():
    """One compiled fit for all runs: they differ in no option."""
    made, lifted = [], engine.lifted

    def once(*args):
        if not made:
            made.append(lifted(*args))
        return made[0]

    return once


@pytest.fixture
def again(monkeypatch, compiled):
    """`again(folder)` runs the command once more; returns which shards it wrote."""
    monkeypatch.setattr(engine, "lifted", compiled)

    def run(folder, **options):
        before = written(folder)
        config = digits.get_config("tiny")
        config.data.n = N
        fit.run(config, str(folder), **options)
        return {
            start for start, at in written(folder).items() if before.get(start) != at
        }

    return run


def written(folder):
    """When each shard was written, by its first row."""
    paths = {start: shard(folder, start) for start in range(0, N, 8)}
    return {s: path.stat().st_mtime_ns for s, path in paths.items() if path.exists()}


def place(folder):
    return folder / "fit" / runs.NAME


def shard(folder, start):
    return store.path_of(place(folder), start)


def flip(path):
    """Turns over one bit of the weights."""
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return runs.with_base(tmp_path_factory.mktemp("base"))


@pytest.fixture
def folder(base, tmp_path):
    return shutil.copytree(base, tmp_path / "run")


@pytest.fixture(scope="module")
def whole(base, tmp_path_factory, compiled):
    """A finished run."""
    folder = shutil.copytree(base, tmp_path_factory.mktemp("whole") / "run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "lifted", compiled)
        config = digits.get_config("tiny")
        config.data.n = N
        fit.run(config, str(folder))
    return folder


@pytest.fixture
def copy(whole, tmp_path):
    return shutil.copytree(whole, tmp_path / "copy")


def assert_same(folder, whole):
    assert not runs.differences(folder, whole)
    assert [i["name"] for i in store.manifest(place(folder))["instances"]] == [
        str(i) for i in range(N)
    ]


def test_a_finished_run_is_kept(copy, whole, again):
    assert again(copy) == set()
    assert_same(copy, whole)


@pytest.mark.parametrize("harm", [flip, lambda path: path.unlink()])
def test_a_shard_that_was_damaged_after_the_fit_is_fitted_again(
    copy, whole, again, harm
):
    harm(shard(copy, 8))
    assert again(copy) == {8}
    assert_same(copy, whole)


def test_a_damaged_shard_is_not_taken_over_by_a_longer_run(folder, whole, again):
    assert again(folder, limit=16) == {0, 8}
    flip(shard(folder, 8))
    assert again(folder) == {8, 16}
    assert_same(folder, whole)


def test_a_shard_that_was_cut_short_before_the_manifest_is_fitted_again(
    copy, whole, again
):
    unfinished(copy)
    path = shard(copy, 16)
    path.write_bytes(path.read_bytes()[:-1])
    assert again(copy) == {16}
    assert_same(copy, whole)


def unfinished(folder):
    """Takes back what marks a run as finished."""
    (place(folder) / "metrics.json").unlink()
    (place(folder) / "manifest.json").unlink()


def test_a_run_that_was_stopped_while_it_mended_goes_on_from_there(
    copy, whole, again, monkeypatch
):
    flip(shard(copy, 0))
    flip(shard(copy, 8))
    write = store.write_shard

    def fail_at_the_second(folder, content):
        if content.start == 8:
            raise OSError("no space")
        write(folder, content)

    with monkeypatch.context() as patch:
        patch.setattr(store, "write_shard", fail_at_the_second)
        with pytest.raises(OSError, match="no space"):
            again(copy)
    assert again(copy) == {8}
    assert_same(copy, whole)


def test_a_last_shard_of_fewer_instances_is_filled_up(folder, whole, again):
    assert again(folder, limit=10) == {0, 8}
    assert store.manifest(place(folder))["n"] == 10
    assert again(folder) == {8, 16}
    assert_same(folder, whole)
    assert again(folder, limit=10) == set()
    assert store.manifest(place(folder))["n"] == N


def test_shards_behind_a_gap_are_no_part_of_a_shorter_run(copy, whole, again):
    # As left by two processes, of which one was the slower.
    unfinished(copy)
    shard(copy, 8).unlink()
    assert again(copy, limit=8) == set()
    _, instances = store.load(place(copy))
    assert [i["name"] for i in instances] == [str(i) for i in range(8)]
    assert again(copy) == {8}
    assert_same(copy, whole)


@pytest.mark.parametrize("lost", ["manifest.json", "metrics.json"])
def test_a_lost_summary_is_written_again(copy, whole, again, lost):
    (place(copy) / lost).unlink()
    assert again(copy) == set()
    assert_same(copy, whole)


@pytest.mark.parametrize("lost", ["start", "guess"])
def test_a_lost_start_is_made_again(copy, whole, again, lost):
    unfinished(copy)
    shutil.rmtree(place(copy) / lost)
    shard(copy, 8).unlink()
    assert again(copy) == {8}
    assert_same(copy, whole)
    ours, theirs = (
        store.read_shard(store.path_of(place(x) / lost, 0)) for x in (copy, whole)
    )
    chex.assert_trees_all_equal(ours.weights, theirs.weights)


def test_a_folder_is_held_by_one_alone_and_tidied_up_for_it(tmp_path):
    left = tmp_path / "fit" / "x" / f"metrics.json.wsjax-{'0f' * 16}.tmp"
    own = tmp_path / "fit" / "x" / "notes.2024-draft.tmp"
    left.parent.mkdir(parents=True)
    for path in (left, own):
        path.write_text("half")
    with run_folder.held(str(tmp_path)):
        assert own.exists() and not left.exists()
        with pytest.raises(ValueError, match="is in use by process .* wait for it"):
            with run_folder.held(str(tmp_path)):
                pass
    with run_folder.held(str(tmp_path)):
        pass
