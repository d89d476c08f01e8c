"""Picture files of every kind: orientation, depth, opacity, formats."""

import io

import numpy as np
import pytest
from PIL import Image

from wsjax.data import images
from wsjax.data.decode import decode, suffixes
from wsjax.data.source import BadInstance

GOOD = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
# What a viewer does with each value of the EXIF tag, CIPA DC-008, 4.6.4.
UPRIGHT = {
    1: lambda x: x,
    2: lambda x: x[:, ::-1],
    3: lambda x: x[::-1, ::-1],
    4: lambda x: x[::-1],
    5: lambda x: x.swapaxes(0, 1),
    6: lambda x: np.rot90(x, -1),
    7: lambda x: x.swapaxes(0, 1)[::-1, ::-1],
    8: lambda x: np.rot90(x),
}


def encode(pixels, kind, **options):
    buffer = io.BytesIO()
    picture = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP", "JPEG"])
@pytest.mark.parametrize("orientation", UPRIGHT)
def test_pictures_are_turned_as_their_exif_tag_says(kind, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"WEBP": {"lossless": True}, "JPEG": {"quality": 95, "subsampling": 0}}
    found = decode(encode(GOOD, kind, exif=exif, **options.get(kind, {})))
    wanted = UPRIGHT[orientation](GOOD)
    assert found.shape == wanted.shape
    difference = np.abs(found.astype(int) - wanted).mean()
    assert difference == 0 if kind != "JPEG" else difference < 8


@pytest.mark.parametrize(
    "exif",
    [b"Exif\0\0none", b"Exif\0\0II*\0\x08\0\0\0\xff\xff\x12", b"Exif\0\0II*\0\xff\0\0"],
)
def test_a_damaged_exif_tag_costs_no_picture(exif):
    np.testing.assert_array_equal(decode(encode(GOOD, "PNG", exif=exif)), GOOD)


@pytest.mark.parametrize(
    ("suffix", "kind"),
    [
        (".ppm", "PPM"),
        (".bmp", "BMP"),
        (".jp2", "JPEG2000"),
        (".tga", "TGA"),
        (".qoi", "QOI"),
        (".webp", "WEBP"),
        (".tiff", "TIFF"),
        (".avif", "AVIF"),
    ],
)
def test_every_format_that_pillow_reads_is_read(tmp_path, suffix, kind):
    if suffix not in suffixes():
        pytest.skip(f"this Pillow reads no {suffix}")
    lossless = {
        "WEBP": {"lossless": True},
        "AVIF": {"quality": 100, "subsampling": "4:4:4"},
    }.get(kind, {})
    (tmp_path / f"a{suffix.upper()}").write_bytes(encode(GOOD, kind, **lossless))
    found = images.load_path(tmp_path)
    assert found.names == [f"a{suffix.upper()}"]
    np.testing.assert_allclose(found.pixels[0], GOOD, atol=6 if kind == "AVIF" else 0)


def test_the_formats_of_programs_and_arrays_are_not_read():
    assert not suffixes() & {".eps", ".ps", ".pdf", ".h5", ".fits", ".mpg", ".wmf"}
    with pytest.raises(BadInstance, match="no picture Pillow knows"):
        decode(encode(GOOD, "EPS"))


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "PPM"])
def test_grey_of_16_bits_keeps_all_of_them(kind):
    grey = np.array([[0, 1, 258], [30000, 65534, 65535]], np.uint16)
    found = decode(encode(grey, kind))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found[..., 0], grey / 65535, rtol=1e-7)


@pytest.mark.parametrize("dtype", [np.int32, np.float32])
def test_32_bits_need_a_range(tmp_path, dtype):
    values = np.linspace(-100, 300, 48).reshape(6, 8).astype(dtype)
    (tmp_path / "a.tif").write_bytes(encode(values, "TIFF"))
    with pytest.raises(ValueError, match=r"a.tif: 32 bits .*with range=\(low, high\)"):
        images.load_path(tmp_path)
    found = images.load_path(tmp_path, range=(-100, 300)).pixels
    assert found.dtype == np.float32
    np.testing.assert_allclose(found[0, ..., 0], (values + 100.0) / 400, atol=1e-6)
    with pytest.raises(
        ValueError, match=r"values from -100 to 300, expected \[0, 300\]"
    ):
        images.load_path(tmp_path, range=(0, 300))


@pytest.mark.parametrize("mode", ["LA", "RGBA", "P"])
def test_transparent_pictures_lie_on_white(mode):
    rgba = np.concatenate([GOOD, GOOD[..., :1]], axis=-1)
    picture = Image.fromarray(rgba).convert("LA" if mode == "LA" else "RGBA")
    if mode == "P":
        picture = picture.quantize(16)
    above = np.asarray(picture.convert("RGBA")) / 255
    wanted = 255 * (above[..., :3] * above[..., 3:] + 1 - above[..., 3:])
    found = decode(encode(picture, "PNG"))
    assert found.shape[-1] == (1 if mode == "LA" else 3) and found.dtype == np.uint8
    np.testing.assert_allclose(np.broadcast_to(found, wanted.shape), wanted, atol=1)
