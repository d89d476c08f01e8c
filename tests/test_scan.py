"""How folders are listed: depth, classes, links, hidden files, order."""

import os

import pytest

from wsjax.data import scan


def fill(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")
    return folder


def listed(folder):
    return scan.scan(
        folder,
        lambda file: file.suffix == ".x",
        one="thing",
        many="things",
        suffixes=(".x",),
    )


def classes(folder):
    return {entry.file: entry.kind for entry in listed(folder).entries}


def test_numbers_in_names_go_by_value_and_folders_come_one_after_the_other(tmp_path):
    names = ["c 2/x9.x", "c 2/x10.x", "c 2/x10a.x", "c 10/1.x", "c 10/01.x", "c/z.x"]
    fill(tmp_path, *names)
    expected = ["c/z.x", "c 2/x9.x", "c 2/x10.x", "c 2/x10a.x", "c 10/01.x", "c 10/1.x"]
    assert [entry.file for entry in listed(tmp_path).entries] == expected


def test_the_subfolder_is_the_class_however_deep_the_file(tmp_path):
    fill(tmp_path, "a/x/y/1.x", "a/2.x", "b/train/3.x")
    assert classes(tmp_path) == {"a/2.x": "a", "a/x/y/1.x": "a", "b/train/3.x": "b"}


@pytest.mark.parametrize(
    ("names", "kinds"),
    [
        (["1.x", "2.x"], [None, None]),
        (["all/1.x", "all/2.x"], [None, None]),
        (["set/all/1.x", "set/all/2.x"], [None, None]),
        (["set/a/1.x", "set/b/2.x"], ["a", "b"]),
        (["train/a/1.x", "val/a/2.x", "val/b/3.x"], ["a", "a", "b"]),
        (["set/Test/a/1.x", "set/Train/b/2.x"], ["a", "b"]),
        (["test/1.x", "train/2.x"], [None, None]),
        (["chair/test/1.x", "chair/train/2.x"], [None, None]),
        (["bus/1.x", "train/2.x"], ["bus", "train"]),
    ],
)
def test_wrappers_and_parts_of_a_set_are_no_classes(tmp_path, names, kinds):
    assert classes(fill(tmp_path, *names)) == dict(zip(names, kinds, strict=True))


@pytest.mark.parametrize("wrapper", ["", "set/"])
def test_instances_beside_classes_are_refused(tmp_path, wrapper):
    fill(tmp_path, f"{wrapper}1.x", f"{wrapper}a/2.x", f"{wrapper}b/3.x")
    both = f"found both, e.g. '{wrapper}1.x' and '{wrapper}a/2.x'; move one kind away"
    with pytest.raises(ValueError, match=both):
        listed(tmp_path)


def test_hidden_files_are_no_data_and_all_others_are_named(tmp_path):
    fill(tmp_path, "1.x", ".2.x", ".git/3.x", "__MACOSX/4.x", "Thumbs.db", "b", "a/c.y")
    found = listed(tmp_path)
    assert [entry.file for entry in found.entries] == ["1.x"]
    assert found.others == ["a/c.y", "b"]


def test_links_are_followed_but_not_in_circles(tmp_path):
    root = fill(tmp_path / "root", "a/1.x", "b/2.x")
    fill(tmp_path, "out/3.x", "out/deep/4.x")
    (root / "a" / "to_file.x").symlink_to(tmp_path / "out" / "3.x")
    (root / "c").symlink_to(tmp_path / "out")
    for place, target in (("a/up", ".."), ("b/self", "."), ("b/far", tmp_path)):
        (root / place).symlink_to(target)
    (tmp_path / "out" / "deep" / "up").symlink_to("..")
    (root / "b" / "gone.x").symlink_to("nowhere.x")
    found = {entry.file: entry for entry in listed(root).entries}
    back = "a link back to a folder that it lies in"
    faults = {file: entry.fault for file, entry in found.items() if entry.fault}
    assert faults == dict.fromkeys(["a/up", "b/far", "b/self", "c/deep/up"], back)
    good = {file: entry.kind for file, entry in found.items() if not entry.fault}
    assert good == {
        "a/1.x": "a",
        "a/to_file.x": "a",
        "b/2.x": "b",
        "b/gone.x": "b",  # Whoever reads it says that it leads nowhere.
        "c/3.x": "c",
        "c/deep/4.x": "c",
    }


def test_links_between_two_folders_end(tmp_path):
    fill(tmp_path, "a/1.x", "b/2.x")
    (tmp_path / "a" / "b").symlink_to("../b")
    (tmp_path / "b" / "a").symlink_to("../a")
    found = {entry.file: entry.fault for entry in listed(tmp_path).entries}
    back = "a link back to a folder that it lies in"
    good = dict.fromkeys(["a/1.x", "a/b/2.x", "b/2.x", "b/a/1.x"])
    assert found == {**good, "a/b/a": back, "b/a/b": back}


def test_what_is_no_file_and_what_cannot_be_listed_is_recorded(tmp_path, monkeypatch):
    fill(tmp_path, "a/1.x", "b/2.x", "locked/3.x")
    os.mkfifo(tmp_path / "a" / "pipe.x")
    (tmp_path / "a" / "empty.x").mkdir()
    scandir = os.scandir

    def refuse(path):
        if path.name == "locked":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    faults = [entry for entry in listed(tmp_path).entries if entry.fault]
    assert faults == [
        ("a/empty.x", "a", "an empty folder, expected a thing"),
        ("a/pipe.x", "a", "no file, expected a thing"),
        ("locked", None, "a folder that cannot be listed (Permission denied)"),
    ]


def test_what_was_found_instead_is_named(tmp_path):
    fill(tmp_path, "a/1.y", "b/2.z")
    none = r"expected things \(.x\), found none among 2 entries, e.g. 'a/1.y'; give a"
    with pytest.raises(ValueError, match=none):
        listed(tmp_path)


def test_names_that_are_no_text_are_shown_as_their_bytes():
    assert scan.shown(os.fsdecode(b"\xff\xc3\xbc.x")) == "\\xffü.x"
