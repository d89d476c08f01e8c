"""More training pictures from those there are: mirrored, shifted, recoloured.

Each copy gets weights of its own, so that a generator of weights sees it as another
instance; held-out pictures have no copies.
"""

from typing import NamedTuple

import numpy as np

__all__ = ["Changes", "augmented", "changed", "drawn"]


class Changes(NamedTuple):
    """How a copy of N pictures differs from them.

    `mirrored`: whether left and right change places; `moves` `[N, 2]`: how far each is
    moved down and right, as integers from 0 to `2 * shift`, `shift` being no move;
    `gains` `[N, 1, 1, C]`: factors of the channels; None: no such change.
    """

    mirrored: bool
    shift: int
    moves: np.ndarray | None
    gains: np.ndarray | None


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
    size = len(pixels), pixels.shape[-1]
    changes = drawn(*size, copy, seed=seed, flip=flip, shift=shift, colour=colour)
    return changed(pixels, changes, slice(None))


def drawn(
    n: int,
    channels: int,
    copy: int,
    *,
    seed: int = 0,
    flip: bool = False,
    shift: int = 0,
    colour: float = 0.0,
) -> Changes:
    """Draws the changes of one copy of `n` pictures; see `augmented`."""
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
    moves = generator.integers(0, 2 * shift + 1, (n, 2)) if shift else None
    shape = (n, 1, 1, channels)
    gains = 1.0 + colour * generator.standard_normal(shape) if colour else None
    return Changes(flip and copy % 2 == 0, shift, moves, gains)


def changed(pixels: np.ndarray, changes: Changes, rows: slice) -> np.ndarray:
    """Changed copies `[n, H, W, C]` of some of the N pictures, whose pixels are given.

    Args:
      pixels: `[n, H, W, C]`, uint8 or float in [0, 1].
      changes: of all N.
      rows: where the n pictures lie among the N.
    """
    copied = pixels[:, :, ::-1] if changes.mirrored else pixels
    if changes.moves is not None:
        copied = _shifted(copied, changes.moves[rows], changes.shift)
    if changes.gains is not None:
        return _recoloured(copied, changes.gains[rows])
    return copied.copy()


def _recoloured(pixels: np.ndarray, gains: np.ndarray) -> np.ndarray:
    recoloured = pixels * gains
    if pixels.dtype == np.uint8:
        return np.clip(np.round(recoloured), 0, 255).astype(np.uint8)
    return np.clip(recoloured, 0.0, 1.0).astype(pixels.dtype)


def _shifted(pixels: np.ndarray, moves: np.ndarray, shift: int) -> np.ndarray:
    padded = np.pad(pixels, ((0, 0), (shift, shift), (shift, shift), (0, 0)), "edge")
    height, width = pixels.shape[1:3]
    return np.stack(
        [
            picture[y : y + height, x : x + width]
            for picture, (y, x) in zip(padded, moves, strict=True)
        ]
    )
