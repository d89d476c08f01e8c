import io

import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from wsjax import data
from wsjax.data import digits, discs, images, split


def _noise(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def _smooth(height, width):
    ramps = np.meshgrid(np.arange(width), np.arange(height))
    layers = [3 * ramps[0], 3 * ramps[1], 90 + ramps[0] + ramps[1]]
    return np.stack(layers, axis=-1).astype(np.uint8)


def _jpeg(pixels):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG")
    return buffer.getvalue()


def _save_folder(folder, pixels):
    folder.mkdir(parents=True, exist_ok=True)
    for i, picture in enumerate(pixels):
        Image.fromarray(picture).save(folder / f"{i:02d}.png")
    return folder


@pytest.mark.parametrize("shape", [(5, 7, 3), (2, 5, 7, 1), (2, 3, 4, 5, 3)])
def test_pixels_to_values_and_back_is_the_identity(shape):
    pixels = _noise(*shape)
    for x, scale in [(pixels, 255), (jnp.asarray(pixels), 255), (pixels / 255, 1)]:
        values = images.to_values(x)
        assert values.shape == (*shape[:-3], shape[-3] * shape[-2], shape[-1])
        assert values.dtype == np.float32
        back = images.to_pixels(jnp.asarray(values), shape[-3:-1])
        assert back.shape == shape and back.dtype == np.float32
        np.testing.assert_allclose(scale * back, x, atol=1e-6 * scale)


def test_black_is_minus_one_white_is_one_and_rows_follow_each_other():
    pixels = np.array([[[0], [255]], [[51], [0]]], np.uint8)
    np.testing.assert_allclose(
        images.to_values(pixels), [[-1], [1], [-0.6], [-1]], atol=1e-6
    )


def test_values_beyond_the_range_are_clipped():
    assert images.to_pixels(np.array([[-3.0], [2.0]]), (1, 2)).ravel().tolist() == [
        0,
        1,
    ]


@pytest.mark.parametrize("name", ["digits", "discs"])
def test_embedded_data_is_deterministic_labelled_and_in_range(name):
    first, again = (data.load(name, size=12, n=10) for _ in range(2))
    assert first.pixels.shape == (10, 12, 12, 1) and first.pixels.dtype == np.float32
    assert first.pixels.min() >= 0 and 0.5 < first.pixels.max() <= 1
    assert first.labels.shape == (10,) and first.labels.dtype == np.int32
    assert first.names == [str(i) for i in range(10)] and first.skipped == {}
    assert images.fingerprint(first) == images.fingerprint(again)


def test_digits_are_the_digits_of_scikit_learn():
    source = load_digits()
    np.testing.assert_array_equal(
        digits.load(size=8).pixels[..., 0] * 16, source.images
    )
    loaded = digits.load(size=32)
    assert loaded.pixels.shape == (1797, 32, 32, 1)
    np.testing.assert_array_equal(loaded.labels, source.target)
    small = loaded.pixels.reshape(-1, 8, 4, 8, 4).mean(axis=(2, 4))
    assert np.abs(small - source.images / 16).mean() < 0.06
    assert np.abs(small - np.roll(source.images, 1, axis=2) / 16).mean() > 0.2


def test_coloured_discs_are_the_grey_ones_times_a_colour():
    grey, colour = discs.load(n=6).pixels, discs.load(n=6, channels=3).pixels
    np.testing.assert_array_equal(colour[..., :1], grey)
    np.testing.assert_array_equal(colour[:4], discs.load(n=4, channels=3).pixels)
    factors = colour.sum(axis=(1, 2)) / grey.sum(axis=(1, 2))
    np.testing.assert_allclose(
        colour, grey * factors[:, None, None], rtol=1e-4, atol=1e-5
    )
    assert np.ptp(factors[:, 1:]) > 0.3


def test_discs_differ_by_seed_and_fewer_are_the_first_of_more():
    many = discs.load(n=12, classes=3)
    np.testing.assert_array_equal(discs.load(n=5, classes=3).pixels, many.pixels[:5])
    assert many.labels.tolist() == [0, 1, 2] * 4
    assert np.abs(many.pixels - discs.load(n=12, classes=3, seed=1).pixels).max() > 0.1


def test_a_fingerprint_changes_with_any_part_of_the_data():
    base = discs.load(n=4)
    pixels, labels = base.pixels.copy(), base.labels.copy()
    pixels[2, 3, 4, 0] += 0.01
    labels[1] = 3
    others = [
        base._replace(pixels=pixels),
        base._replace(pixels=base.pixels.reshape(4, 8, 32, 1)),
        base._replace(labels=labels),
        base._replace(labels=None),
        base._replace(names=["0", "1", "2", "x"]),
    ]
    assert len({images.fingerprint(x) for x in [base, *others]}) == 6


def test_a_flat_folder_gives_exactly_the_saved_pixels_by_name(tmp_path):
    pixels = _noise(3, 5, 6, 3)
    _save_folder(tmp_path, pixels)
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "._00.png").write_text("hidden")
    loaded = data.load("images", path=str(tmp_path))
    np.testing.assert_array_equal(loaded.pixels, pixels)
    assert loaded.pixels.dtype == np.uint8 and loaded.labels is None
    assert loaded.names == ["00.png", "01.png", "02.png"]
    others = "1 files that are not read as pictures, e.g. notes.txt"
    assert loaded.skipped == {"*.txt": others}


def test_each_subfolder_is_a_class(tmp_path):
    _save_folder(tmp_path / "b_cat", _noise(1, 4, 4))
    _save_folder(tmp_path / "a_dog", _noise(2, 4, 4))
    loaded = images.load_path(tmp_path)
    assert loaded.pixels.shape == (3, 4, 4, 1)
    assert loaded.labels.tolist() == [0, 0, 1] and loaded.labels.dtype == np.int32
    assert loaded.names == ["a_dog/00.png", "a_dog/01.png", "b_cat/00.png"]
    assert loaded.classes == ["a_dog", "b_cat"]


def test_grey_among_colours_becomes_rgb_and_transparent_lies_on_white(tmp_path):
    Image.new("L", (4, 4), 7).save(tmp_path / "a.png")
    Image.new("RGBA", (4, 4), (9, 9, 9, 0)).save(tmp_path / "b.png")
    Image.fromarray(np.full((4, 4), 513, np.uint16)).save(tmp_path / "c.png")  # Float.
    Image.new("RGB", (4, 4), "red").convert("P").save(tmp_path / "d.gif")
    pixels = images.load_path(tmp_path).pixels
    assert pixels.shape == (4, 4, 4, 3)
    corners = [[7, 7, 7], [255, 255, 255], [513 / 257] * 3, [255, 0, 0]]
    np.testing.assert_allclose(255 * pixels[:, 0, 0], corners, rtol=1e-6)


@pytest.mark.parametrize("lead", [(), (1,), (3,)])
@pytest.mark.parametrize("dtype", [np.uint8, np.float64])
def test_an_npz_gives_its_own_rows(tmp_path, lead, dtype):
    x = _noise(4, 5, 6, *lead)
    x = x if dtype == np.uint8 else x / 255
    np.savez(tmp_path / "d.npz", x=x, y=np.array([3, 1, 2, 0], np.uint8))
    loaded = images.load_path(tmp_path / "d.npz")
    assert loaded.pixels.dtype == (np.uint8 if dtype == np.uint8 else np.float32)
    np.testing.assert_array_equal(
        loaded.pixels, x.reshape(4, 5, 6, -1).astype(loaded.pixels.dtype)
    )
    assert loaded.labels.tolist() == [3, 1, 2, 0] and loaded.labels.dtype == np.int32
    assert loaded.names == ["0", "1", "2", "3"]


def test_encoded_bytes_give_what_pillow_decodes(tmp_path):
    encoded = [_jpeg(_smooth(9, 11)), _jpeg(_smooth(9, 11)[::-1])]
    offsets = np.cumsum([0, *map(len, encoded)]).astype(np.uint32)
    joined = np.frombuffer(b"".join(encoded), np.uint8)
    np.savez(tmp_path / "d.npz", jpeg=joined, offsets=offsets, y=[5, 6])
    loaded = images.load_path(tmp_path / "d.npz")
    wanted = [np.asarray(Image.open(io.BytesIO(e))) for e in encoded]
    np.testing.assert_array_equal(loaded.pixels, wanted)
    assert loaded.labels.tolist() == [5, 6]


def test_n_loads_the_first_n_without_labels_and_looks_at_no_other(tmp_path):
    pixels = _noise(3, 4, 4, 3)
    _save_folder(tmp_path, pixels)
    (tmp_path / "03.png").write_bytes(b"damaged")
    loaded = images.load_path(tmp_path, n=2)
    np.testing.assert_array_equal(loaded.pixels, pixels[:2])
    assert loaded.names == ["00.png", "01.png"] and loaded.skipped == {}
    assert len(images.load_path(tmp_path, n=99).pixels) == 3


@pytest.mark.parametrize("scale", [1, 255])
def test_size_crops_the_centre_and_averages_when_it_shrinks(tmp_path, scale):
    x = np.zeros((1, 8, 16, 3), np.uint8)
    x[:, :, 4:12] = 100  # The centre square; all around it must be cut away.
    checks = x.copy()
    checks[:, :, 4:12:2] = 200  # Stripes of one pixel, average 150.
    both = np.concatenate([x, checks])
    both = both if scale == 1 else both / scale
    np.savez(tmp_path / "d.npz", x=both)
    pixels = images.load_path(tmp_path / "d.npz", size=2).pixels * float(scale)
    assert pixels.shape == (2, 2, 2, 3)
    np.testing.assert_allclose(pixels[0], 100, atol=1e-3)
    np.testing.assert_allclose(pixels[1], 150, atol=12)
    same = images.load_path(tmp_path / "d.npz", size=8).pixels
    np.testing.assert_array_equal(same, both[:, :, 4:12].astype(same.dtype))


def test_size_unites_pictures_of_different_sizes(tmp_path):
    Image.new("RGB", (9, 5), "red").save(tmp_path / "a.png")
    Image.new("RGB", (3, 7), "red").save(tmp_path / "b.bmp")
    pixels = images.load_path(tmp_path, size=4).pixels
    np.testing.assert_array_equal(pixels, np.broadcast_to([255, 0, 0], (2, 4, 4, 3)))


@pytest.mark.parametrize("scale", [1, 255])
def test_channels_convert_as_pillow_does(tmp_path, scale):
    rgb = _noise(1, 4, 4, 3)
    grey = np.asarray(Image.fromarray(rgb[0]).convert("L"))[None, ..., None]
    np.savez(tmp_path / "rgb.npz", x=rgb if scale == 1 else rgb / scale)
    np.savez(tmp_path / "grey.npz", x=grey)
    found = images.load_path(tmp_path / "rgb.npz", channels=1).pixels * float(scale)
    np.testing.assert_allclose(found, grey, atol=0 if scale == 1 else 0.51)
    tripled = images.load_path(tmp_path / "grey.npz", channels=3).pixels
    np.testing.assert_array_equal(tripled, np.repeat(grey, 3, axis=-1))


def test_a_split_is_fixed_exact_and_random():
    part = split.parts(17, test=0.3)
    assert np.bincount(part).tolist() == [17 - 2 - 5, 2, 5]  # Of 1.7 and 5.1.
    np.testing.assert_array_equal(part, split.parts(17, test=0.3))
    others = [split.parts(17, test=0.3, seed=s) for s in range(1, 5)]
    assert any((part != other).any() for other in others)
    for other in others:  # What one seed chose by may not judge another.
        np.testing.assert_array_equal(part == split.TEST, other == split.TEST)


def test_a_part_is_never_empty_and_the_test_part_does_not_hang_on_the_other():
    assert np.bincount(split.parts(3)).tolist() == [1, 1, 1]
    for seed in range(5):
        few, many = (split.parts(50, validation=x, seed=seed) for x in (0.04, 0.5))
        np.testing.assert_array_equal(few == split.TEST, many == split.TEST)
        assert (few == split.VALIDATION).sum() == 2
