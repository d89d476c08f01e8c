"""Oriented point clouds from files: points of a surface with normals."""

import io
import re
from pathlib import Path

import numpy as np
from trimesh.exchange.ply import load_ply

from wsjax.data import scan
from wsjax.data.source import BadInstance
from wsjax.meshes import formats
from wsjax.meshes.distance import cloud_areas

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
      BadInstance: if the bytes are damaged, normals are missing, or a number is not
        finite.
    """
    try:
        cloud = np.asarray(_columns(content, suffix), np.float64)
    except BadInstance:
        raise
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
    """Tells whether normals point inwards as a whole: the volume would be negative.

    Args:
      points: `[M, 3]`.
      normals: `[M, 3]` of length 1.

    Raises:
      ValueError: if there are too few points.
    """
    heights = np.einsum("mi,mi->m", points - points.mean(axis=0), normals)
    return bool(cloud_areas(points) @ heights < 0.0)


def _columns(content: bytes, suffix: str) -> np.ndarray:
    file = io.BytesIO(content)
    if suffix == ".npz":
        with np.load(file) as arrays:
            if not {"points", "normals"} <= set(arrays.files):
                raise BadInstance(
                    f"expected 'points' and 'normals', found {sorted(arrays.files)}"
                )
            return np.concatenate([arrays["points"], arrays["normals"]], axis=1)
    if suffix == ".npy":
        return np.load(file)
    if suffix == ".xyz":
        return np.loadtxt(file, ndmin=2)
    loaded = load_ply(file, skip_materials=True)
    columns = loaded["metadata"]["_ply_raw"]["vertex"]["data"]
    try:
        return np.stack([np.ravel(columns[name]) for name in PLY_COLUMNS], axis=1)
    except (KeyError, ValueError) as error:
        raise BadInstance("expected vertices with nx, ny, nz, found none") from error
