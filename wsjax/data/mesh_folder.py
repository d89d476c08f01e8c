"""A folder of mesh files: flat, one subfolder per class, or listed in a CSV file."""

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from wsjax.data import scan, split
from wsjax.data.mesh_list import Listed, from_list, is_named
from wsjax.data.source import BadInstance, check_positive
from wsjax.meshes.formats import MOST_BYTES, MOST_FACES, SUFFIXES, BadMesh, decode
from wsjax.meshes.mesh import Mesh

__all__ = ["LIST", "MeshSource", "open_meshes"]

LIST = "index.csv"


class MeshSource(NamedTuple):
    """Meshes that are read one at a time.

    `where` names the source in messages; `names` has N entries, relative to it;
    `labels` is `[N]` int32 places in `classes` or None, and -1 for an instance of no
    class, which `read` then refuses. `content(i) -> (bytes, suffix)` is the file as
    it is; `read(i) -> Mesh` decodes it. Both raise `BadInstance` if instance i alone
    is unusable.
    """

    where: str
    names: list[str]
    labels: np.ndarray | None
    classes: list[str]
    content: Callable[[int], tuple[bytes, str]]
    read: Callable[[int], Mesh]


def open_meshes(
    path: str | os.PathLike,
    *,
    labels_csv: str | os.PathLike | None = None,
    class_column: str | None = None,
    n: int | None = None,
    most_faces: int = MOST_FACES,
    most_bytes: int = MOST_BYTES,
) -> MeshSource:
    """Lists the meshes of a folder; each is decoded when it is read.

    With a CSV file, its rows are the instances, in its order; other meshes are
    ignored. Without, `wsjax.data.scan` says which files are instances, in what order
    and of which class; other files are ignored. Pipes, devices and whatever cannot be
    opened are bad instances.

    Args:
      path: an existing folder.
      labels_csv: a CSV file with a header: one column of files relative to `path`
        (`file`, `path`, `filename`, or `id`, with or without their suffix) and, if
        there are classes, one of those. None takes `index.csv` in the folder, if any.
      class_column: the column of classes; None takes the first of `class`, `label`,
        `category`, `group` that there is. Classes are numbered in natural order.
      n: instances to take, see `split.limited`; the classes stay those of all.
      most_faces: see `decode`.
      most_bytes: see `decode`; a longer file is not opened.

    Raises:
      FileNotFoundError: if there is nothing at `path` or `labels_csv`.
      ValueError: if the folder or the list as a whole cannot be used, or an option
        is wrong.
    """
    check_positive("n", n)
    path = Path(path)
    if not path.is_dir():
        missing = not os.path.lexists(path)
        raise (FileNotFoundError if missing else ValueError)(
            f"{path}: expected a folder of meshes, found"
            f" {'nothing' if missing else 'a file'}; correct the path, or unpack it"
        )
    table = Path(labels_csv) if labels_csv is not None else path / LIST
    if labels_csv is not None or table.is_file():
        found = from_list(path, table, class_column)
    elif class_column is not None:
        raise ValueError(
            f"{path}: class_column= needs a CSV file, found no {LIST}; give labels_csv="
        )
    else:
        found = _from_folder(path)
    kinds = {entry.kind for entry in found if entry.kind is not None}
    classes = sorted(kinds, key=scan.natural)
    place: dict[str | None, int] = {kind: i for i, kind in enumerate(classes)}
    place[None] = -1
    labels = np.array([place[entry.kind] for entry in found], np.int32)
    rows = split.limited(len(found), n, labels if classes else None)
    found, labels = [found[row] for row in rows], labels[rows]

    def content(i):
        if found[i].fault:
            raise BadInstance(found[i].fault)
        return _content(path, found[i].file, most_bytes)

    def read(i):
        try:
            return decode(*content(i), most_faces=most_faces, most_bytes=most_bytes)
        except BadMesh as error:
            raise BadInstance(str(error)) from error

    names = [os.fsencode(e.file).decode("utf-8", "backslashreplace") for e in found]
    return MeshSource(
        str(path), names, labels if classes else None, classes, content, read
    )


def _content(path: Path, file: str, most_bytes: int) -> tuple[bytes, str]:
    try:
        root, target = os.path.abspath(path), os.path.abspath(path / file)
        if os.path.commonpath([root, target]) != root:  # A list may name any path.
            raise BadInstance("leads out of the folder, which is not followed; copy it")
        found = os.stat(target)
        if not stat.S_ISREG(found.st_mode):
            # A pipe would be waited for.
            raise BadInstance("no file, expected a mesh")
        if found.st_size > most_bytes:
            raise BadInstance(f"{found.st_size} bytes, expected at most {most_bytes}")
        return Path(target).read_bytes(), os.path.splitext(file)[1].lower()
    except OSError as error:
        raise BadInstance(f"cannot be opened: {error.strerror}") from error


def _from_folder(path: Path) -> list[Listed]:
    found = scan.scan(
        path,
        lambda file: is_named(file.name),
        one="mesh",
        many="meshes",
        suffixes=SUFFIXES,
    )
    return [Listed(*entry) for entry in found.entries]
