"""Drawn colour pictures."""

import numpy as np
import pytest

from wsjax import data
from wsjax.data import images, patterns


@pytest.fixture(scope="module")
def drawn():
    return patterns.load(n=40, size=16)


def test_patterns_are_colour_pictures_in_range_without_labels(drawn):
    assert drawn.pixels.shape == (40, 16, 16, 3) and drawn.pixels.dtype == np.float32
    assert drawn.pixels.min() >= 0 and drawn.pixels.max() <= 1
    assert drawn.labels is None and drawn.skipped == {}
    assert drawn.names == [str(i) for i in range(40)]


def test_patterns_are_a_function_of_their_options(drawn):
    again = data.load("patterns", n=40, size=16, seed=0)
    assert images.fingerprint(again) == images.fingerprint(drawn)
    other = patterns.load(n=40, size=16, seed=1).pixels
    assert np.all(np.abs(other - drawn.pixels).max(axis=(1, 2, 3)) > 0.1)


def test_fewer_patterns_are_the_first_of_more(drawn):
    np.testing.assert_array_equal(patterns.load(n=7, size=16).pixels, drawn.pixels[:7])


def test_no_two_patterns_are_alike(drawn):
    rows = drawn.pixels.reshape(40, -1)
    distances = np.abs(rows[:, None] - rows).max(axis=-1)
    assert np.all(distances[~np.eye(40, dtype=bool)] > 0.1)


def test_a_larger_pattern_shows_the_same_in_more_detail(drawn):
    large = patterns.load(n=40, size=64).pixels
    small = large.reshape(40, 16, 4, 16, 4, 3).mean(axis=(2, 4))
    assert np.abs(small - drawn.pixels).mean() < 0.03
    others = np.abs(small - np.roll(drawn.pixels, 1, axis=0))
    assert others.mean(axis=(1, 2, 3)).min() > 0.03


@pytest.fixture(scope="module")
def large():
    return patterns.load(n=40, size=64).pixels


def flat(picture):
    """Colours of areas that hold nothing else, and their shares of the picture."""
    colours, counts = np.unique(picture.reshape(-1, 3), axis=0, return_counts=True)
    return colours[counts >= 30], counts[counts >= 30] / counts.sum()


def test_patterns_hold_two_flat_shapes_of_their_own_colours(large):
    colours, shares = zip(*map(flat, large), strict=True)
    assert np.median([len(x) for x in colours]) == 2
    assert 0.05 < np.median([x.sum() for x in shares]) < 0.5
    assert np.median(np.ptp(np.concatenate(colours), axis=1)) > 0.2


def test_the_edges_of_a_pattern_are_one_pixel_wide(large):
    steps = np.abs(np.diff(large, axis=2)).max(axis=(1, 2, 3))
    assert np.all(steps > 0.05) and np.median(steps) > 0.2


def test_patterns_have_a_coloured_texture(large):
    """Around the shapes a gradient alone would have no second differences."""
    bends = np.abs(np.diff(large, n=2, axis=2))
    bent = bends.max(axis=-1) > 1e-3
    assert np.median(bent.mean(axis=(1, 2))) > 0.4
    assert np.median(np.ptp(bends, axis=-1)[bent]) > 1e-3


@pytest.mark.parametrize(
    ("options", "wrong"),
    [
        ({"n": 0}, "n= needs a whole number of at least 1, got 0"),
        ({"n": None}, "n= needs a whole number of at least 1, got None"),
        ({"size": 2.5}, "size= needs a whole number of at least 1, got 2.5"),
        ({"size": -3}, "size= needs a whole number of at least 1, got -3"),
    ],
)
def test_sizes_that_cannot_be_are_refused(options, wrong):
    with pytest.raises(ValueError, match=wrong):
        patterns.load(**{"n": 2, "size": 4, **options})
