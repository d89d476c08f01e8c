"""Arrays of pictures: keys, order of axes, labels, and memory."""

import io
import tracemalloc
import zipfile

import numpy as np
import pytest

from wsjax.data import images, npz

X = np.random.default_rng(0).integers(0, 256, (6, 8, 8, 3), dtype=np.uint8)


def load(tmp_path, **arrays):
    np.savez(tmp_path / "d.npz", **arrays)
    return images.load_path(tmp_path / "d.npz")


@pytest.mark.parametrize(
    ("key", "labels"),
    [
        ("x", "y"),
        ("x", "labels"),
        ("images", "labels"),
        ("images", "y"),
        ("x_train", "y_train"),
        ("train_images", "train_labels"),
        ("arr_0", "arr_1"),
    ],
)
def test_the_usual_keys_are_known_and_all_others_recorded(tmp_path, key, labels):
    found = load(tmp_path, **{"x_test": X[:1], labels: [3, 1, 2, 0, 5, 4], key: X})
    np.testing.assert_array_equal(found.pixels, X)
    assert found.labels.tolist() == [3, 1, 2, 0, 5, 4] and found.classes is None
    other = f"another array; the pictures are read from {key!r}"
    assert found.skipped == {"x_test": other}


@pytest.mark.parametrize(
    ("move", "shape"),
    [
        ((0, 3, 1, 2), "[N, C, H, W]"),
        ((1, 2, 3, 0), "[H, W, C, N]"),
        ((0, 1, 2, 3), "[N, H, W, C]"),
    ],
)
def test_the_order_of_four_axes_is_understood(tmp_path, move, shape):
    np.testing.assert_array_equal(load(tmp_path, x=X.transpose(move)).pixels, X)


def test_pictures_on_the_last_axis_are_known_by_their_labels(tmp_path):
    grey = X[..., 0]
    last = np.moveaxis(grey, 0, -1)
    with pytest.raises(ValueError, match=r"6 pictures of 8x8; .*numpy.moveaxis\(x, -1"):
        load(tmp_path, x=last)
    for x in (grey, last):
        found = load(tmp_path, x=x, y=np.arange(6))
        np.testing.assert_array_equal(found.pixels[..., 0], grey)


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((64, 64, 3), r"64 pictures of 64x3 or \[H, W, N\], 3 pictures of 64x64"),
        ((28, 28, 40), r"28 pictures of 28x40 or \[H, W, N\], 40 pictures of 28x28"),
        ((28, 20, 900), r"28 pictures of 20x900 or \[H, W, N\], 900 pictures"),
        (
            (9, 3, 4, 4),
            r"9 pictures of 3x4 or \[N, C, H, W\], 9 pictures of 4x4; .*1, -",
        ),
        ((32, 3, 3, 99), r"32 pictures of 3x99 or \[H, W, C, N\], 99 pictures"),
    ],
)
def test_axes_in_doubt_are_refused_with_both_ways_out(tmp_path, shape, words):
    with pytest.raises(ValueError, match=words):
        load(tmp_path, x=np.zeros(shape, np.uint8))


@pytest.mark.parametrize("shape", [(3, 64, 64), (50, 40, 30), (4, 3, 5, 3), (7, 2, 9)])
def test_the_documented_axes_are_taken_where_no_others_look_better(tmp_path, shape):
    x = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
    found = load(tmp_path, x=x).pixels
    np.testing.assert_array_equal(found.reshape(shape), x)


@pytest.mark.parametrize(
    ("y", "labels", "classes"),
    [
        (["b", "a10", "a2", "b", "a2", "b"], [2, 1, 0, 2, 0, 2], ["a2", "a10", "b"]),
        (
            [b"b", b"a", b"\xff", b"b", b"b", b"b"],
            [2, 1, 0, 2, 2, 2],
            ["\\xff", "a", "b"],
        ),
        (np.eye(6)[[3, 0, 1, 1, 5, 2]], [3, 0, 1, 1, 5, 2], None),
        (np.eye(6, dtype=bool)[[3, 0, 1, 1, 5, 2]], [3, 0, 1, 1, 5, 2], None),
        ([3.0, 0, 1, 1, 5, -1], [3, 0, 1, 1, 5, -1], None),
        ([[3], [0], [1], [1], [5], [2]], [3, 0, 1, 1, 5, 2], None),
        ([True, False, True, True, False, False], [1, 0, 1, 1, 0, 0], None),
    ],
)
def test_labels_of_every_kind_are_numbered(tmp_path, y, labels, classes):
    found = load(tmp_path, x=X, y=np.array(y))
    assert found.labels.dtype == np.int32
    assert (found.labels.tolist(), found.classes) == (labels, classes)


def claim(path, shape, content=b"", **options):
    """An npz whose array says that it has this shape, and is something else."""
    header = io.BytesIO()
    described = {"descr": "|u1", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(header, described)
    with zipfile.ZipFile(path, "w", **options) as archive:
        archive.writestr("x.npy", header.getvalue() + content)
    return path


def peak_of_a_refusal(path, words):
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=words):
            images.load_path(path)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_an_array_is_refused_before_it_unpacks_to_more_than_the_limit(
    tmp_path, monkeypatch
):
    unpacked = 30_000_000
    path = claim(
        tmp_path / "bomb.npz",
        (unpacked // 100, 10, 10),
        bytes(unpacked),
        compression=zipfile.ZIP_DEFLATED,
    )
    assert path.stat().st_size < unpacked / 500
    words = "'x' of at most 1000000 bytes, .* unpack to 30000"
    small = {"limits": None, "most_bytes": 1_000_000}
    monkeypatch.setattr(npz.open_npz, "__kwdefaults__", small)
    assert peak_of_a_refusal(path, words) < 1_000_000


def test_a_header_that_promises_more_than_the_limit_allocates_nothing(tmp_path):
    path = claim(tmp_path / "liar.npz", (10**9, 10, 10), b"short")
    words = f"'x' of at most {npz.MOST_BYTES} bytes, .* {10**11}; save it uncompressed"
    assert peak_of_a_refusal(path, words) < 1_000_000


def test_what_lies_uncompressed_in_the_file_may_be_as_large_as_it_is(tmp_path):
    np.savez(tmp_path / "d.npz", x=X)
    source = npz.open_npz(tmp_path / "d.npz", most_bytes=10)
    np.testing.assert_array_equal(source.read(3), X[3])
    np.savez_compressed(tmp_path / "d.npz", x=X // 255)
    with pytest.raises(ValueError, match="save it uncompressed with numpy.savez"):
        npz.open_npz(tmp_path / "d.npz", most_bytes=10)
