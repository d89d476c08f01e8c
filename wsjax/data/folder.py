"""A folder of picture files, flat or with one subfolder per class."""

from pathlib import Path

import numpy as np

from wsjax.data.source import BadInstance, Source, decode

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".gif", ".tif", ".tiff")


def open_folder(path: Path) -> Source:
    """Lists the pictures of a folder; each is decoded when it is read.

    Pictures directly in the folder have no labels. With none there, each subfolder
    that holds pictures is a class: its place in sorted order is the label, and all
    pictures of the first class come first. Other and hidden files are ignored.

    Args:
      path: an existing folder.

    Returns:
      A source sorted by name; names are relative to `path`.

    Raises:
      ValueError: if the folder cannot be listed, holds no pictures, or holds
        pictures both directly and in subfolders.
    """
    entries = _entries(path)
    files = _pictures(entries)
    classes = [
        found for e in entries if e.is_dir() if (found := _pictures(_entries(e)))
    ]
    if files and classes:
        raise ValueError(
            f"{path}: expected pictures in the folder or in subfolders (one per class),"
            f" found both, e.g. {files[0].name} and"
            f" {classes[0][0].relative_to(path).as_posix()}; move one kind away"
        )
    if not files and not classes:
        raise ValueError(
            f"{path}: expected pictures ({' '.join(SUFFIXES)}), found none among"
            f" {len(entries)} entries; give a folder of pictures, or of one subfolder"
            " of pictures per class"
        )
    labels = None
    if classes:
        labels = np.repeat(np.arange(len(classes)), [len(c) for c in classes])
        labels = labels.astype(np.int32)
        files = [file for found in classes for file in found]

    def read(i):
        try:
            if files[i].exists() and not files[i].is_file():
                # A pipe would be waited for.
                raise BadInstance("no file, expected a picture")
            return decode(files[i].read_bytes())
        except OSError as error:
            raise BadInstance(f"cannot be opened: {error.strerror}") from error

    names = [file.relative_to(path).as_posix() for file in files]
    return Source(str(path), names, labels, read)


def _entries(path: Path) -> list[Path]:
    try:
        found = sorted(path.iterdir(), key=lambda entry: entry.name)
    except OSError as error:
        raise ValueError(
            f"{path}: expected a folder of pictures, found one that cannot be listed"
            f" ({error.strerror}); check its permissions"
        ) from error
    return [entry for entry in found if not entry.name.startswith(".")]


def _pictures(entries: list[Path]) -> list[Path]:
    """What is named like a picture, if any of it is a file or a broken link.

    A broken link, or a folder among pictures, is reported and not lost.
    """
    named = [entry for entry in entries if entry.suffix.lower() in SUFFIXES]
    return named if any(e.is_file() or not e.exists() for e in named) else []
