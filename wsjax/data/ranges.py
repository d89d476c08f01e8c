"""Which values are black and which are white, by the type of the pixels.

| type            | black, white                                      | becomes        |
|-----------------|---------------------------------------------------|----------------|
| bool            | False, True                                       | uint8          |
| uint8           | 0, 255                                            | uint8          |
| uint16          | 0, 65535                                          | float32 [0, 1] |
| other integers  | 0, 255                                            | uint8          |
| floats          | 0, 1; or -1, 1 if most pictures go below 0 and    | float32 [0, 1] |
|                 | the set goes below -0.5 and above 0.5             |                |

An explicit range `(low, high)` replaces the table, for any type but bool. In every case
the values between black and white are scaled linearly. Values outside are never cut
off: the picture is refused. So is a whole set that uses no more than a quarter of its
range, since it would be nearly black (masks of 0 and 1, digits of 0 to 16, floats
divided by 255 twice); an explicit range says that this is meant, or what is.
"""

import math
from collections.abc import Sequence

import numpy as np

from wsjax.data import pile
from wsjax.data.resample import as_float, on_white
from wsjax.data.source import BadInstance

__all__ = ["Range", "check_range", "check_used", "of_array", "of_type", "to_picture"]

Range = tuple[float, float]

_ROUNDING = 1e-3  # Of the range: what rounding may add is cut off.
_LEAST_USED = 0.25


def check_range(value: Sequence[float] | None) -> Range | None:
    """Returns the option `range=` as `(low, high)`, None if it is not given.

    Raises:
      ValueError: if it is not two finite numbers, the lower one first.
    """
    if value is None:
        return None
    try:
        low, high = (float(number) for number in value)
        good = math.isfinite(low) and math.isfinite(high) and low < high
    except (TypeError, ValueError):
        good = False
    if not good:
        raise ValueError(
            "range= needs two finite numbers for black and white, the lower one first,"
            f" such as (0, 255), got {value!r}"
        )
    return low, high


def of_type(dtype: np.dtype) -> Range:
    """The range of a type of pixels; of floats the first one, (0, 1)."""
    if dtype == np.uint16:
        return 0.0, 65535.0
    return (0.0, 1.0) if dtype.kind in "fb" else (0.0, 255.0)


def of_array(where: str, x: np.ndarray) -> Range:
    """Chooses the range of many pictures from their type and values.

    Args:
      where: the array, in messages.
      x: `[N, ...]` of bool, integers or floats. Values that are not finite are ignored.

    Returns:
      The range of the type that holds at least half of the pictures; the others are bad
      instances, see `to_picture`.

    Raises:
      ValueError: if none does, as in a file of another unit.
    """
    first = of_type(x.dtype)
    if x.dtype.kind == "b":
        return first
    low, high = _lowest_and_highest(x)
    if 2 * np.sum(_inside(low, high, first)) >= len(x):
        return first
    signed = _inside(low, high, (-1.0, 1.0)) & (low < 0.0)
    if x.dtype.kind == "f" and 2 * np.sum(signed) > len(x):
        if low[signed].min() < -0.5 and high[signed].max() > 0.5:
            return -1.0, 1.0
    expected = "[0, 1] or (from below -0.5 to above 0.5) in [-1, 1]"
    if x.dtype.kind != "f":
        expected = f"[{first[0]:g}, {first[1]:g}]"
    raise ValueError(
        f"{where}: expected {x.dtype} values in {expected}, found {low.min():g} to"
        f" {high.max():g}; say which values are black and white with"
        " range=(low, high), or cut them off yourself with numpy.clip"
    )


def to_picture(raw: np.ndarray, limits: Range) -> np.ndarray:
    """Scales one picture and lays it on white if it has an opacity.

    Args:
      raw: `[H, W, C]` of bool, integers or floats; of 2 or 4 channels the last is the
        opacity, in the range of its type whatever `limits` are.
      limits: the values of black and white.

    Returns:
      `[H, W, 1]` or `[H, W, 3]`, uint8 or float32 in [0, 1], see the table above.

    Raises:
      BadInstance: if a value is not finite, or outside of the range by more than 0.001
        of it.
    """
    if raw.shape[-1] in (1, 3):
        return _scaled(raw, limits, "values")
    colour = _scaled(raw[..., :-1], limits, "values")
    opacity = _scaled(raw[..., -1:], of_type(raw.dtype), "opacities")
    if colour.dtype != opacity.dtype:  # The one is uint8, the other float.
        colour, opacity = as_float(colour), as_float(opacity)
    return on_white(np.concatenate([colour, opacity], axis=-1))


def check_used(where: str, darkest: float, brightest: float, given: bool) -> None:
    """Raises `ValueError` if a set of pictures is one colour, or nearly black.

    Args:
      where: the set, in messages.
      darkest: lowest value in it, 0 for black and 1 for white.
      brightest: highest value in it.
      given: whether the user gave the range.
    """
    if darkest == brightest:
        raise ValueError(
            f"{where}: expected pictures, found the same value, {darkest:g} of white,"
            " in every pixel of all; there is nothing to fit"
        )
    if brightest <= _LEAST_USED and not given:
        raise ValueError(
            f"{where}: expected pictures that use the range of their type, found none"
            f" brighter than {brightest:g} of white, nearly black; say which values"
            " are black and white with range=(low, high), such as (0, 1) for masks of"
            " 0 and 1, or the range of the type, such as (0, 255), if they are dark"
        )


def _scaled(values: np.ndarray, limits: Range, name: str) -> np.ndarray:
    if values.dtype.kind == "b":
        return np.where(values, np.uint8(255), np.uint8(0))
    bad = int(np.sum(~np.isfinite(values)))
    if bad:
        raise BadInstance(f"{bad} of {values.size} pixel values are NaN or infinite")
    low, high = limits
    if not _inside(values.min(), values.max(), limits):
        found = f"{name} from {values.min():g} to {values.max():g}"
        raise BadInstance(f"{found}, expected [{low:g}, {high:g}]")
    if values.dtype.kind in "iu" and limits == (0.0, 255.0):
        return values.astype(np.uint8)
    scaled = (values.astype(np.float64) - low) / (high - low)
    return np.clip(scaled, 0.0, 1.0).astype(np.float32)


def _inside(low, high, limits: Range):
    slack = _ROUNDING * (limits[1] - limits[0])
    return (low >= limits[0] - slack) & (high <= limits[1] + slack)


def _lowest_and_highest(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest finite value of each picture; inf and -inf if it has none."""
    found = [_of_block(block) for block in pile.blocks(x)]
    low, high = zip(*found, strict=True)
    return np.concatenate(low), np.concatenate(high)


def _of_block(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    axes = tuple(range(1, x.ndim))
    if x.dtype.kind != "f":
        return x.min(axis=axes), x.max(axis=axes)
    finite = np.isfinite(x)
    low = x.min(axis=axes, where=finite, initial=np.inf)
    return low, x.max(axis=axes, where=finite, initial=-np.inf)
