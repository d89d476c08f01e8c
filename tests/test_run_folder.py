"""A run folder keeps to its recipe and its data, wherever these lie."""

import pytest

from experiments.running import run_folder
from wsjax import files


def recipe(path):
    return {"data": {"path": path, "size": 8}, "fit": {"steps": 3}}


def test_data_may_move_as_long_as_they_are_the_same(tmp_path):
    run_folder.open_run(recipe("a"), str(tmp_path), "same")
    run_folder.open_run(recipe("./elsewhere/a"), str(tmp_path), "same")
    with pytest.raises(ValueError, match=r"data\.path: a -> b"):
        run_folder.open_run(recipe("b"), str(tmp_path), "another")
    with pytest.raises(ValueError, match="made from other data"):
        run_folder.open_run(recipe("a"), str(tmp_path), "another")


def test_a_users_own_temporary_files_stay(tmp_path):
    mine = tmp_path / "notes.2024-draft.tmp"
    mine.write_text("mine")
    half = tmp_path / "base" / f".wsjax-{'0' * 32}.tmp"
    half.parent.mkdir()
    half.write_text("half")
    with run_folder.held(str(tmp_path)):
        assert mine.exists()
        assert not half.exists()


def test_a_stage_that_lost_what_it_makes_is_not_finished(tmp_path):
    run_folder.close(tmp_path, "stage", {"n": 1})
    (tmp_path / "made").mkdir()
    assert run_folder.finished(tmp_path, "stage", ("made",)) == {"n": 1}
    (tmp_path / "made").rmdir()
    assert run_folder.finished(tmp_path, "stage", ("made",)) is None
    assert run_folder.finished(tmp_path, "stage") == {"n": 1}


@pytest.mark.parametrize(
    ("steps", "newest", "kept"),
    [((10, 20), 20, 2), ((10, 20, 30), 20, 2), ((), 0, 0), ((10,), 0, 0)],
)
def test_lines_reach_the_newest_checkpoint(tmp_path, steps, newest, kept):
    path = tmp_path / "train.jsonl"
    files.write_lines(path, [{"step": step} for step in steps])
    assert len(run_folder.lines_until(path, newest)) == kept


@pytest.mark.parametrize("steps", [(), (10,), (10, 30)])
def test_lines_that_are_lost_are_named(tmp_path, steps):
    """No interruption leaves a checkpoint without its line."""
    path = tmp_path / "train.jsonl"
    files.write_lines(path, [{"step": step} for step in steps])
    with pytest.raises(ValueError, match=r"train\.jsonl: expected the line of step 20"):
        run_folder.lines_until(path, 20)
