"""Files of a run folder are whole or not there."""

import pathlib
import subprocess
import sys
import textwrap

import pytest

from wsjax import files

OLD, NEW = {"psnr": 30.0}, {"psnr": 31.5, "note": "é"}


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "run" / "metrics.json"
    files.write_json(path, OLD)
    return path


def test_json_comes_back_as_it_was_written(path):
    assert files.read_json(path) == OLD
    files.write_json(path, NEW)
    assert files.read_json(path) == NEW
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_rename_that_fails_leaves_the_old_content(path, monkeypatch):
    def fail(*_):
        raise OSError("disk is gone")

    monkeypatch.setattr(pathlib.Path, "replace", fail)
    with pytest.raises(OSError, match="disk is gone"):
        files.write_json(path, NEW)
    assert files.read_json(path) == OLD


@pytest.mark.parametrize("failing", ["fsync", "open"])
def test_a_failed_write_says_what_to_do_and_leaves_nothing(path, monkeypatch, failing):
    def fail(*_, **__):
        raise OSError(28, "No space left on device")

    place = files.os if failing == "fsync" else pathlib.Path
    monkeypatch.setattr(place, failing, fail)
    with pytest.raises(OSError) as caught:
        files.write_json(path, NEW)
    monkeypatch.undo()
    assert str(caught.value) == (
        f"{path} cannot be written: No space left on device; free space or permit "
        "writing there and run the command again; what was finished is kept"
    )
    assert files.read_json(path) == OLD
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_what_killed_processes_left_half_written_is_removed(path):
    kept = [path, path.with_name("notes.tmp"), path.with_name("a.json.tmp")]
    for other in kept[1:]:
        other.write_text("of someone else")
    (path.parent / "deep").mkdir()
    left = [path.with_name("a.json.17.tmp"), path.parent / "deep" / "b.x.4194304.tmp"]
    for other in left:
        other.write_text("half")
    files.remove_temporary(path.parent)
    assert sorted(path.parent.iterdir()) == sorted([*kept, path.parent / "deep"])
    assert not any(other.exists() for other in left)


def test_a_killed_process_leaves_the_old_content(path):
    program = f"""
        import os, pathlib, signal
        from wsjax import costs, files
        files.os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)
        files.write_json(pathlib.Path({str(path)!r}), {NEW!r})
    """
    killed = subprocess.run([sys.executable, "-c", textwrap.dedent(program)])
    assert killed.returncode == -9
    assert files.read_json(path) == OLD
    files.write_json(path, NEW)
    assert files.read_json(path) == NEW


def test_json_that_cannot_be_read_names_the_file_and_the_way_out(path):
    path.write_text('{"psnr": 3')
    with pytest.raises(ValueError, match=f"{path} is not valid JSON.*delete it"):
        files.read_json(path)


def test_lines_come_back_as_they_were_written(tmp_path):
    path, lines = tmp_path / "trace.jsonl", [{"step": i, "loss": 0.5} for i in range(3)]
    assert files.read_lines(path) == []
    files.write_lines(path, lines)
    assert files.read_lines(path) == lines


@pytest.mark.parametrize("cut", [1, 2, 9])
def test_a_last_line_that_was_cut_short_is_left_out(cut, tmp_path):
    path, lines = tmp_path / "trace.jsonl", [{"step": i, "loss": 0.5} for i in range(3)]
    files.write_lines(path, lines)
    path.write_bytes(path.read_bytes()[:-cut])
    whole = 3 if cut == 1 else 2  # The first byte to go is the end of the line.
    assert files.read_lines(path) == lines[:whole]
