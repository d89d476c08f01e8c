"""Bad instances among good ones: each is left out with its reason."""

import os

import numpy as np
import pytest
from PIL import Image

from wsjax.data import images

GOOD = np.random.default_rng(0).integers(0, 256, (3, 6, 6, 3), dtype=np.uint8)


def load(tmp_path, x):
    np.savez(tmp_path / "x.npz", x=x)
    return images.load_path(tmp_path / "x.npz")


def test_a_few_rows_out_of_range_are_skipped_and_many_are_another_unit(tmp_path):
    x = np.tile(GOOD[0] / 255, (4, 1, 1, 1))
    x[1, 0, 0, 0], x[3, 2, 2, 2] = 1e30, -0.6
    x[0, 0, 0, 0], x[2, 0, 0, 0] = -0.0009, 1.0009  # By rounding.
    loaded = load(tmp_path, x)
    assert loaded.names == ["0", "2"]
    low, high = GOOD[0].min() / 255, GOOD[0].max() / 255
    assert loaded.skipped == {
        "1": f"values from {low:g} to 1e+30, expected [0, 1]",
        "3": f"values from -0.6 to {high:g}, expected [0, 1]",
    }
    assert loaded.pixels.min() == 0 and loaded.pixels.max() == 1
    x[2, 0, 0, 0] = 255.0
    unit = r"'x': expected .* in \[0, 1\] or .*, found -0.6 to 1e\+30; say which"
    with pytest.raises(ValueError, match=unit):
        load(tmp_path, x)


def test_what_is_no_file_is_skipped_among_pictures_and_no_picture_alone(tmp_path):
    (tmp_path / "a.png").mkdir()
    os.mkfifo(tmp_path / "b.png")
    with pytest.raises(ValueError, match="found none among 2 entries, e.g. 'a.png'"):
        images.load_path(tmp_path)
    Image.fromarray(GOOD[0]).save(tmp_path / "c.png")
    loaded = images.load_path(tmp_path)
    assert loaded.names == ["c.png"] and loaded.labels is None
    assert loaded.skipped == {
        "a.png": "an empty folder, expected a picture",
        "b.png": "no file, expected a picture",
    }
