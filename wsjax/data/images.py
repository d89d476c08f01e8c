"""Pictures as one array, from a folder or an `.npz`.

Pixels are uint8 or lie in [0, 1]; values, the target of a field, lie in [-1, 1].
"""

import hashlib
import json
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from wsjax.data.folder import open_folder
from wsjax.data.npz import open_npz
from wsjax.data.resample import recolour, resize
from wsjax.data.source import BadInstance, Source, check_positive


class Images(NamedTuple):
    """N pictures of one size.

    `pixels` `[N, H, W, C]`, uint8 where the source is, else float32 in [0, 1];
    `labels` `[N]` int32 or None; `names` has N entries, file names or row numbers;
    `skipped` gives the reason for each instance left out of all of these, by name.
    """

    pixels: np.ndarray
    labels: np.ndarray | None
    names: list[str]
    skipped: dict[str, str]


def to_values(pixels: ArrayLike) -> np.ndarray:
    """Turns pixels into the values a field is fitted to.

    Args:
      pixels: `[..., H, W, C]` uint8, or float in [0, 1].

    Returns:
      `[..., H * W, C]` float32 in [-1, 1], rows of the picture one after the other.

    Raises:
      ValueError: if `pixels` has another type or fewer than three axes.
    """
    pixels = np.asarray(pixels)
    whole = pixels.dtype == np.uint8
    if pixels.ndim < 3 or not (whole or np.issubdtype(pixels.dtype, np.floating)):
        raise ValueError(
            "expected pixels [..., H, W, C] as uint8 or as float in [0, 1], got"
            f" {pixels.dtype} {list(pixels.shape)}"
        )
    *lead, height, width, channels = pixels.shape
    scaled = pixels.astype(np.float32) * np.float32(2 / 255 if whole else 2) - 1
    return scaled.reshape(*lead, height * width, channels)


def to_pixels(values: ArrayLike, size: tuple[int, int]) -> np.ndarray:
    """Turns values back into pixels; undoes `to_values`.

    Args:
      values: `[..., P, C]` in [-1, 1]; anything beyond is clipped.
      size: height and width in pixels, with H * W = P.

    Returns:
      `[..., H, W, C]` float32 in [0, 1].

    Raises:
      ValueError: if the values do not fill a picture of this size.
    """
    values = np.asarray(values, np.float32)
    height, width = size
    if values.ndim < 2 or values.shape[-2] != height * width:
        raise ValueError(
            f"expected values [..., P, C] with P = {height} * {width} ="
            f" {height * width}, got {list(values.shape)}; give the picture's own size"
        )
    *lead, _, channels = values.shape
    pixels = np.clip((values + 1) / 2, 0.0, 1.0)
    return pixels.reshape(*lead, height, width, channels)


def fingerprint(images: Images) -> str:
    """Names the data: equal pixels, labels and names give the same 16 hex digits."""
    digest = hashlib.sha256(json.dumps(images.names).encode())
    for array in (images.pixels, images.labels):
        if array is not None:
            array = np.ascontiguousarray(array)
            digest.update(f"{array.dtype}{array.shape}".encode())
            digest.update(array.tobytes())
    return digest.hexdigest()[:16]


def load_path(
    path: str | os.PathLike | None,
    *,
    size: int | None = None,
    n: int | None = None,
    channels: int | None = None,
) -> Images:
    """Loads the pictures of a folder or an `.npz`; see `open_folder`, `open_npz`.

    An instance that cannot be used is recorded in `skipped` and stops no other.

    Args:
      path: a folder or an `.npz` file.
      size: side in pixels: the centre square of each picture is resampled to it.
        None keeps the pictures as they are, which must then be of one size.
      n: takes only the first n instances, all if there are fewer; no other is
        decoded. Those of them that are skipped are not replaced.
      channels: 1 for grey or 3 for RGB. None keeps what the source has; if that is
        some grey and some RGB, all become RGB.

    Returns:
      The pictures, in the order of the source.

    Raises:
      FileNotFoundError: if there is nothing at `path`.
      ValueError: if `path` is None, an option or the source as a whole is wrong, the
        pictures differ in size, or not one instance can be used.
    """
    check_positive("size", size)
    check_positive("n", n)
    if channels not in (None, 1, 3):
        raise ValueError(f"channels= needs 1 (grey), 3 (RGB) or None, got {channels!r}")
    source = _open(path)
    pictures, skipped = _read(source, size=size, n=n, channels=channels)
    widest = max(picture.shape[-1] for picture in pictures.values())
    pixels = np.stack([recolour(p, widest) for p in pictures.values()])
    labels = None if source.labels is None else source.labels[list(pictures)]
    return Images(pixels, labels, [source.names[i] for i in pictures], skipped)


def _open(path: str | os.PathLike | None) -> Source:
    if path is None or not os.fspath(path):
        raise ValueError(
            "a data path is required, got none; set path= to a folder of pictures or"
            " an .npz file"
        )
    path = Path(path)
    if os.path.isdir(path):
        return open_folder(path)
    if not os.path.exists(path):
        raise FileNotFoundError(
            f"{path}: expected a folder of pictures or an .npz file, found nothing;"
            " correct path="
        )
    if path.suffix.lower() != ".npz":
        raise ValueError(
            f"{path}: expected a folder of pictures or an .npz file, found a"
            f" {path.suffix or 'nameless'} file; give the folder it lies in, or convert"
        )
    return open_npz(path)


def _read(source: Source, *, size: int | None, n: int | None, channels: int | None):
    """Reads the first n: `{row: pixels [H, W, C]}` and `{name: reason}`."""
    pictures, skipped = {}, {}
    for i, name in enumerate(source.names[:n]):
        try:
            picture = source.read(i)
        except BadInstance as error:
            skipped[name] = str(error)
            continue
        if channels is not None:
            _check_colours(source, picture)
            picture = recolour(picture, channels)
        pictures[i] = picture if size is None else resize(picture, size)
        _check_same_size(source, pictures, i)
    if not pictures:
        name, reason = next(iter(skipped.items()))
        raise ValueError(
            f"{source.where}: expected pictures, found {len(skipped)} instances and not"
            f" one that can be used; the first, {name}: {reason}; replace them"
        )
    return pictures, skipped


def _check_colours(source: Source, picture: np.ndarray) -> None:
    if picture.shape[-1] not in (1, 3):
        raise ValueError(
            f"{source.where}: channels= converts 1 or 3 channels, found"
            f" {picture.shape[-1]}; leave channels= out, or save without alpha"
        )


def _check_same_size(source: Source, pictures: dict[int, np.ndarray], i: int) -> None:
    first = next(iter(pictures))
    wanted, found = pictures[first].shape[:2], pictures[i].shape[:2]
    if found != wanted:
        raise ValueError(
            f"{source.where}: expected pictures of one size, found {source.names[i]}"
            f" with {found[0]}x{found[1]} pixels (height x width) after"
            f" {source.names[first]} with {wanted[0]}x{wanted[1]}; size= resamples them"
        )
