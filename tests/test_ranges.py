"""Which values are black and white, and that none is cut off without a word."""

import numpy as np
import pytest

from wsjax.data import images

NOISE = np.random.default_rng(0).random((6, 5, 7, 3))
NOISE[0, 0, 0], NOISE[0, 0, 1] = 0.0, 1.0


def load(tmp_path, x, **options):
    np.savez(tmp_path / "x.npz", x=x)
    return images.load_path(tmp_path / "x.npz", **options)


def spread(low, high, dtype):
    values = low + NOISE * (high - low)
    return (np.round(values) if dtype.kind in "iu" else values).astype(dtype)


@pytest.mark.parametrize(
    ("dtype", "low", "high", "error"),
    [
        ("u1", 0, 255, 0.5 / 255),
        ("u2", 0, 65535, 0.5 / 65535),
        ("i2", 0, 255, 0.5 / 255),
        ("i8", 0, 255, 0.5 / 255),
        (">u4", 0, 255, 0.5 / 255),
        ("f2", 0, 1, 1e-3),
        ("f4", 0, 1, 1e-6),
        ("f8", 0, 1, 1e-6),
        ("f4", -1, 1, 1e-6),
        ("f8", -1, 1, 1e-6),
    ],
)
def test_each_type_has_the_range_of_the_table(tmp_path, dtype, low, high, error):
    pixels = load(tmp_path, spread(low, high, np.dtype(dtype))).pixels
    eight = high == 255
    assert pixels.dtype == (np.uint8 if eight else np.float32)
    found = pixels / (255 if eight else 1)
    np.testing.assert_allclose(found, NOISE, rtol=0, atol=1.01 * error)


def test_bools_are_black_and_white(tmp_path):
    x = NOISE[..., 0] > 0.5
    for options in ({}, {"range": (0, 1)}):
        pixels = load(tmp_path, x, **options).pixels
        np.testing.assert_array_equal(pixels[..., 0], np.where(x, 255, 0))


@pytest.mark.parametrize(
    ("dtype", "low", "high"),
    [("u1", 0, 1), ("u1", 0, 16), ("i8", 0, 9), ("u2", 0, 4095), ("f4", 0, 255)]
    + [("f4", 0, 1 / 255), ("f4", -0.5, 0.5), ("f4", -3, 3), ("f8", -0.02, 1.02)]
    + [("i2", -128, 127), ("i4", 0, 65535)],
)
def test_values_that_do_not_fit_their_type_need_a_range(tmp_path, dtype, low, high):
    x = spread(low, high, np.dtype(dtype))
    with pytest.raises(ValueError, match=r"with range=\(low, high\)"):
        load(tmp_path, x)
    pixels = load(tmp_path, x, range=(low, high)).pixels
    step = 0.5 if x.dtype.kind in "iu" else 1e-6 * (high - low)
    np.testing.assert_allclose(pixels, NOISE, rtol=0, atol=1.01 * step / (high - low))


def test_dark_pictures_are_loaded_when_their_range_is_given(tmp_path):
    x = spread(0, 20, np.dtype("u1"))
    pixels = load(tmp_path, x, range=(0, 255)).pixels
    np.testing.assert_array_equal(pixels, x)


@pytest.mark.parametrize("limits", [None, (0, 1)])
def test_pictures_of_one_colour_are_refused(tmp_path, limits):
    with pytest.raises(ValueError, match="same value, 1 of white, in every pixel"):
        load(tmp_path, np.ones((3, 4, 4)), range=limits)


def test_a_picture_outside_of_its_range_is_left_out_and_never_cut_off(tmp_path):
    x = spread(0, 100, np.dtype("i4"))
    x[2, 0, 0, 0], x[4, 1, 1, 1] = -1, 101
    loaded = load(tmp_path, x, range=(0, 100))
    assert loaded.names == ["0", "1", "3", "5"]
    assert loaded.skipped["2"].startswith("values from -1 to ")
    assert loaded.skipped["4"].endswith(" to 101, expected [0, 100]")


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("dtype", "low", "high"), [("u1", 0, 255), ("f4", 0, 1), ("u2", 0, 65535)]
)
def test_the_last_of_two_or_four_channels_is_an_opacity(
    tmp_path, channels, dtype, low, high
):
    colour, opacity = NOISE[..., :channels], NOISE[..., ::-1][..., :1]
    x = np.concatenate([colour, opacity], axis=-1)
    x = np.round(x * high) if high > 1 else x
    pixels = load(tmp_path, x.astype(dtype)).pixels
    white = 255 if pixels.dtype == np.uint8 else 1
    wanted = colour * opacity + 1 - opacity
    np.testing.assert_allclose(pixels / white, wanted, atol=1.5 / min(255, high * 1e3))
    if dtype == "u1":
        again = load(tmp_path, x.astype(dtype), channels=4 - channels)
        assert again.pixels.shape[-1] == 4 - channels


def test_a_range_is_of_the_colours_and_not_of_the_opacity(tmp_path):
    x = spread(0, 16, np.dtype("u1"))
    opaque = np.concatenate([x, np.full_like(x[..., :1], 255)], axis=-1)
    pixels = load(tmp_path, opaque, range=(0, 16)).pixels
    np.testing.assert_allclose(pixels, x / 16, atol=1e-6)
    signed = np.concatenate([2 * NOISE - 1, -NOISE[..., :1]], axis=-1)
    with pytest.raises(ValueError, match=r"opacities from -1 .* expected \[0, 1\]"):
        load(tmp_path, signed)


def test_one_picture_below_zero_makes_no_set_signed(tmp_path):
    x = NOISE[:5].copy()
    x[0, 0, 0, 0], x[1, 0, 0, 0], x[2, 0, 0, 0] = -0.6, 1.5, 1.5
    with pytest.raises(ValueError, match="found -0.6 to 1.5; say which"):
        load(tmp_path, x)
    x[2, 0, 0, 0] = 1.0  # Now most of them are in [0, 1].
    assert list(load(tmp_path, x).skipped) == ["0", "1"]
