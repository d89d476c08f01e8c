"""Files of metrics by row, and the permissions of a file that is written anew."""

import pytest

from wsjax import files


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('{"b": {}, "a": 3}', "generation.json: expected an object in 'a', found 3;"),
        ("[1]", r"generation.json: expected an object, found \[1\]; delete"),
        ("{", "generation.json is not valid JSON"),
    ],
)
def test_rows_are_objects_and_another_form_is_refused_by_file(tmp_path, text, line):
    path = tmp_path / "generation.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=line):
        files.read_rows(path)


def test_rows_come_back_as_they_were_written(tmp_path):
    rows = {"a": {"x": 1.5, "failed": "why"}, "b": {}}
    files.write_json(tmp_path / "rows.json", rows)
    assert files.read_rows(tmp_path / "rows.json", keys=("a",)) == rows
    with pytest.raises(ValueError, match="expected an object with 'c'"):
        files.read_rows(tmp_path / "rows.json", keys=("c",))


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o666, 0o755])
def test_a_file_has_the_permissions_that_it_was_given(tmp_path, mode):
    path = tmp_path / "page.md"
    for text in (b"new", b"again"):
        files.write_bytes(path, text, mode=mode)
        assert path.stat().st_mode & 0o777 == mode and path.read_bytes() == text
    plain = tmp_path / "plain.md"
    plain.touch()
    files.write_bytes(tmp_path / "other.md", b"")
    assert (tmp_path / "other.md").stat().st_mode == plain.stat().st_mode
