"""More training pictures from those there are: mirrored, shifted, recoloured.

Each copy gets weights of its own, so that a generator of weights sees it as another
instance; held-out pictures have no copies.
"""

import numpy as np

__all__ = ["augmented"]


def augmented(
    pixels: np.ndarray,
    copy: int,
    *,
    seed: int = 0,
    flip: bool = False,
    shift: int = 0,
    colour: float = 0.0,
) -> np.ndarray:
    """Makes one changed copy of every picture.

    Args:
      pixels: `[N, H, W, C]`, uint8 or float in [0, 1].
      copy: number of the copy, from 0; the changes differ from copy to copy.
      seed: of the random changes.
      flip: mirrors the pictures left to right, in copies 0, 2, 4, ...
      shift: moves each picture by up to this many pixels along each axis and repeats
        its border.
      colour: each channel of each picture is multiplied by a normal number of mean 1
        and this standard deviation; what becomes brighter than white is white.

    Returns:
      `[N, H, W, C]` of the same type and range.

    Raises:
      ValueError: if `shift` or `colour` is negative, or nothing would change.
    """
    if shift < 0 or colour < 0:
        raise ValueError(
            f"shift={shift} and colour={colour} should not be negative; 0 is none"
        )
    if not (flip and copy % 2 == 0) and not shift and not colour:
        raise ValueError(
            f"copy {copy} would change nothing: ask for a shift or for colour, or for "
            "one copy, the mirrored one"
        )
    generator = np.random.default_rng([seed, copy])
    if flip and copy % 2 == 0:
        pixels = pixels[:, :, ::-1]
    if shift:
        pixels = _shifted(pixels, generator, shift)
    return _recoloured(pixels, generator, colour) if colour else pixels.copy()


def _recoloured(pixels: np.ndarray, generator, colour: float) -> np.ndarray:
    shape = (len(pixels), 1, 1, pixels.shape[-1])
    changed = pixels * (1.0 + colour * generator.standard_normal(shape))
    if pixels.dtype == np.uint8:
        return np.clip(np.round(changed), 0, 255).astype(np.uint8)
    return np.clip(changed, 0.0, 1.0).astype(pixels.dtype)


def _shifted(pixels: np.ndarray, generator, shift: int) -> np.ndarray:
    padded = np.pad(pixels, ((0, 0), (shift, shift), (shift, shift), (0, 0)), "edge")
    height, width = pixels.shape[1:3]
    moves = generator.integers(0, 2 * shift + 1, (len(pixels), 2))
    return np.stack(
        [
            picture[y : y + height, x : x + width]
            for picture, (y, x) in zip(padded, moves, strict=True)
        ]
    )
