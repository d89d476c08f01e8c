"""Changed copies of training pictures: what changes, and what must not."""

import numpy as np
import pytest

from configs import digits, shapes
from experiments.generator import encoding
from experiments.recipe import dataset, representation
from tests import trained_runs
from wsjax import data
from wsjax.data import images
from wsjax.data.augment import augmented


def pictures(n=6, dtype=np.float32, high=1.0):
    """`[n, 5, 4, 3]` of any colours."""
    drawn = np.random.default_rng(1).random((n, 5, 4, 3)) * high
    if dtype == np.uint8:
        return np.round(255 * drawn).astype(dtype)
    return drawn.astype(dtype)


def recipe(**changes):
    config = digits.get_config("tiny")
    if changes:
        config.data.augment = changes
    return config


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_a_picture_mirrored_twice_is_itself(dtype):
    pixels = pictures(dtype=dtype)
    once = augmented(pixels, 0, flip=True)
    assert once.dtype == dtype
    np.testing.assert_array_equal(once[:, :, 0], pixels[:, :, -1])
    np.testing.assert_array_equal(augmented(once, 0, flip=True), pixels)
    once[:] = 0  # What comes back is never a window on the originals.
    np.testing.assert_array_equal(pixels, pictures(dtype=dtype))


def test_copies_of_odd_number_are_not_mirrored():
    pixels = pictures()
    as_if = augmented(pixels, 1, shift=2)
    np.testing.assert_array_equal(augmented(pixels, 1, shift=2, flip=True), as_if)
    even = augmented(pixels, 2, shift=2, flip=True)
    np.testing.assert_array_equal(even, augmented(pixels[:, :, ::-1], 2, shift=2))


def _moved(picture, down, right):
    """The picture moved, pixel by pixel; its border goes on for ever."""
    height, width = picture.shape[:2]
    moved = np.empty_like(picture)
    for y in range(height):
        for x in range(width):
            row, column = min(max(y - down, 0), height - 1), x - right
            moved[y, x] = picture[row, min(max(column, 0), width - 1)]
    return moved


def test_a_shifted_picture_is_moved_and_repeats_its_border():
    pixels, seen = pictures(150), set()
    for picture, found in zip(pixels, augmented(pixels, 0, shift=1), strict=True):
        moves = [(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1)]
        same = [m for m in moves if np.array_equal(found, _moved(picture, *m))]
        assert len(same) == 1
        seen.update(same)
    assert seen == set(moves)


def test_colour_is_one_gain_per_picture_and_channel():
    """Twice the spread is twice as far from 1; nothing is cut off here."""
    pixels = pictures(2000, high=0.4) + np.float32(0.01)

    def gain(colour):
        gains = augmented(pixels, 0, colour=colour) / pixels
        spread = np.ptp(gains, axis=(1, 2))
        np.testing.assert_allclose(spread, 0, atol=1e-5)
        return gains[:, 0, 0]

    small, large = gain(0.05), gain(0.1)
    np.testing.assert_allclose(large - 1, 2 * (small - 1), atol=1e-5)
    np.testing.assert_allclose(large.std(axis=0), 0.1, rtol=0.05)
    np.testing.assert_allclose(large.mean(axis=0), 1, atol=0.01)
    assert np.abs(np.corrcoef(large.T) - np.eye(3)).max() < 0.1


def test_whole_numbers_stay_whole_and_in_their_range():
    pixels = pictures(300, np.uint8)
    found = augmented(pixels, 0, colour=0.5)
    assert found.dtype == np.uint8
    exact = augmented(pixels / 255.0, 0, colour=0.5)
    assert exact.max() == 1.0 and exact.min() >= 0.0
    np.testing.assert_array_equal(found, np.round(255 * exact))


def test_copies_differ_and_come_back_with_their_seed():
    pixels, options = pictures(20), {"shift": 2, "colour": 0.1}
    first = augmented(pixels, 0, **options)
    np.testing.assert_array_equal(first, augmented(pixels, 0, **options))
    for other in (
        augmented(pixels, 1, **options),
        augmented(pixels, 0, seed=1, **options),
    ):
        assert not np.isclose(other, first).all(axis=(1, 2, 3)).any()


@pytest.mark.parametrize(
    ("copy", "options", "line"),
    [
        (0, {"shift": -1}, "shift=-1 and colour=0.0 should not be negative; 0 is none"),
        (0, {"colour": -0.1}, "shift=0 and colour=-0.1 should not be negative"),
        (0, {}, "copy 0 would change nothing: ask for a shift or for colour"),
        (1, {"flip": True}, "copy 1 would change nothing: .*, the mirrored one"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(copy, options, line):
    with pytest.raises(ValueError, match=line) as refused:
        augmented(pictures(), copy, **options)
    assert "\n" not in str(refused.value)


def test_copies_follow_the_originals_and_nothing_is_held_out_of_them():
    plain, grown = dataset.load(recipe()), dataset.load(recipe(copies=2, shift=2))
    n, train = len(plain.names), plain.rows("train")
    assert plain.originals.all() and len(plain.originals) == n == 48
    np.testing.assert_array_equal(grown.originals, np.arange(n + 2 * len(train)) < n)
    np.testing.assert_array_equal(grown.part[:n], plain.part)
    assert not grown.heldout[n:].any() and len(grown.heldout) == len(grown.names)
    rows, places = np.arange(n), n + np.arange(2 * len(train))
    np.testing.assert_array_equal(grown.values(rows), plain.values(rows))
    np.testing.assert_array_equal(grown.labels[:n], plain.labels)
    np.testing.assert_array_equal(grown.labels[n:], np.tile(plain.labels[train], 2))
    copied = [f"{plain.names[i]}, copy {k}" for k in (1, 2) for i in train]
    assert grown.names == plain.names + copied
    source = data.load("digits", size=12, n=n)
    made = [augmented(source.pixels[train], k, seed=0, shift=2) for k in (0, 1)]
    np.testing.assert_array_equal(
        grown.values(places), images.to_values(np.concatenate(made))
    )


def test_what_is_not_augmented_is_named_as_before():
    plain = dataset.load(recipe())
    expected = images.fingerprint(data.load("digits", size=12, n=48))
    assert plain.fingerprint == expected
    assert dataset.load(recipe(copies=0)).fingerprint == expected
    found = [dataset.load(recipe(copies=1, shift=s)).fingerprint for s in (1, 2)]
    assert len({expected, *found}) == 3


def test_generators_learn_from_copies_and_are_judged_without(tmp_path):
    config = trained_runs.recipe()
    config.data.augment = {"copies": 1, "flip": True}
    root = trained_runs.folder(tmp_path / "run", config)
    found = dataset.load(config)
    form = representation.representation_of(config, root, found.shape)
    learnt = encoding.fitted(root, form, found, beside="validation", copies=True)
    chosen = encoding.fitted(root, form, found, beside="validation")
    judged = encoding.fitted(root, form, found, beside="test")
    rows = np.delete(np.arange(len(found.names)), 1)  # Its fit failed.
    for fits, last, other in (
        (learnt, len(rows) + 1, "test"),
        (chosen, 48, "test"),
        (judged, 48, "validation"),
    ):
        kept = rows[(rows < last) & ~np.isin(rows, found.rows(other))]
        np.testing.assert_array_equal(fits.rows, kept)
        np.testing.assert_array_equal(fits.heldout, ~np.isin(kept, found.rows("train")))
    n = len(chosen.rows)
    assert chosen.heldout.any() and not learnt.heldout[n:].any()
    np.testing.assert_array_equal(learnt.vectors[:n], chosen.vectors)


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"copies": 1}, "copy 0 would change nothing"),
        ({"copies": 2, "flip": True}, "copy 1 would change nothing"),
        ({"copies": -1, "flip": True}, "augment.copies=-1 should not be negative"),
        ({"copies": 1, "rotate": 3}, "augment has 'rotate'; choose from .*shift"),
        ({"copies": 1, "shift": 1, "seed": 3}, "augment has 'seed'; choose from"),
    ],
)
def test_a_recipe_of_bad_copies_is_refused_in_one_line(changes, line):
    with pytest.raises(ValueError, match=line) as refused:
        dataset.load(recipe(**changes))
    assert "\n" not in str(refused.value)


def test_shapes_have_no_changed_copies(tmp_path):
    config = shapes.get_config("tiny")
    config.data.update(n=3, test=0.3, validation=0.3, cache=str(tmp_path))
    config.data.augment = {"copies": 1, "flip": True}
    with pytest.raises(ValueError, match="changes pictures; leave it out for shapes"):
        dataset.load(config)
