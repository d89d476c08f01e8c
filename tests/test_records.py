import pathlib
import subprocess
import sys
import textwrap

import jax
import pytest

from wsjax import records

OLD, NEW = {"psnr": 30.0}, {"psnr": 31.5, "note": "é"}


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "run" / "metrics.json"
    records.write_json(path, OLD)
    return path


def test_json_comes_back_as_it_was_written(path):
    assert records.read_json(path) == OLD
    records.write_json(path, NEW)
    assert records.read_json(path) == NEW
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_rename_that_fails_leaves_the_old_content(path, monkeypatch):
    def fail(*_):
        raise OSError("disk is gone")

    monkeypatch.setattr(pathlib.Path, "replace", fail)
    with pytest.raises(OSError, match="disk is gone"):
        records.write_json(path, NEW)
    assert records.read_json(path) == OLD


@pytest.mark.parametrize("failing", ["fsync", "open"])
def test_a_failed_write_says_what_to_do_and_leaves_nothing(path, monkeypatch, failing):
    def fail(*_, **__):
        raise OSError(28, "No space left on device")

    place = records.os if failing == "fsync" else pathlib.Path
    monkeypatch.setattr(place, failing, fail)
    with pytest.raises(OSError) as caught:
        records.write_json(path, NEW)
    monkeypatch.undo()
    assert str(caught.value) == (
        f"{path} cannot be written: No space left on device; free space or permit "
        "writing there and run the command again; what was finished is kept"
    )
    assert records.read_json(path) == OLD
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_what_killed_processes_left_half_written_is_removed(path):
    kept = [path, path.with_name("notes.tmp"), path.with_name("a.json.tmp")]
    for other in kept[1:]:
        other.write_text("of someone else")
    (path.parent / "deep").mkdir()
    left = [path.with_name("a.json.17.tmp"), path.parent / "deep" / "b.x.4194304.tmp"]
    for other in left:
        other.write_text("half")
    records.remove_temporary(path.parent)
    assert sorted(path.parent.iterdir()) == sorted([*kept, path.parent / "deep"])
    assert not any(other.exists() for other in left)


def test_a_killed_process_leaves_the_old_content(path):
    program = f"""
        import os, pathlib, signal
        from wsjax import records
        records.os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)
        records.write_json(pathlib.Path({str(path)!r}), {NEW!r})
    """
    killed = subprocess.run([sys.executable, "-c", textwrap.dedent(program)])
    assert killed.returncode == -9
    assert records.read_json(path) == OLD
    records.write_json(path, NEW)
    assert records.read_json(path) == NEW


def test_json_that_cannot_be_read_names_the_file_and_the_way_out(path):
    path.write_text('{"psnr": 3')
    with pytest.raises(ValueError, match=f"{path} is not valid JSON.*delete it"):
        records.read_json(path)


def test_lines_come_back_as_they_were_written(tmp_path):
    path, lines = tmp_path / "trace.jsonl", [{"step": i, "loss": 0.5} for i in range(3)]
    assert records.read_lines(path) == []
    records.write_lines(path, lines)
    assert records.read_lines(path) == lines


@pytest.mark.parametrize("cut", [1, 2, 9])
def test_a_last_line_that_was_cut_short_is_left_out(cut, tmp_path):
    path, lines = tmp_path / "trace.jsonl", [{"step": i, "loss": 0.5} for i in range(3)]
    records.write_lines(path, lines)
    path.write_bytes(path.read_bytes()[:-cut])
    whole = 3 if cut == 1 else 2  # The first byte to go is the end of the line.
    assert records.read_lines(path) == lines[:whole]


def test_total_sums_the_two_times_alone():
    costs = [
        {"seconds": 1.25, "cpu_seconds": 2.0, "device": "cpu"},
        {"seconds": 0.5, "cpu_seconds": 0.25},
    ]
    assert records.total(costs) == {"seconds": 1.75, "cpu_seconds": 2.25}
    assert records.total([]) == {"seconds": 0, "cpu_seconds": 0}


def test_cost_is_the_difference_of_two_readings(monkeypatch):
    start = records.Cost(10.0, 3.0)
    monkeypatch.setattr(records, "now", lambda: records.Cost(12.5, 4.25))
    assert records.since(start) == {"seconds": 2.5, "cpu_seconds": 1.25}
    assert set(records.total([records.since(start)])) < set(records.COSTS)


def test_peak_memory_is_that_of_a_running_process():
    assert 10 < records.peak_memory_mib() < 1e6


def test_compiling_adds_to_the_compile_time():
    before = records.compile_seconds()
    jax.jit(lambda x: 3 * x + 1)(1.0)
    assert before < records.compile_seconds() < before + 100
