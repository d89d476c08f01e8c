"""Copies of a picture stay on one side; a subset keeps the shares of the classes."""

import io

import numpy as np
import pytest
from PIL import Image

from wsjax.data import copies, images, split


def noise(n, seed=0):
    generator = np.random.default_rng(seed)
    return generator.integers(0, 256, (n, 8, 8, 3), dtype=np.uint8)


def fill(folder, names, pixels):
    for name, picture in zip(names, pixels, strict=True):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(folder / name)
    return folder


def partition(groups):
    return {frozenset(np.flatnonzero(groups == g).tolist()) for g in groups}


def test_equal_pixels_and_equal_names_but_for_the_suffix_are_copies(tmp_path):
    a, b, c, d = noise(4)
    names = ["x/1.png", "x/1.jpg", "x/2.bmp", "y/1.png", "y/3.png", "y/4.v1.png"]
    fill(tmp_path, [*names, "y/4.v2.png"], [a, a, b, b, c, d, noise(1, 1)[0]])
    loaded = images.load_path(tmp_path)
    first = ["x/1.jpg", "x/1.png", "x/2.bmp", "y/1.png"]
    assert loaded.names[:4] == first and loaded.skipped == {}
    # JPEG changes pixels, so that 0 and 1 share a name only, 2 and 3 pixels only.
    assert not np.array_equal(loaded.pixels[0], loaded.pixels[1])
    singles = [frozenset([i]) for i in (4, 5, 6)]
    assert partition(loaded.groups) == {frozenset([0, 1]), frozenset([2, 3]), *singles}


def test_copies_of_copies_belong_together_and_nothing_is_dropped(tmp_path):
    a, b = noise(2)
    fill(tmp_path, ["1.png", "2.png", "2.bmp", "3.bmp", "4.png"], [a, a, b, b, b[::-1]])
    loaded = images.load_path(tmp_path)
    assert loaded.names == ["1.png", "2.bmp", "2.png", "3.bmp", "4.png"]
    assert partition(loaded.groups) == {frozenset([0, 1, 2, 3]), frozenset([4])}


def test_copies_are_found_at_the_size_of_work(tmp_path):
    picture = noise(1)[0]
    large = picture.repeat(4, axis=0).repeat(4, axis=1)
    fill(
        tmp_path,
        ["1.png", "2.png"],
        [large[:, :32], np.pad(large, [(0, 0), (8, 8), (0, 0)])],
    )
    assert images.load_path(tmp_path, size=8).groups is not None


def changed(pixels, share, seed=2):
    """Pictures plus noise of a share of their standard deviation."""
    generator = np.random.default_rng(seed)
    scale = share * pixels.std(axis=(1, 2, 3), keepdims=True)
    noisy = pixels + scale * generator.choice([-1, 1], pixels.shape)
    return np.clip(np.round(noisy), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("size", [(8, 8), (13, 10), (3, 5), (31, 30)])
def test_what_differs_by_a_tenth_of_its_contrast_is_a_copy(size):
    generator = np.random.default_rng(0)
    # Whole numbers of small contrast, so that no noise is clipped.
    pixels = generator.integers(64, 192, (9, *size, 3), dtype=np.uint8)
    names = [str(i) for i in range(18)]
    near = np.concatenate([pixels, changed(pixels, 0.08)])
    groups = copies.groups_of_copies(near, names)
    assert partition(groups) == {frozenset([i, i + 9]) for i in range(9)}
    far = np.concatenate([pixels, changed(pixels, 0.13)])
    assert copies.groups_of_copies(far, names) is None


def test_what_is_saved_as_jpeg_is_a_copy_and_an_empty_picture_is_one_of_itself():
    ramp = np.add.outer(np.arange(24), np.arange(24))[:, :, None] * [5, 3, 1]
    picture = ramp.astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG")
    saved = np.asarray(Image.open(buffer))
    empty = np.zeros_like(picture)
    stacked = np.stack([picture, empty, saved, empty + 1, empty])
    groups = copies.groups_of_copies(stacked, list("abcde"))
    assert partition(groups) == {frozenset(x) for x in ([0, 2], [1, 4], [3])}


def test_without_copies_there_are_no_groups(tmp_path):
    np.savez(tmp_path / "d.npz", x=noise(5))
    assert images.load_path(tmp_path / "d.npz").groups is None


@pytest.mark.parametrize("fraction", [0.1, 0.3, 0.5, 0.8])
def test_copies_stay_in_one_part(fraction):
    generator = np.random.default_rng(3)
    for seed in range(20):
        groups = generator.integers(0, 25, 60)
        part = split.parts(60, test=fraction, seed=seed, groups=groups)
        for group in np.unique(groups):
            assert len(set(part[groups == group])) == 1
        largest = np.bincount(groups).max()
        for number, share in ((split.TEST, fraction), (split.VALIDATION, 0.1)):
            found = (part == number).sum()
            assert round(60 * share) - largest < found <= round(60 * share)


def test_a_split_without_copies_is_the_one_without_groups():
    groups = np.random.default_rng(0).permutation(41)
    for seed in range(5):
        plain = split.parts(41, seed=seed)
        np.testing.assert_array_equal(split.parts(41, seed=seed, groups=groups), plain)


@pytest.mark.parametrize(
    ("groups", "line"),
    [
        (np.zeros(9), "copies stay together, make 9 train, 0 validation, 0 test"),
        (np.arange(8), "groups= needs 9 numbers, one each, got 8"),
    ],
)
def test_a_split_that_copies_do_not_allow_is_refused(groups, line):
    with pytest.raises(ValueError, match=line):
        split.parts(9, groups=groups)


@pytest.mark.parametrize(
    ("sizes", "n", "counts"),
    [
        ((50, 50, 50), 6, (2, 2, 2)),
        ((50, 30, 20), 10, (5, 3, 2)),
        ((98, 1, 1), 10, (8, 1, 1)),  # None is lost as long as n reaches.
        ((60, 30, 10), 2, (1, 1, 0)),
        ((5, 1, 1), 7, (5, 1, 1)),
        ((5, 1, 1), 99, (5, 1, 1)),
    ],
)
def test_a_subset_keeps_the_shares_of_the_classes(sizes, n, counts):
    labels = np.repeat([7, -1, 4], sizes)
    rows = split.subset(labels, n)
    assert (np.diff(rows) > 0).all()
    assert [np.sum(labels[rows] == label) for label in (7, -1, 4)] == list(counts)
    np.testing.assert_array_equal(rows, split.subset(labels, n))


def test_a_subset_is_drawn_by_seed_from_all_of_a_class():
    labels = np.repeat([0, 1], 20)
    seen = [tuple(split.subset(labels, 4, seed=seed)) for seed in range(200)]
    assert len(set(seen)) > 190 and {row for rows in seen for row in rows} == {
        *range(40)
    }


def test_n_of_a_folder_with_classes_takes_some_of_each(tmp_path):
    names = [f"{kind}/{i}.png" for kind in "abc" for i in range(4)]
    fill(tmp_path, names, noise(12))
    (tmp_path / "a" / "bad.png").write_bytes(b"text")
    loaded = images.load_path(tmp_path, n=6)
    assert sorted(loaded.labels.tolist() + [0] * len(loaded.skipped)) == [
        0,
        0,
        1,
        1,
        2,
        2,
    ]
    others = [images.load_path(tmp_path, n=6, seed=s).names for s in range(1, 5)]
    assert images.load_path(tmp_path, n=6).names == loaded.names
    assert any(names != loaded.names for names in others)
    np.savez(tmp_path / "d.npz", x=noise(12), y=np.repeat([0, 1, 2], 4))
    assert images.load_path(tmp_path / "d.npz", n=3).labels.tolist() == [0, 1, 2]


def test_no_file_of_a_folder_vanishes_without_a_line(tmp_path):
    """Seven pictures in six classes and the files beside them."""
    a, b, c = noise(3)
    fill(tmp_path, ["pgm/1.pgm"], [a[..., 0]])
    fill(tmp_path, ["ppm/1.ppm", "deep/x/y/1.png", "png/1.png"], [b, c, a])
    (tmp_path / "png" / "1.png").rename(tmp_path / "png" / "1")  # Without a suffix.
    for name in ("heic/1.heic", "heic/2.HEIC", "png/notes.txt", "README"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"no picture")
    loaded = images.load_path(tmp_path)
    assert loaded.names == ["deep/x/y/1.png", "pgm/1.pgm", "png/1", "ppm/1.ppm"]
    assert loaded.classes == ["deep", "pgm", "png", "ppm"]
    end = "files that are not read as pictures, e.g."
    assert loaded.skipped == {
        "*.heic": f"2 {end} heic/1.heic",
        "*.txt": f"1 {end} png/notes.txt",
        "files without suffix": f"1 {end} README",
    }
