"""Change the size and the number of channels of one picture."""

import numpy as np
from PIL import Image

__all__ = ["LUMA", "as_float", "on_white", "recolour", "resize"]

LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601, as Pillow's "L".


def resize(
    pixels: np.ndarray,
    size: int,
    *,
    method: Image.Resampling = Image.Resampling.LANCZOS,
) -> np.ndarray:
    """Crops a picture to its centre square and resamples that.

    Args:
      pixels: `[H, W, C]` uint8 or float32 in [0, 1].
      size: side of the result in pixels.
      method: Pillow's filter, which averages over what a smaller pixel covers. Where
        the filter overshoots [0, 1], the result is cut off there.

    Returns:
      `[size, size, C]` of the same dtype and range; the crop itself if it fits.
    """
    height, width, _ = pixels.shape
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = pixels[top : top + side, left : left + side]
    if side == size:
        return square
    layers = np.moveaxis(square, -1, 0)
    resized = [Image.fromarray(layer).resize((size, size), method) for layer in layers]
    result = np.stack([np.asarray(layer) for layer in resized], axis=-1)
    return result if result.dtype == np.uint8 else np.clip(result, 0.0, 1.0)


def recolour(pixels: np.ndarray, channels: int) -> np.ndarray:
    """Converts between grey and RGB.

    Args:
      pixels: `[H, W, C]` uint8 or float32, C in {1, 3}.
      channels: 1 for grey, 3 for RGB.

    Returns:
      `[H, W, channels]` of the same dtype.
    """
    if pixels.shape[-1] == channels:
        return pixels
    if channels == 3:
        return np.repeat(pixels, 3, axis=-1)
    if pixels.dtype == np.uint8:
        return np.asarray(Image.fromarray(pixels).convert("L"))[..., None]
    return (pixels @ LUMA)[..., None]


def on_white(pixels: np.ndarray) -> np.ndarray:
    """Lays a picture with an opacity on white.

    Args:
      pixels: `[H, W, 2]` (grey, opacity) or `[H, W, 4]` (RGB, opacity), uint8 or
        float32 in [0, 1].

    Returns:
      `[H, W, 1]` or `[H, W, 3]` of the same dtype.
    """
    colour, opacity = pixels[..., :-1], pixels[..., -1:]
    if pixels.dtype != np.uint8:
        return colour * opacity + (1 - opacity)
    rgba = np.concatenate([recolour(colour, 3), opacity], axis=-1)
    above = Image.fromarray(rgba)
    flat = Image.alpha_composite(Image.new("RGBA", above.size, "white"), above)
    return np.asarray(flat)[..., : colour.shape[-1]]


def as_float(pixels: np.ndarray) -> np.ndarray:
    """Turns uint8 pixels into float32 in [0, 1]; leaves others as they are."""
    return pixels / np.float32(255) if pixels.dtype == np.uint8 else pixels
