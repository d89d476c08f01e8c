"""Which pictures are copies of one another, or nearly so."""

import hashlib
from pathlib import PurePosixPath

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

from wsjax.data import pile
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
    pairs += _near(pixels, kept)
    rows, columns = np.array(pairs).T
    links = coo_array((np.ones(len(rows)), (rows, columns)), shape=(len(names),) * 2)
    count, groups = connected_components(links, directed=False)
    return groups if count < len(names) else None


def _near(pixels: np.ndarray, kept: np.ndarray) -> list[tuple[int, int]]:
    """Pairs of different pictures that are nearly copies, among the rows `kept`."""
    limits = _NEAR * np.array([pixels[row].reshape(-1).std() for row in kept])
    cells, share = _thumbnails(pixels, kept)
    # Means over cells of one size differ by no more than the pixels in them do.
    reach = limits * np.sqrt(cells.shape[1] / share)
    near = KDTree(cells).query_ball_point(cells, reach, return_sorted=True)
    pairs = []
    for i, candidates in enumerate(near):
        later = [j for j in candidates if j > i][:_MOST]
        if not later:
            continue
        own = pixels[kept[i]].reshape(-1)
        apart = pixels[kept[later]].reshape(len(later), -1).astype(np.float32) - own
        same = np.sqrt(np.mean(apart**2, axis=1)) <= np.minimum(
            limits[i], limits[later]
        )
        pairs += [(kept[i], kept[later[k]]) for k in np.flatnonzero(same)]
    return pairs


def _thumbnails(pixels: np.ndarray, kept: np.ndarray) -> tuple[np.ndarray, float]:
    """Means over cells of one size, and the share of the pixels that lie in cells."""
    _, *sides, channels = pixels.shape
    height, width = (max(1, side // _SIDE) for side in sides)
    rows, columns = (
        min(_SIDE, side // step)
        for side, step in zip(sides, (height, width), strict=True)
    )

    def means(block: np.ndarray) -> np.ndarray:
        whole = pixels[block][:, : rows * height, : columns * width]
        cells = whole.reshape(len(block), rows, height, columns, width, channels)
        return cells.mean(axis=(2, 4), dtype=np.float64).reshape(len(block), -1)

    share = rows * height * columns * width / (sides[0] * sides[1])
    return np.concatenate([means(block) for block in pile.blocks(kept)]), share


def _without_suffix(name: str) -> str:
    path = PurePosixPath(name)
    return str(path.with_suffix("")) if path.suffix.lower() in suffixes() else name
