"""A folder of picture files, flat or with one subfolder per class."""

from pathlib import Path

import numpy as np

from wsjax.data import scan
from wsjax.data.decode import decode, looks_like_picture, suffixes
from wsjax.data.ranges import Range
from wsjax.data.source import BadInstance, Source

__all__ = ["open_folder"]


def open_folder(path: Path, *, limits: Range | None = None) -> Source:
    """Lists the pictures of a folder; each is decoded when it is read.

    A file is a picture if it is named like one, with any suffix that Pillow reads, or
    has no suffix and begins like one. `wsjax.data.scan` says which folders are classes,
    what becomes of links, and in what order the pictures come. Every other visible file
    is left out with a line for its type.

    Args:
      path: an existing folder.
      limits: the values of black and white, see `decode`.

    Returns:
      A source in natural order; names are relative to `path`. A label is the place of
      the class in `classes`, which are in natural order too.

    Raises:
      ValueError: if the folder cannot be listed, holds no pictures, or holds some
        directly and some in subfolders.
    """
    found = scan.scan(
        path,
        _is_picture,
        one="picture",
        many="pictures",
        suffixes=(".png", ".jpg", ".tif", "and whatever Pillow reads"),
    )
    good = [entry for entry in found.entries if entry.fault is None]
    left_out = {scan.shown(e.file): e.fault for e in found.entries if e.fault}
    others = _by_type(found.others)
    kinds = [entry.kind for entry in good if entry.kind is not None]
    classes = sorted(set(kinds), key=scan.natural)
    places = {kind: i for i, kind in enumerate(classes)}
    labels = np.array([places[kind] for kind in kinds], np.int32) if kinds else None

    def read(i: int) -> np.ndarray:
        try:
            return decode((path / good[i].file).read_bytes(), limits=limits)
        except OSError as error:
            raise BadInstance(f"cannot be opened: {error.strerror}") from error

    return Source(
        str(path),
        [scan.shown(entry.file) for entry in good],
        labels,
        read,
        [scan.shown(kind) for kind in classes] if classes else None,
        left_out | others,
        frozenset(others),
    )


def _is_picture(file: Path) -> bool:
    suffix = file.suffix.lower()
    if suffix:
        return suffix in suffixes()
    return file.is_file() and looks_like_picture(file)


def _by_type(others: list[str]) -> dict[str, str]:
    """One line for each type of file that is no picture."""
    types: dict[str, list[str]] = {}
    for file in others:
        types.setdefault(Path(file).suffix.lower(), []).append(scan.shown(file))
    return {
        f"*{suffix}" if suffix else "files without suffix": (
            f"{len(files)} files that are not read as pictures, e.g. {files[0]}"
        )
        for suffix, files in types.items()
    }
