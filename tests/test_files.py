"""Files of a run folder are whole or not there."""

import json
import os
import pathlib
import re
import subprocess
import sys
import textwrap

import numpy as np
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


def test_what_killed_processes_left_half_written_is_removed(path, monkeypatch):
    (path.parent / "deep").mkdir()
    users = [
        path.with_name("notes.tmp"),
        path.with_name("notes.2024-draft.tmp"),
        path.with_name("metrics.json.17.tmp"),
        path.with_name("notes.wsjax-draft.tmp"),
        path.parent / "deep" / "b.x.4194304.tmp",
    ]
    for other in users:
        other.write_text("of someone else")
    kept = set(path.parent.rglob("*"))
    with monkeypatch.context() as patch:  # As if the process died in the middle.
        patch.setattr(pathlib.Path, "unlink", lambda *_, **__: None)
        patch.setattr(pathlib.Path, "replace", lambda *_: None)
        files.write_json(path, NEW)
        files.write_json(path.parent / "deep" / "other.json", NEW)
    assert len(set(path.parent.rglob("*")) - kept) == 2
    files.remove_temporary(path.parent)
    assert set(path.parent.rglob("*")) == kept


def test_processes_of_one_number_write_under_different_names(path, monkeypatch):
    # Containers that share a cache may each be process 1 of a host of one name.
    opened, real = [], pathlib.Path.open

    def note(self, *args, **kwargs):
        opened.append(self)
        return real(self, *args, **kwargs)

    monkeypatch.setattr(os, "getpid", lambda: 1)
    monkeypatch.setattr(pathlib.Path, "open", note)
    files.write_json(path, OLD)
    files.write_json(path, NEW)
    assert len(opened) == len(set(opened)) == 2
    assert {temporary.parent for temporary in opened} == {path.parent}


def test_a_file_may_have_the_longest_name_that_there_is(tmp_path):
    for name in ("x" * 255, "é" * 127, "\U0001f600" * 63):
        files.write_bytes(tmp_path / name, b"whole")
        assert (tmp_path / name).read_bytes() == b"whole"


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


FIGURES = {
    "psnr": np.nan,
    "finite": 1.5,
    "own": [np.float64("inf"), -np.inf, {"deep": (np.nan, 2)}],
    "none": None,
}
READ = {"psnr": None, "finite": 1.5, "own": [None, None, {"deep": [None, 2]}]}
READ |= {"none": None}


def refuse(name):
    raise AssertionError(f"{name} is not JSON")


def test_a_figure_that_is_not_finite_is_null_and_read_as_none(path):
    files.write_json(path, FIGURES)
    assert json.loads(path.read_text(), parse_constant=refuse) == READ
    assert files.read_json(path) == files.finite(FIGURES) == READ
    files.write_lines(path, [FIGURES, OLD])
    for line in path.read_text().splitlines():
        json.loads(line, parse_constant=refuse)
    assert files.read_lines(path) == [READ, OLD]


def test_what_others_wrote_as_nan_is_read_by_the_same_rule(path):
    path.write_text('{"psnr": NaN, "own": [Infinity, -Infinity]}\n')
    found = {"psnr": None, "own": [None, None]}
    assert files.read_json(path) == found
    assert files.read_lines(path) == [found]


NAMES = (
    ["cat_1.png", "cat-1.png", "cat 1.png", "cat/1.png", "Cat_1.png", "CAT_1.PNG"]
    + [
        "",
        ".",
        "..",
        "../cat",
        ".hidden",
        "-rf",
        "dot.",
        "a b",
        "a_b",
        "a\nb",
        "a\x00b",
    ]
    + ["con", "con.txt", "LPT1.obj", "nul", "CON", "/etc/passwd", "C:\\x", "a" * 256]
    + ["é.png", "e\u0301.png", "e.png", "猫", "犬", "caf\udce9", "caf\udcea", "ß", "ss"]
    + ["x" * 300, "x" * 301, "é" * 200, "0" * 16, "cat_1.png-" + "0" * 16]
)


@pytest.mark.parametrize("most", [255, 40, 17])
def test_safe_names_are_portable_and_never_shared(most):
    names = list(NAMES)
    for _ in range(2):  # Safe names of names that are safe already, too.
        names += [files.safe_name(name, most=most) for name in names]
    names = set(names)
    found = {name: files.safe_name(name, most=most) for name in names}
    assert len({name.casefold() for name in found.values()}) == len(names)
    for name in found.values():
        assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]*(?<!\.)", name)
        assert len(name) <= most
        assert name.lower().split(".")[0] not in ("con", "nul", "lpt1")


def test_a_portable_name_stays_and_others_are_recognised():
    for name in ("cat_1.png", "cat-1.png", "00017.glb", "x" * 255):
        assert files.safe_name(name) == name
    for name, begin in {"cats/é 1.png": "cats_e_1.png-", "Chair": "Chair-"}.items():
        assert files.safe_name(name).startswith(begin)
    with pytest.raises(ValueError, match="most should be 17 or more, got 16"):
        files.safe_name("cat", most=16)


def test_a_safe_name_can_be_written(tmp_path):
    for name in NAMES:
        files.write_json(tmp_path / files.safe_name(name), {"name": name})
    found = [files.read_json(path)["name"] for path in tmp_path.iterdir()]
    assert sorted(found) == sorted(NAMES)


def test_paths_may_be_text(tmp_path):
    path = f"{tmp_path}/deep/x.json"
    files.write_json(path, OLD)
    assert files.read_json(path) == OLD
    files.write_lines(path, [OLD])
    assert files.read_lines(path) == [OLD]
    files.remove_temporary(str(tmp_path))


@pytest.mark.parametrize("content", ["[]", "3", "null", '{"a": 1}'])
def test_json_of_another_form_is_refused_by_name(tmp_path, content):
    path = tmp_path / "recipe.json"
    path.write_text(content)
    with pytest.raises(ValueError, match=r"recipe\.json: expected .*'b'.*delete it"):
        files.read_json(path, keys=("b",))


def test_a_line_that_is_no_object_ends_the_lines(tmp_path):
    path = tmp_path / "train.jsonl"
    path.write_text('{"step": 1}\n[]\n{"step": 3}\n')
    assert files.read_lines(path) == [{"step": 1}]
