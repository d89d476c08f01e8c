"""How a folder of pictures, meshes or point clouds is listed: one rule for all.

- Depth: files at any depth are found. If they lie in subfolders, the subfolder is the
  class of a file, whatever lies below: `chair/train/1.off` is a `chair`.
- Wrappers: a folder that alone holds everything is no class, and neither are folders
  that all bear the name of a part (`train`, `test`, `val`, ...): the scan looks for
  classes one level deeper. `set/train/cat/1.png` and `set/test/dog/2.png` are of the
  classes `cat` and `dog`; the files of `set/chair` alone have no classes.
- Hidden files and folders (a name that begins with a dot) and what operating systems
  leave behind (`__MACOSX`, `Thumbs.db`, `desktop.ini`) are no part of the data.
- Links are followed, to files and to folders, also out of the folder; a link back to a
  folder that it lies in is recorded and not followed.
- Order: by name, folder by folder, numbers in names by value: 1, 2, 10.
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from wsjax import files

__all__ = ["Entry", "Scan", "natural", "scan", "shown", "walk"]

_LITTER = ("__MACOSX", "Thumbs.db", "desktop.ini")
_PARTS = {"train", "training", "test", "testing", "val", "valid", "validation", "dev"}


class Entry(NamedTuple):
    """One instance: its place below the folder, its class, and what is wrong with it.

    `file` is relative, with forward slashes; `kind` is None without classes, and for an
    entry with a `fault` that lies in no class.
    """

    file: str
    kind: str | None
    fault: str | None = None


class Scan(NamedTuple):
    """The entries of a folder in order, and the other visible files in it."""

    entries: list[Entry]
    others: list[str]


def natural(name: str) -> list[tuple[list[str | int], str]]:
    """Sort key of a path: folder by folder, numbers by value, so that 2 is before 10.

    Example: `sorted(["b/10", "b/2", "a"], key=natural)` gives `["a", "b/2", "b/10"]`.
    """
    return [files.natural(part) for part in name.split("/")]


def shown(name: str) -> str:
    """A file name as text: bytes that are no UTF-8 are written as `\\xff`."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def scan(
    path: Path,
    wanted: Callable[[Path], bool],
    *,
    one: str,
    many: str,
    suffixes: Sequence[str],
) -> Scan:
    """Lists the instances of a folder by the rule above.

    Args:
      path: an existing folder.
      wanted: whether a file is an instance.
      one: what an instance is called in messages, such as "picture".
      many: the same of several.
      suffixes: those that the message names when nothing is found.

    Raises:
      ValueError: if the folder cannot be listed, holds no instance, or holds some
        directly and some in subfolders.
    """
    found, others = walk(path, wanted, one=one)
    parts = [file.split("/") for file, fault in found if fault is None]
    if not parts:
        raise ValueError(
            f"{path}: expected {many} ({' '.join(suffixes)}), found none among"
            f" {len(found) + len(others)} entries{_examples(found, others)}; give a"
            f" folder of {many}, or of one subfolder of {many} per class"
        )
    depth = _wrappers(parts)
    flat = [p for p in parts if len(p) == depth + 1]
    if len(flat) == len(parts):
        return Scan([Entry(file, None, fault) for file, fault in found], others)
    if flat:
        deep = next(p for p in parts if len(p) > depth + 1)
        raise ValueError(
            f"{path}: expected {many} in the folder or in subfolders (one per class),"
            f" found both, e.g. {shown('/'.join(flat[0]))!r} and"
            f" {shown('/'.join(deep))!r}; move one kind away"
        )
    kinds = {p[depth] for p in parts}
    entries = []
    for file, fault in found:
        kind = (file.split("/") + [""] * depth)[depth]
        entries.append(Entry(file, kind if kind in kinds else None, fault))
    return Scan(entries, others)


def walk(
    path: Path, wanted: Callable[[Path], bool], *, one: str
) -> tuple[list[tuple[str, str | None]], list[str]]:
    """Finds the files below a folder, at any depth; see the rule above.

    Args:
      path: an existing folder.
      wanted: whether a file is an instance.
      one: what an instance is called in messages.

    Returns:
      `(found, others)`: `(file, fault)` of each instance, the fault None or the reason
      why it cannot be used, and the names of the files that are not wanted; both in
      natural order.

    Raises:
      ValueError: if the folder itself cannot be listed.
    """
    found: list[tuple[str, str | None]] = []
    others: list[str] = []
    waiting: list[tuple[str, tuple[str, ...]]] = [("", (os.path.realpath(path),))]
    while waiting:
        folder, above = waiting.pop()
        try:
            names = _names(path / folder)
        except OSError as error:
            if not folder:
                raise ValueError(
                    f"{path}: expected a folder that can be listed, found another"
                    f" ({error.strerror}); check its permissions"
                ) from error
            reason = f"a folder that cannot be listed ({error.strerror})"
            found.append((folder, reason))
            continue
        if folder and not names and wanted(path / folder):
            found.append((folder, f"an empty folder, expected a {one}"))
        for name in names:
            file = f"{folder}/{name}" if folder else name
            if os.path.isdir(path / file):
                real = os.path.realpath(path / file)
                if any(_lies_in(folder, real) for folder in above):
                    found.append((file, "a link back to a folder that it lies in"))
                else:
                    waiting.append((file, (*above, real)))
            elif not wanted(path / file):
                others.append(file)
            elif _is_file(path / file):
                found.append((file, None))
            else:
                found.append((file, f"no file, expected a {one}"))
    found.sort(key=lambda entry: natural(entry[0]))
    return found, sorted(others, key=natural)


def _names(folder: Path) -> list[str]:
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries]
    return [name for name in names if name[0] != "." and name not in _LITTER]


def _is_file(path: Path) -> bool:
    """Tells a file from a pipe or a device, which a reader would wait for.

    A broken link counts as a file: whoever reads it records why it cannot.
    """
    return os.path.isfile(path) or not os.path.exists(path)


def _lies_in(folder: str, outer: str) -> bool:
    return folder == outer or folder.startswith(outer.rstrip(os.sep) + os.sep)


def _wrappers(parts: list[list[str]]) -> int:
    """Number of leading folders that are no classes, given the paths of all files."""
    depth = 0
    while all(len(p) > depth + 1 for p in parts):
        names = {p[depth] for p in parts}
        if len(names) > 1 and not {name.casefold() for name in names} <= _PARTS:
            break
        depth += 1
    return depth


def _examples(found: list[tuple[str, str | None]], others: list[str]) -> str:
    """The first of what was found instead, with the reason if there is one."""
    for file, fault in found:
        return f", e.g. {shown(file)!r}: {fault}"
    return f", e.g. {shown(others[0])!r}" if others else ""
