"""A CSV file that lists the meshes of a folder and their classes."""

import csv
import os
from pathlib import Path
from typing import NamedTuple

from wsjax.meshes.formats import SUFFIXES

__all__ = ["CLASS_COLUMNS", "FILE_COLUMNS", "Listed", "from_list", "is_named"]

FILE_COLUMNS = ("file", "path", "filename", "id")
CLASS_COLUMNS = ("class", "label", "category", "group")


class Listed(NamedTuple):
    """One instance: a file below the folder, its class, why it cannot be used."""

    file: str
    kind: str | None
    fault: str | None = None


def is_named(name: str) -> bool:
    """Whether a file name has the suffix of a mesh format."""
    return os.path.splitext(name)[1].lower() in SUFFIXES


def from_list(path: Path, table: Path, class_column: str | None) -> list[Listed]:
    """Lists the meshes that a CSV file names; see `open_meshes`.

    Args:
      path: the folder that the files are relative to.
      table: the CSV file.
      class_column: the column of classes, or None for the usual ones.

    Raises:
      FileNotFoundError: if there is nothing at `table`.
      ValueError: if it is no CSV file with the columns, or has no rows.
    """
    header, rows = _rows(table)
    file_column = _column(table, header, None, FILE_COLUMNS, "files")
    if file_column is None:
        raise ValueError(
            f"{table}: expected a column of files ({', '.join(FILE_COLUMNS)}), found"
            f" {', '.join(header)[:100]!r}; rename one, or give another"
            " labels_csv="
        )
    kinds = _column(table, header, class_column, CLASS_COLUMNS, "classes")
    found, seen = [], set()
    for number, row in enumerate(rows, start=2):
        file, fault = (row.get(file_column) or "").strip(), None
        kind = (row.get(kinds) or "").strip() or None if kinds else None
        if not file or "\0" in file:
            file, fault = f"row {number}", f"no file in column {file_column!r}"
        elif not is_named(file):
            file = _with_suffix(path, file)
            fault = None if is_named(file) else "no mesh file of this name"
        if file in seen:
            file, fault = f"{file} (row {number})", "listed before"
        elif kinds and kind is None:
            fault = f"no class in column {kinds!r}"
        seen.add(file)
        found.append(Listed(file, kind, fault))
    if not found:
        raise ValueError(f"{table}: expected rows of meshes, found only a header")
    return found


def _rows(table: Path) -> tuple[list[str], list[dict]]:
    if not os.path.exists(table):
        raise FileNotFoundError(
            f"{table}: expected a CSV file of meshes, found nothing"
        )
    if not table.is_file():
        raise ValueError(f"{table}: expected a CSV file of meshes, found no file")
    try:
        with open(table, newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            header = [name for name in reader.fieldnames or [] if name]
            return header, list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ValueError(
            f"{table}: expected a CSV file in UTF-8 with a header, found one that"
            f" cannot be read ({error}); save it again"
        ) from error


def _column(table: Path, header, given: str | None, usual, what: str) -> str | None:
    if given is not None and given not in header:
        raise ValueError(
            f"{table}: expected a column {given!r} of {what}, found"
            f" {', '.join(header)[:100]!r}; give one of those"
        )
    return given or next((name for name in usual if name in header), None)


def _with_suffix(path: Path, file: str) -> str:
    """Completes a name without suffix to the mesh file there is, if there is one."""
    fits = (file + suffix for suffix in SUFFIXES)
    return next((name for name in fits if os.path.lexists(path / name)), file)
