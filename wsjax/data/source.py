"""What every picture source offers, and how encoded bytes become pixels."""

import io
import warnings
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from PIL import Image, UnidentifiedImageError


class BadInstance(Exception):
    """One instance cannot be used; its message is the reason, for the record."""


class Source(NamedTuple):
    """Pictures that are read one at a time.

    `where` names the source in messages; `names` has N entries; `labels` is `[N]`
    int32 or None; `read(i) -> pixels [H, W, C]`, uint8 or float32 in [0, 1], raises
    `BadInstance` if instance i alone is unusable.
    """

    where: str
    names: list[str]
    labels: np.ndarray | None
    read: Callable[[int], np.ndarray]


def decode(encoded: bytes) -> np.ndarray:
    """Decodes one picture (PNG, JPEG, ...; the first frame of an animation).

    Transparent pictures are laid on white; 16-bit grey keeps its upper 8 bits.

    Args:
      encoded: the bytes of one picture file.

    Returns:
      `[H, W, 1]` uint8 for a grey picture, `[H, W, 3]` for any other.

    Raises:
      BadInstance: if the bytes are empty, damaged, cut short, no picture, of a mode
        without a fixed range, or more pixels than Pillow holds for safe.
    """
    if not encoded:
        raise BadInstance("zero bytes, expected a picture")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(encoded)) as picture:
                return _to_array(picture)
    except UnidentifiedImageError as error:
        reason = f"{len(encoded)} bytes that are no picture Pillow knows"
        raise BadInstance(reason) from error
    except BadInstance:
        raise
    except Exception as error:  # Damaged bytes raise nearly anything in a decoder.
        raise BadInstance(
            f"does not decode: {error or type(error).__name__}"
        ) from error


def _to_array(picture: Image.Image) -> np.ndarray:
    if picture.mode.startswith("I;16"):
        return (np.asarray(picture) >> 8).astype(np.uint8)[..., None]
    if picture.mode in ("I", "F"):
        raise BadInstance(f"mode {picture.mode} has no fixed range, expected 8 bits")
    mode = "L" if picture.mode in ("1", "L", "LA") else "RGB"
    if picture.has_transparency_data:
        above = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", above.size, "white"), above)
    pixels = np.asarray(picture.convert(mode))
    return pixels.reshape(*pixels.shape[:2], -1)


def check_positive(name: str, value: int | None) -> None:
    """Raises `ValueError` unless `value` is None or a whole number of at least 1."""
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if value is not None and not (whole and value >= 1):
        raise ValueError(f"{name}= needs a whole number of at least 1, got {value!r}")
