"""Which pictures are copies of one another."""

import hashlib
from pathlib import PurePosixPath

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from wsjax.data.decode import suffixes

__all__ = ["groups_of_copies"]


def groups_of_copies(pixels: np.ndarray, names: list[str]) -> np.ndarray | None:
    """Groups pictures that are stored more than once.

    Two pictures are copies if their pixels are equal (at the size at which they are
    loaded), or if they lie in one folder under one name with two suffixes, as
    `cat.png` and `cat.jpg` do. Copies of copies belong to one group. Pictures that are
    merely alike, such as neighbouring frames of a film, are not found.

    Args:
      pixels: `[N, H, W, C]`.
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
    rows, columns = np.array(pairs).T
    links = coo_array((np.ones(len(rows)), (rows, columns)), shape=(len(names),) * 2)
    count, groups = connected_components(links, directed=False)
    return groups if count < len(names) else None


def _without_suffix(name: str) -> str:
    path = PurePosixPath(name)
    return str(path.with_suffix("")) if path.suffix.lower() in suffixes() else name
