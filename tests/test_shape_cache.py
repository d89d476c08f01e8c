"""The cache of shapes: each is sampled once, and only once."""

import io
import os

import numpy as np
import pytest

from tests import boxes
from wsjax.data import parametric, shape_cache, shapes
from wsjax.meshes import sampling
from wsjax.meshes.mesh import Mesh


@pytest.fixture
def meshes(tmp_path):
    return boxes.write(tmp_path / "meshes")


@pytest.fixture
def load(meshes, tmp_path):
    return boxes.loader(meshes, tmp_path / "cache")


@pytest.fixture
def calls(monkeypatch):
    """Counts what is sampled in this process."""
    counted, sample = [], sampling.sample

    def counting(mesh, preset, **options):
        counted.append(mesh)
        return sample(mesh, preset, **options)

    monkeypatch.setattr(sampling, "sample", counting)
    return counted


def test_what_is_in_the_cache_is_not_sampled_again(load, calls):
    first = load()
    assert len(calls) == 3
    again = load()
    assert len(calls) == 3
    assert first.files == again.files
    assert first.frames[1].scale == again.frames[1].scale
    np.testing.assert_array_equal(first.frames[1].centre, again.frames[1].centre)
    for one, other in zip(
        shapes.read(first, [0, 1, 2], *("points", "values", "grid", "surface")),
        shapes.read(again, [0, 1, 2], *("points", "values", "grid", "surface")),
        strict=True,
    ):
        np.testing.assert_array_equal(one, other)


def test_a_killed_run_samples_only_what_is_missing(load, calls):
    found = load()
    with open(found.files[1], "rb") as file:
        written = file.read()
    os.unlink(found.files[1])
    # What a kill leaves: a file half written, under its temporary name.
    with open(f"{found.files[1]}.999.tmp", "wb") as file:
        file.write(written[:1000])
    assert load().files == found.files
    assert len(calls) == 4
    with open(found.files[1], "rb") as file:
        assert file.read() == written


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "member"])
def test_a_damaged_file_is_sampled_again(load, calls, damage):
    found = load()
    with open(found.files[0], "rb") as file:
        written = file.read()
    broken = {
        "cut": written[:-100],
        "flipped": written[:1500] + bytes([written[1500] ^ 1]) + written[1501:],
        "empty": b"",
        "member": _without_grid(written),
    }
    with open(found.files[0], "wb") as file:
        file.write(broken[damage])
    load()
    assert len(calls) == 4
    with open(found.files[0], "rb") as file:
        assert file.read() == written


def _without_grid(written):
    with np.load(io.BytesIO(written)) as arrays:
        kept = {name: arrays[name] for name in arrays.files if name != "grid"}
    file = io.BytesIO()
    np.savez(file, **kept)
    return file.getvalue()


def test_reading_a_damaged_file_names_it(load):
    found = load()
    with open(found.files[1], "wb") as file:
        file.write(b"nothing")
    with pytest.raises(ValueError, match=f"{found.files[1]}: expected the samples"):
        shapes.read(found, [0, 1], "grid")
    os.unlink(found.files[1])
    with pytest.raises(ValueError, match="load the shapes again"):
        shapes.read(found, [1], "grid")


@pytest.mark.parametrize(
    "change",
    [
        {"size": 5},
        {"seed": 1},
        {"preset": boxes.TINY._replace(near=64)},
        {"preset": boxes.TINY._replace(clamp=0.2)},
        {"preset": boxes.TINY._replace(kind="occupancy")},
    ],
)
def test_every_option_is_part_of_the_key(load, calls, change):
    first, other = load(), load(**change)
    assert len(calls) == 6
    assert not set(first.files) & set(other.files)
    assert shapes.fingerprint(first) != shapes.fingerprint(other)


def test_content_and_not_the_name_is_the_key(load, meshes, calls):
    first = load()
    os.rename(meshes / "low/a.ply", meshes / "low/z.ply")
    moved = load()
    assert len(calls) == 3
    assert moved.files == [first.files[1], first.files[0], first.files[2]]
    assert shapes.fingerprint(first) != shapes.fingerprint(moved)
    boxes.box((1, 0.4, 1)).export(meshes / "low/z.ply")
    assert load().files[1] not in first.files
    assert len(calls) == 4


def test_samples_depend_on_the_shape_alone(load):
    alone = load(n=1)
    with open(alone.files[0], "rb") as file:
        written = file.read()
    os.unlink(alone.files[0])
    together = load()
    assert together.files[:1] == alone.files
    with open(together.files[0], "rb") as file:
        assert file.read() == written


def test_a_cache_that_cannot_be_written_is_one_error(load, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OSError, match="cannot be written.*run the command again"):
        load(cache=tmp_path / "file")


def test_the_default_cache_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert shape_cache.default_folder() == tmp_path / "wsjax" / "shapes"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert shape_cache.default_folder() == tmp_path / "home/.cache/wsjax/shapes"


def test_a_changed_drawing_is_sampled_again(tmp_path, monkeypatch):
    first = boxes.drawn(tmp_path, n=2)
    monkeypatch.setattr(
        parametric,
        "make",
        lambda *_: Mesh(boxes.box((1, 1, 1)).vertices, boxes.box((1, 1, 1)).faces),
    )
    other = boxes.drawn(tmp_path, n=2)
    assert other.files[0] == other.files[1]
    assert other.files[0] not in first.files


def test_several_processes_write_the_same_bytes(tmp_path, monkeypatch):
    one = boxes.drawn(tmp_path / "one", n=4)
    monkeypatch.setattr(shape_cache, "FEW", 0)
    many = boxes.drawn(tmp_path / "many", n=4)
    assert shapes.fingerprint(one) == shapes.fingerprint(many)
    for mine, theirs in zip(one.files, many.files, strict=True):
        with open(mine, "rb") as first, open(theirs, "rb") as second:
            assert first.read() == second.read()
