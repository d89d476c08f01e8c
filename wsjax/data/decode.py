"""How the bytes of one picture file become pixels."""

import contextlib
import functools
import io
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from wsjax.data import ranges
from wsjax.data.ranges import Range
from wsjax.data.source import BadInstance

__all__ = ["decode", "looks_like_picture", "suffixes"]

# Not among them: what Pillow hands to other programs (EPS), video, and arrays.
_FORMATS = (
    *("AVIF", "BMP", "DDS", "DIB", "GIF", "ICNS", "ICO", "JPEG", "JPEG2000", "MPO"),
    *("PCX", "PNG", "PPM", "PSD", "QOI", "SGI", "SUN", "TGA", "TIFF", "WEBP", "XBM"),
)
# Known for certain by their first bytes.
_MARKED = ("AVIF", "BMP", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")


@functools.cache
def suffixes() -> frozenset[str]:
    """The suffixes of picture files that this Pillow reads, such as `.png`."""
    known = Image.registered_extensions().items()
    return frozenset(suffix for suffix, kind in known if kind in _readable(_FORMATS))


def looks_like_picture(path: Path) -> bool:
    """Tells by its first bytes whether an existing file is a picture."""
    try:
        with _bombs_refused(), Image.open(path, formats=_readable(_MARKED)):
            return True
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        return True  # `decode` says why it is refused.
    except Exception:  # Other bytes raise nearly anything in a decoder.
        return False


def decode(encoded: bytes, *, limits: Range | None = None) -> np.ndarray:
    """Decodes one picture file (PNG, JPEG, TIFF, ...; of an animation the first frame).

    A picture is turned as its EXIF orientation says, if that can be read, and laid on
    white where it is transparent. Grey of 16 bits is kept; Pillow rounds colours of 16
    bits to 8.

    Args:
      encoded: the bytes of one picture file.
      limits: the values of black and white; None takes those of the type of pixel, see
        `wsjax.data.ranges`. Pictures of 32 bits per value have none of their own.

    Returns:
      `[H, W, 1]` for a grey picture, `[H, W, 3]` for any other, uint8 or float32 in
      [0, 1].

    Raises:
      BadInstance: if the bytes are empty, damaged, cut short, no picture, out of range
        or without one, or more pixels than Pillow holds for safe.
    """
    if not encoded:
        raise BadInstance("zero bytes, expected a picture")
    try:
        with _bombs_refused():
            file = io.BytesIO(encoded)
            with Image.open(file, formats=_readable(_FORMATS)) as picture:
                raw = _raw(picture, limits is not None)
    except UnidentifiedImageError as error:
        reason = f"{len(encoded)} bytes that are no picture Pillow knows"
        raise BadInstance(reason) from error
    except BadInstance:
        raise
    except Exception as error:  # Damaged bytes raise nearly anything in a decoder.
        raise BadInstance(
            f"does not decode: {error or type(error).__name__}"
        ) from error
    return ranges.to_picture(raw, limits or ranges.of_type(raw.dtype))


def _raw(picture: Image.Image, has_range: bool) -> np.ndarray:
    """Pixels `[H, W, C]` upright, in the type of the file, with the opacity if any."""
    kind = picture.format
    upright = _upright(picture)
    # Pillow reads a PGM of 16 bits as 32, scaled to 0..65535.
    if upright.mode.startswith("I;16") or (upright.mode == "I" and kind == "PPM"):
        return np.asarray(upright).astype(np.uint16)[..., None]
    if upright.mode in ("I", "F"):
        if not has_range:
            raise BadInstance(
                f"32 bits per value (mode {upright.mode}) have no range of their own;"
                " say which values are black and white with range=(low, high)"
            )
        return np.asarray(upright)[..., None]
    grey = upright.mode in ("1", "L", "LA")
    if upright.has_transparency_data:
        rgba = np.asarray(upright.convert("RGBA"))
        return rgba[..., [0, 3]] if grey else rgba
    pixels = np.asarray(upright.convert("L" if grey else "RGB"))
    return pixels.reshape(*pixels.shape[:2], -1)


def _upright(picture: Image.Image) -> Image.Image:
    picture.load()  # Damaged pixels are an error, damaged metadata are not.
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ImageOps.exif_transpose(picture)
    except Exception:  # They raise nearly anything.
        return picture


@functools.cache
def _readable(formats: tuple[str, ...]) -> tuple[str, ...]:
    """Those of the formats that this Pillow was built with."""
    Image.init()
    return tuple(name for name in formats if name in Image.OPEN)


@contextlib.contextmanager
def _bombs_refused() -> Iterator[None]:
    """Makes an error of Pillow's warning that a picture has very many pixels."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield
