"""A run folder keeps to its recipe and its data, wherever these lie."""

import pytest

from experiments.running import run_folder


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
