"""Each bad input: one message that says where, what was found, and the way out."""

import io
import os
import re

import numpy as np
import pytest
from PIL import Image

from wsjax import data
from wsjax.data import digits, discs, images, split

GOOD = np.random.default_rng(0).integers(0, 256, (3, 6, 6, 3), dtype=np.uint8)
PAIR = {"jpeg": np.zeros(9, np.uint8), "offsets": np.array([0, 5, 9])}


def _encode(pixels, kind):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind)
    return buffer.getvalue()


def _fails(path, *words, error=ValueError, **options):
    with pytest.raises(error) as caught:
        images.load_path(path, **options)
    message = str(caught.value)
    for word in words:
        assert word in message, message
    assert "\n" not in message


def _npz(tmp_path, **arrays):
    np.savez(tmp_path / "d.npz", **arrays)
    return tmp_path / "d.npz"


def _folder(tmp_path, files):
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    return tmp_path


@pytest.mark.parametrize("path", [None, ""])
def test_no_path(path):
    _fails(path, "data path is required", "path=")


def test_nothing_at_the_path(tmp_path):
    _fails(tmp_path / "no", "/no:", "found nothing", "path=", error=FileNotFoundError)


def test_a_single_picture_is_no_data_set(tmp_path):
    _folder(tmp_path, {"a.png": _encode(GOOD[0], "PNG")})
    _fails(tmp_path / "a.png", "a.png", ".png file", "give the folder")


def test_a_folder_without_pictures(tmp_path):
    _folder(tmp_path, {"a.txt": b"text"})
    _fails(tmp_path, str(tmp_path), "found none among 1 entries", "give a folder")


def test_a_folder_with_and_without_classes(tmp_path):
    png = _encode(GOOD[0], "PNG")
    _folder(tmp_path, {"a.png": png, "class/b.png": png})
    _fails(tmp_path, str(tmp_path), "both", "a.png", "class/b.png", "move")


def test_a_folder_that_cannot_be_listed(tmp_path, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "scandir", refuse)
    _fails(tmp_path, str(tmp_path), "Permission denied", "check its permissions")


def test_pictures_of_different_sizes(tmp_path):
    files = {"a.png": GOOD[0], "b.png": GOOD[1], "c.png": GOOD[2, :4]}
    _folder(tmp_path, {k: _encode(v, "PNG") for k, v in files.items()})
    _fails(tmp_path, "c.png with 4x6", "a.png with 6x6", "size= resamples")


@pytest.mark.parametrize("keep", [0, 1, 40, 0.5, 0.99])
def test_a_file_that_is_part_of_an_npz(tmp_path, keep):
    path = _npz(tmp_path, x=GOOD)
    whole = path.read_bytes()
    path.write_bytes(whole[: keep if keep >= 1 else int(keep * len(whole))])
    _fails(path, "d.npz", "expected an .npz", "write it again")


def test_other_content_under_the_name_of_an_npz(tmp_path):
    path = tmp_path / "d.npz"
    path.write_bytes(b"just some text, not a zip file")
    _fails(path, "d.npz", "expected an .npz", "write it again")
    with path.open("wb") as file:
        np.save(file, GOOD)
    _fails(path, "d.npz", "a single array (3, 6, 6, 3)", "numpy.savez")


def test_an_array_damaged_inside_the_npz(tmp_path):
    path = _npz(tmp_path, x=GOOD)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(content)
    _fails(path, "d.npz", "'x'", "damaged", "save it again")


@pytest.mark.parametrize("key", ["x", "y"])
def test_pickled_objects_are_not_opened(tmp_path, key):
    objects = np.array([{}, [], None], dtype=object)
    path = _npz(tmp_path, **{"x": GOOD, key: objects})
    _fails(path, "d.npz", repr(key), "pickled", "numeric dtype")


@pytest.mark.parametrize(
    "arrays, words",
    [
        ({"a": GOOD}, ["'x'", "'jpeg'", "found ['a']", "save the pictures"]),
        ({"jpeg": PAIR["jpeg"]}, ["found ['jpeg']", "'offsets'"]),
        ({"x": GOOD[0, 0]}, ["'x'", "found uint8 [6, 3]", "reshape"]),
        ({"x": GOOD[None]}, ["'x'", "[1, 3, 6, 6, 3]", "reshape"]),
        ({"x": np.zeros((2, 5, 8, 8))}, ["[2, 5, 8, 8]", "1 to 4 channels"]),
        ({"x": GOOD.astype(str)}, ["'x'", "found <U3", "astype(numpy.uint8)"]),
        ({"x": GOOD[:0]}, ["'x'", "found none in uint8 [0, 6, 6, 3]"]),
        ({"x": GOOD, "y": [0, 1]}, ["'y'", "[3]", "found int64 [2]", "leave it out"]),
        ({"x": GOOD, "y": [0.5, 1, 2]}, ["'y'", "whole numbers", "found 0.5"]),
        ({"x": GOOD, "y": [0.0, 1, np.nan]}, ["'y'", "whole", "found nan", "number"]),
        ({"x": GOOD, "y": np.ones((3, 2))}, ["'y'", "rows with a single 1"]),
        ({"x": GOOD, "y": np.ones((2, 2))}, ["'y'", "found float64 [2, 2]"]),
        ({"x": GOOD, "y": [0, 1, 2**40]}, ["'y'", "to 1099511627776", "number"]),
        (PAIR | {"jpeg": np.zeros(9)}, ["'jpeg'", "found float64 [9]", "frombuffer"]),
        (PAIR | {"offsets": [0.0, 9]}, ["'offsets'", "found float64", "save where"]),
        (PAIR | {"offsets": [0]}, ["'offsets'", "found int64 [1]", "save where"]),
        (PAIR | {"offsets": [0, 5, 4, 9]}, ["increase", "5 then 4 at entry 2"]),
        (PAIR | {"offsets": np.uint32([5, 4])}, ["increase", "5 then 4 at entry 1"]),
        (PAIR | {"offsets": [0, 10]}, ["9 bytes", "found 0 to 10", "cut short"]),
        (PAIR | {"offsets": [-1, 9]}, ["9 bytes", "found -1 to 9", "save both"]),
    ],
)
def test_arrays_of_the_wrong_kind(tmp_path, arrays, words):
    _fails(_npz(tmp_path, **arrays), "d.npz", *words)


def test_damaged_pictures_in_a_folder_stop_no_other(tmp_path):
    png, jpeg = _encode(GOOD[0], "PNG"), _encode(GOOD[1], "JPEG")
    files = {"a.png": png, "b.png": png[: len(png) // 2], "c.jpg": jpeg[:-40]}
    _folder(tmp_path, files | {"d.png": b"", "e.png": b"text", "f.png": png})
    Image.fromarray(np.zeros((6, 6), np.float32)).save(tmp_path / "g.tif")
    (tmp_path / "h.png").symlink_to(tmp_path / "gone.png")
    loaded = images.load_path(tmp_path)
    np.testing.assert_array_equal(loaded.pixels, GOOD[[0, 0]])
    assert loaded.names == ["a.png", "f.png"]
    reasons = {
        "b.png": "does not decode",
        "c.jpg": "does not decode: .*truncated",
        "d.png": "zero bytes",
        "e.png": "4 bytes that are no picture",
        "g.tif": r"mode F\) have no range of their own; .* range=\(low, high\)",
        "h.png": "cannot be opened: No such file",
    }
    assert list(loaded.skipped) == list(reasons)
    for name, reason in reasons.items():
        assert re.search(reason, loaded.skipped[name])


def test_a_skipped_picture_takes_its_label_along(tmp_path):
    encoded = [_encode(p, "JPEG") for p in GOOD]
    encoded[1] = encoded[1][:-40]
    offsets = np.cumsum([0, *map(len, [*encoded, b""])])
    joined = np.frombuffer(b"".join(encoded), np.uint8)
    loaded = images.load_path(
        _npz(tmp_path, jpeg=joined, offsets=offsets, y=[7, 8, 9, 5])
    )
    assert loaded.names == ["0", "2"] and loaded.labels.tolist() == [7, 9]
    assert list(loaded.skipped) == ["1", "3"] and len(loaded.pixels) == 2
    assert "truncated" in loaded.skipped["1"] and "zero bytes" in loaded.skipped["3"]


def test_rows_that_are_not_finite_are_skipped(tmp_path):
    x = GOOD / 255
    x[0, 1, 2, 0], x[2, 0, 0, :2] = np.nan, np.inf
    loaded = images.load_path(_npz(tmp_path, x=x), size=4)
    assert loaded.names == ["1"] and loaded.pixels.shape == (1, 4, 4, 3)
    assert loaded.skipped == {
        "0": "1 of 108 pixel values are NaN or infinite",
        "2": "2 of 108 pixel values are NaN or infinite",
    }


@pytest.mark.parametrize("limit", [7, 20, 30])
def test_a_decompression_bomb_is_skipped(tmp_path, monkeypatch, limit):
    small = _encode(GOOD[0, :2, :2], "PNG")
    _folder(tmp_path, {"a.png": small, "b.png": _encode(GOOD[0], "PNG")})
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    loaded = images.load_path(tmp_path)
    assert loaded.names == ["a.png"] and "36 pixels" in loaded.skipped["b.png"]


def test_not_one_good_instance_is_an_error(tmp_path):
    _folder(tmp_path, {"a.png": b"", "b.png": b"text"})
    _fails(tmp_path, str(tmp_path), "2 instances", "a.png: zero bytes", "replace")
    _fails(_npz(tmp_path, x=np.full((2, 3, 3), np.nan)), "0: 9 of 9", "NaN", "replace")


@pytest.mark.parametrize(
    "options, words",
    [
        ({"size": 0}, ["size=", "at least 1", "got 0"]),
        ({"size": 8.5}, ["size=", "whole number", "got 8.5"]),
        ({"n": -1}, ["n=", "at least 1", "got -1"]),
        ({"n": True}, ["n=", "got True"]),
        ({"channels": 2}, ["channels=", "1 (grey), 3 (RGB)", "got 2"]),
        ({"range": 255}, ["range=", "such as (0, 255)", "got 255"]),
        ({"range": (1, 0)}, ["range=", "lower one first", "got (1, 0)"]),
        ({"range": (0, 1, 2)}, ["range=", "got (0, 1, 2)"]),
        ({"range": (0, np.inf)}, ["range=", "finite", "got (0, inf)"]),
    ],
)
def test_bad_options(tmp_path, options, words):
    _fails(_npz(tmp_path, x=np.zeros((1, 2, 2, 4))), *words, **options)


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: data.load("digit"), "'digit'; choose one of .*'digits', 'discs'"),
        (lambda: data.load("images"), "missing .*'path'; it takes path, size"),
        (lambda: data.load("digits", path="x"), "'path'; it takes size, n$"),
        (lambda: digits.load(n=0), "n= .* got 0"),
        (lambda: digits.load(size=0), "size= .* got 0"),
        (lambda: discs.load(classes=5), "classes= needs 1 to 4, got 5"),
        (lambda: discs.load(n=None), "n= .* got None"),
        (lambda: split.parts(9, test=1.0), "test= .* got 1.0"),
        (lambda: split.parts(9, validation=np.nan), "validation= .* got nan"),
        (lambda: split.parts(2), "of 2 instances.* make 0 train, 1 validation, 1 test"),
        (lambda: split.parts(9, test=0.95), "make 0 train, 0 validation, 9 test; exp"),
        (lambda: images.to_values(np.zeros((2, 2))), r"float64 \[2, 2\]"),
        (lambda: images.to_values(np.zeros((2, 2, 1), int)), r"int64 \[2, 2, 1\]"),
        (lambda: images.to_pixels(np.zeros((6, 1)), (2, 2)), r"2 \* 2 = 4, got \[6, 1"),
    ],
)
def test_bad_arguments(call, words):
    with pytest.raises(ValueError, match=words):
        call()
