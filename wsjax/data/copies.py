"""Which pictures are copies of one another, or nearly so."""

import hashlib
from pathlib import PurePosixPath

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

from wsjax.data.decode import suffixes

__all__ = ["groups_of_copies"]

_NEAR = 0.1  # Of a picture's standard deviation: what saving it as JPEG may change.
_SIDE = 4  # Cells per side of the thumbnails that are compared first.
_MOST = 64  # Candidates per picture that are compared pixel by pixel.


def groups_of_copies(pixels: np.ndarray, names: list[str]) -> np.ndarray | None:
    """Groups pictures that are stored more than once.

    Two pictures are copies if their pixels are equal (at the size at which they are
    loaded), or if they lie in one folder under one name with two suffixes, as
    `cat.png` and `cat.jpg` do. They are nearly copies, and count as such, if the root
    mean square of their difference is at most a tenth of the standard deviation of
    either, as after saving one as JPEG. Copies of copies belong to one group.

    Args:
      pixels: `[N, H, W, C]` uint8.
      names: N paths, or row numbers.

    Returns:
      `[N]` int32, equal numbers for copies; None if there are no copies.
    """
    first: dict[bytes | str, int] = {}
    pairs = []
    for i, (picture, name) in enumerate(zip(pixels, names, strict=True)):
        pairs.append(
            (i, first.setdefault(hashlib.sha256(picture.tobytes()).digest(), i))
        )
        pairs.append((i, first.setdefault(_without_suffix(name), i)))
    kept = np.unique([i for _, i in pairs])
    pairs += [(kept[i], kept[j]) for i, j in _near(pixels[kept])]
    rows, columns = np.array(pairs).T
    links = coo_array((np.ones(len(rows)), (rows, columns)), shape=(len(names),) * 2)
    count, groups = connected_components(links, directed=False)
    return groups if count < len(names) else None


def _near(pixels: np.ndarray) -> list[tuple[int, int]]:
    """Pairs of different pictures that are nearly copies."""
    flat = pixels.reshape(len(pixels), -1)
    limits = _NEAR * np.array([picture.std() for picture in flat])
    cells, share = _thumbnails(pixels)
    # Means over cells of one size differ by no more than the pixels in them do.
    reach = limits * np.sqrt(cells.shape[1] / share)
    near = KDTree(cells).query_ball_point(cells, reach, return_sorted=True)
    pairs = []
    for i, candidates in enumerate(near):
        later = [j for j in candidates if j > i][:_MOST]
        apart = flat[later].astype(np.float32) - flat[i]
        same = np.sqrt(np.mean(apart**2, axis=1)) <= np.minimum(
            limits[i], limits[later]
        )
        pairs += [(i, later[k]) for k in np.flatnonzero(same)]
    return pairs


def _thumbnails(pixels: np.ndarray) -> tuple[np.ndarray, float]:
    """Means over cells of one size, and the share of the pixels that lie in cells."""
    n, *sides, channels = pixels.shape
    height, width = (max(1, side // _SIDE) for side in sides)
    rows, columns = (
        min(_SIDE, side // step)
        for side, step in zip(sides, (height, width), strict=True)
    )
    whole = pixels[:, : rows * height, : columns * width]
    cells = whole.reshape(n, rows, height, columns, width, channels)
    means = cells.mean(axis=(2, 4), dtype=np.float64).reshape(n, -1)
    return means, whole[0].size / pixels[0].size


def _without_suffix(name: str) -> str:
    path = PurePosixPath(name)
    return str(path.with_suffix("")) if path.suffix.lower() in suffixes() else name
