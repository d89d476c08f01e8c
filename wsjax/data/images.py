"""Pictures as one array, from a folder or an `.npz`.

Pixels are uint8 or lie in [0, 1]; values, the target of a field, lie in [-1, 1].
"""

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from wsjax.data import pile, split
from wsjax.data.copies import groups_of_copies
from wsjax.data.folder import open_folder
from wsjax.data.npz import open_npz
from wsjax.data.ranges import Range, check_range, check_used
from wsjax.data.resample import recolour, resize
from wsjax.data.source import BadInstance, Source, check_positive

__all__ = ["Images", "fingerprint", "load_path", "to_pixels", "to_values"]


class Images(NamedTuple):
    """N pictures of one size.

    `pixels` `[N, H, W, C]`, uint8 where the source is, else float32 in [0, 1];
    `labels` `[N]` int32 or None; `names` has N entries, file names or row numbers;
    `skipped` gives the reason for each instance left out of all of these, by name, and
    for other files or arrays of the source. `classes` names the classes, label by
    label, None if they have no names. `groups` `[N]` has equal numbers for copies of
    one picture, for `split.heldout`; None if there are none. `others` are those keys of
    `skipped` that stand for no instance, such as `*.txt`.
    """

    pixels: np.ndarray
    labels: np.ndarray | None
    names: list[str]
    skipped: dict[str, str]
    classes: list[str] | None = None
    groups: np.ndarray | None = None
    others: frozenset[str] = frozenset()


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
            digest.update(f"{array.dtype}{array.shape}".encode())
            for block in pile.blocks(array):
                digest.update(block.tobytes())
    return digest.hexdigest()[:16]


def load_path(
    path: str | os.PathLike | None,
    *,
    size: int | None = None,
    n: int | None = None,
    channels: int | None = None,
    range: Sequence[float] | None = None,
    seed: int = 0,
    most_bytes: int = pile.MOST_BYTES,
    cache: str | os.PathLike | None = None,
) -> Images:
    """Loads the pictures of a folder or an `.npz`; see `open_folder`, `open_npz`.

    An instance that cannot be used is recorded in `skipped` and stops no other.

    Args:
      path: a folder or an `.npz` file.
      size: side in pixels: the centre square of each picture is resampled to it.
        None keeps the pictures as they are, which must then be of one size.
      n: number of instances to take, all if there are fewer; no other is decoded.
        Without labels they are the first n, with labels a `split.subset` that keeps the
        shares of the classes. Those of them that are skipped are not replaced.
      channels: 1 for grey or 3 for RGB. None keeps what the source has; if that is
        some grey and some RGB, all become RGB.
      range: the values `(low, high)` of black and white, such as `(0, 1)` for masks;
        None takes those of the type of the pixels, see `wsjax.data.ranges`.
      seed: of the subset.
      most_bytes: of decoded pixels that are kept in memory; more of them are written to
        a file, and `pixels` is a read-only window on it.
      cache: folder of that file; None: `$XDG_CACHE_HOME/wsjax/pictures`.

    Returns:
      The pictures, in the order of the source; uint8 if all are, else float32.

    Raises:
      FileNotFoundError: if there is nothing at `path`.
      ValueError: if `path` is None, an option or the source as a whole is wrong, the
        pictures differ in size, not one instance can be used, or all pictures together
        are nearly black or of one colour.
      OSError: if the file of the pixels cannot be written.
    """
    for name, value in {"size": size, "n": n, "most_bytes": most_bytes}.items():
        check_positive(name, value)
    limits = check_range(range)
    if channels not in (None, 1, 3):
        raise ValueError(f"channels= needs 1 (grey), 3 (RGB) or None, got {channels!r}")
    source = _open(path, limits, most_bytes)
    rows = list(split.limited(len(source.names), n, source.labels, seed=seed))
    with pile.opened(most_bytes=most_bytes, folder=cache) as (add, array):
        kept, skipped = _read(source, rows, size, channels, limits is not None, add)
        pixels = array()
    names = [source.names[i] for i in kept]
    return Images(
        pixels,
        None if source.labels is None else source.labels[kept],
        names,
        skipped | source.left_out,
        source.classes,
        groups_of_copies(pixels, names),
        source.others,
    )


def _open(
    path: str | os.PathLike | None, limits: Range | None, most_bytes: int
) -> Source:
    if path is None or not os.fspath(path):
        raise ValueError(
            "a data path is required, got none; set path= to a folder of pictures or"
            " an .npz file"
        )
    path = Path(path)
    if os.path.isdir(path):
        return open_folder(path, limits=limits)
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
    return open_npz(path, limits=limits, held_bytes=most_bytes)


def _read(
    source: Source,
    rows: Sequence[int],
    size: int | None,
    channels: int | None,
    has_range: bool,
    add: Callable[[np.ndarray], None],
) -> tuple[list[int], dict[str, str]]:
    """Adds the pixels `[H, W, C]` of some rows: which ones, and `{name: reason}`."""
    kept: list[int] = []
    skipped, sides = {}, None
    darkest, brightest = 1.0, 0.0
    for i in rows:
        try:
            picture = source.read(i)
        except BadInstance as error:
            skipped[source.names[i]] = str(error)
            continue
        white = 255 if picture.dtype == np.uint8 else 1
        darkest = min(darkest, float(picture.min()) / white)
        brightest = max(brightest, float(picture.max()) / white)
        if channels is not None:
            picture = recolour(picture, channels)
        picture = picture if size is None else resize(picture, size)
        kept.append(i)
        sides = sides or picture.shape[:2]
        _check_same_size(source, kept, sides, picture.shape[:2])
        add(picture)
    if not kept:
        name, reason = next(iter(skipped.items()))
        raise ValueError(
            f"{source.where}: expected pictures, found {len(skipped)} instances and not"
            f" one that can be used; the first, {name}: {reason}; replace them"
        )
    check_used(source.where, darkest, brightest, has_range)
    return kept, skipped


def _check_same_size(
    source: Source, kept: list[int], wanted: tuple[int, ...], found: tuple[int, ...]
) -> None:
    if found != wanted:
        raise ValueError(
            f"{source.where}: expected pictures of one size, found"
            f" {source.names[kept[-1]]} with {found[0]}x{found[1]} pixels (height x"
            f" width) after {source.names[kept[0]]} with {wanted[0]}x{wanted[1]}; size="
            " resamples them"
        )
