"""Change the size and the number of channels of one picture."""

import numpy as np
from PIL import Image

LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601, as Pillow's "L".


def resize(
    pixels: np.ndarray,
    size: int,
    *,
    method: Image.Resampling = Image.Resampling.LANCZOS,
) -> np.ndarray:
    """Crops to the centre square and resamples it, smoothed when it shrinks.

    Args:
      pixels: `[H, W, C]` uint8 or float32 in [0, 1].
      size: side of the result in pixels.
      method: Pillow's resampling filter.

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
