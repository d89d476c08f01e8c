"""Oriented point clouds from files: points of a surface with normals."""

import io
import math
import re
import zipfile
from pathlib import Path

import numpy as np

from wsjax.data import scan
from wsjax.data.source import BadInstance
from wsjax.meshes import formats
from wsjax.meshes.distance import cloud_areas
from wsjax.meshes.formats import MOST_BYTES
from wsjax.meshes.ply import read_columns

__all__ = [
    "PLY_COLUMNS",
    "SUFFIXES",
    "decode",
    "has_clouds",
    "is_inside_out",
    "list_clouds",
]

SUFFIXES = (".npz", ".npy", ".xyz", ".ply")
PLY_COLUMNS = ("x", "y", "z", "nx", "ny", "nz")


def has_clouds(path: Path) -> bool:
    """Whether a folder holds point clouds and no meshes; a PLY file can be either."""
    either = {*SUFFIXES, *formats.SUFFIXES}
    found, _ = scan.walk(path, lambda file: file.suffix.lower() in either, one="shape")
    files = [path / file for file, fault in found if fault is None]
    suffixes = {file.suffix.lower() for file in files}
    if suffixes & set(formats.SUFFIXES) - {".ply"}:
        return False
    ply = [file for file in files if file.suffix.lower() == ".ply"]
    if not ply:
        return bool(files)
    try:
        with ply[0].open("rb") as opened:
            header = opened.read(65536).partition(b"end_header")[0]
    except OSError:
        return False
    return header.startswith(b"ply") and not re.search(rb"element face [1-9]", header)


def list_clouds(path: Path) -> tuple[list[str], np.ndarray | None, list[str]]:
    """Lists the point clouds of a folder; `wsjax.data.scan` has the rule.

    Args:
      path: an existing folder.

    Returns:
      `(names, labels [N] int32, classes)`; a label is a place in `classes`. Without
      classes the labels are None. What cannot be entered or opened is listed too, and
      refused when it is read.

    Raises:
      ValueError: if there are none, or some directly in the folder and some below.
    """
    entries = scan.scan(
        path,
        lambda file: file.suffix.lower() in SUFFIXES,
        one="point cloud",
        many="point clouds",
        suffixes=SUFFIXES,
    ).entries
    names = [entry.file for entry in entries]
    kinds = {entry.kind for entry in entries if entry.kind is not None}
    if not kinds:
        return names, None, []
    classes = sorted(kinds, key=scan.natural)
    place: dict[str | None, int] = {kind: i for i, kind in enumerate(classes)}
    place[None] = -1
    return names, np.array([place[e.kind] for e in entries], np.int32), classes


def decode(content: bytes, suffix: str) -> tuple[np.ndarray, np.ndarray]:
    """Decodes one point cloud.

    Args:
      content: the bytes of a file: `.npz` with `points` and `normals` `[M, 3]` each;
        `.npy` `[M, 6]`; `.xyz`, six numbers a line; `.ply` with vertex normals.
      suffix: one of `SUFFIXES`.

    Returns:
      `(points [M, 3], normals [M, 3])` float64, normals of length 1.

    Raises:
      BadInstance: if the bytes are damaged or more than `MOST_BYTES`, normals are
        missing, or a number is not finite.
    """
    if len(content) > MOST_BYTES:
        raise BadInstance(f"{len(content)} bytes, expected at most {MOST_BYTES}")
    try:
        cloud = np.asarray(_columns(content, suffix), np.float64)
    except (BadInstance, formats.BadMesh) as error:
        raise BadInstance(str(error)) from error
    except Exception as error:  # Damaged bytes raise nearly anything in a decoder.
        raise BadInstance(
            f"does not decode: {error or type(error).__name__}"
        ) from error
    if cloud.ndim != 2 or cloud.shape[1] != 6 or not len(cloud):
        raise BadInstance(
            f"expected points and normals [M, 6], found {list(cloud.shape)}"
        )
    if not np.isfinite(cloud).all():
        raise BadInstance(f"{np.sum(~np.isfinite(cloud))} numbers are NaN or infinite")
    points, normals = cloud[:, :3], cloud[:, 3:]
    lengths = np.linalg.norm(normals, axis=1, keepdims=True)
    if lengths.min() == 0.0:
        raise BadInstance(f"{np.sum(lengths == 0.0)} normals have length 0")
    return points, normals / lengths


def is_inside_out(points: np.ndarray, normals: np.ndarray) -> bool:
    """Tells whether the normals, taken together, point inwards: a negative volume.

    Args:
      points: `[M, 3]`.
      normals: `[M, 3]` of length 1.

    Raises:
      ValueError: if there are too few points.
    """
    heights = np.einsum("mi,mi->m", points - points.mean(axis=0), normals)
    return bool(cloud_areas(points) @ heights < 0.0)


def _columns(content: bytes, suffix: str) -> np.ndarray:
    if suffix == ".npz":
        return np.concatenate(_members(content, ("points", "normals")), axis=1)
    if suffix == ".npy":
        return _array(content)
    if suffix == ".xyz":
        return np.loadtxt(io.BytesIO(content), ndmin=2)
    return read_columns(content, PLY_COLUMNS)


def _members(content: bytes, names: tuple[str, ...]) -> list[np.ndarray]:
    """Arrays of an npz file, which may be compressed."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        sizes = {info.filename: info.file_size for info in archive.infolist()}
        if not {f"{name}.npy" for name in names} <= set(sizes):
            there = sorted(name.removesuffix(".npy") for name in sizes)
            raise BadInstance(f"expected {' and '.join(names)}, found {there}")
        unpacked = sum(sizes[f"{name}.npy"] for name in names)
        if unpacked > MOST_BYTES:
            raise BadInstance(
                f"{unpacked} bytes when unpacked, expected at most {MOST_BYTES}"
            )
        return [_array(archive.read(f"{name}.npy")) for name in names]


def _array(content: bytes) -> np.ndarray:
    """The array of an npy file; numpy would first allocate whatever it promises."""
    file = io.BytesIO(content)
    version = np.lib.format.read_magic(file)
    read_header = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }[version]
    shape, _, dtype = read_header(file)
    if math.prod(shape) * dtype.itemsize > len(content):
        raise BadInstance(
            f"promises {dtype} numbers {list(shape)} in {len(content)} bytes; it is cut"
            " short or damaged"
        )
    return np.load(io.BytesIO(content), allow_pickle=False)
