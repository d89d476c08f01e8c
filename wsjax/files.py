"""Small files of a run folder (JSON, JSON lines, bytes), written whole, and file names.

Every file is written under a temporary name and then renamed, so that a killed process
leaves a whole file or none.

JSON has no NaN and no infinity. A number that is not finite is written as `null`, and
`null` is read as None: a figure that does not exist.
"""

import contextlib
import hashlib
import json
import math
import os
import pathlib
import re
import unicodedata
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = [
    "AnyPath",
    "MOST",
    "cache_folder",
    "finite",
    "from_json",
    "natural",
    "read_json",
    "read_lines",
    "read_rows",
    "remove_temporary",
    "safe_name",
    "to_json",
    "write_bytes",
    "write_json",
    "write_lines",
]

AnyPath = str | os.PathLike
"""How a caller may name a file or folder."""

# No other program makes such names, so that deleting them deletes nothing of a user's.
_TEMPORARY = re.compile(r".*\.wsjax-[0-9a-f]{32}\.tmp", re.DOTALL)
_KEPT = 50  # Characters of the final name that the temporary one shows.

# Names that `safe_name` returns as they are. None has a capital, because some systems
# take `Cat` and `cat` for one file, and none looks as if it ended in a digest.
_PLAIN = re.compile(r"(?!(.*-)?[0-9a-f]{16}$)[a-z0-9_]([a-z0-9._-]*[a-z0-9_-])?")
# Names of devices on Windows, also with an ending.
_DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)
_DIGEST = 16  # Hexadecimal digits.

MOST = 255
"""Bytes that file systems allow in the name of a file."""


def cache_folder(name: str) -> pathlib.Path:
    """`$XDG_CACHE_HOME/wsjax/NAME`, or `~/.cache/wsjax/NAME`."""
    root = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(root) / "wsjax" / name


def safe_name(name: str, *, most: int = MOST) -> str:
    """Name for a file or folder that every operating system takes, of ASCII alone.

    A name of lower-case letters, digits and `._-` is returned as it is. Any other is
    cleaned, shortened and followed by a digest of the original, so that two names never
    share one file, not even on systems that ignore case: `cat_1.png` stays, `cat 1.png`
    becomes `cat_1.png-9f0c7016f54e1ba9`.

    Args:
      name: any text, such as the path of an instance in its data set.
      most: bytes that the result may have, 17 or more; a caller that puts a number in
        front or an ending behind leaves room for it.
    """
    if most <= _DIGEST:
        raise ValueError(f"most should be {_DIGEST + 1} or more, got {most}")
    if len(name) <= most and _PLAIN.fullmatch(name) and not _DEVICE.match(name):
        return name
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
    ascii = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    clean = re.sub(r"[^A-Za-z0-9._-]+", "_", ascii).strip("._-")
    if _DEVICE.match(clean):
        clean = f"_{clean}"
    clean = clean[: most - _DIGEST - 1]
    return f"{clean}-{digest[:_DIGEST]}" if clean else digest[:_DIGEST]


def natural(name: str) -> tuple[list[str | int], str]:
    """Sorting key that counts: `2.png` comes before `10.png`.

    Numbers in names are compared as numbers, all else as text.
    """
    pieces = re.split(r"([0-9]+)", name)
    return [int(x) if i % 2 else x for i, x in enumerate(pieces)], name


def write_bytes(path: AnyPath, data: bytes, *, mode: int | None = None) -> None:
    """Writes a file whole: temporary name, flush to disk, rename.

    Args:
      path: of the file; its folder is made.
      data: what it will hold.
      mode: permissions of the file, such as 0o600; None: those of a new file.

    Raises:
      OSError: if it cannot be written, naming it and the way out; the old file stays.
    """
    path = pathlib.Path(path)
    # Random: neither the process number nor the host tells two containers apart.
    name = f"{path.name[:_KEPT]}.wsjax-{uuid.uuid4().hex}.tmp"
    temporary = path.with_name(name)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("xb") as file:
            if mode is not None:
                temporary.chmod(mode)  # Before there is anything to be read in it.
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise OSError(
            f"{path} cannot be written: {error.strerror or error}; free space or permit"
            " writing there and run the command again; what was finished is kept"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def remove_temporary(folder: AnyPath) -> None:
    """Removes the half-written files of killed processes from a folder and below.

    Call it only while no other process writes there: its unfinished file would go too.
    """
    for path in pathlib.Path(folder).rglob("*.wsjax-*.tmp"):
        if _TEMPORARY.fullmatch(path.name):
            path.unlink(missing_ok=True)


def finite(content: Any) -> Any:
    """Content as `read_json` will give it back: numbers that are not finite are None.

    Args:
      content: dicts, lists and tuples (which become lists) of what JSON knows.
    """
    if isinstance(content, Mapping):
        return {key: finite(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [finite(value) for value in content]
    if isinstance(content, float) and not math.isfinite(content):
        return None
    return content


def to_json(content: Any, *, indent: int | None = None) -> str:
    """JSON text in ASCII; numbers that are not finite become `null`."""
    return json.dumps(finite(content), indent=indent, allow_nan=False)


def from_json(text: str | bytes) -> Any:
    """Content of JSON text; `NaN` and `Infinity`, which are no JSON, become None too.

    Raises:
      ValueError: if it is not JSON.
    """
    return json.loads(text, parse_constant=lambda _: None)


def write_json(path: AnyPath, content: Mapping) -> None:
    """Writes JSON, indented, whole or not at all; see the module about NaN."""
    write_bytes(path, (to_json(content, indent=2) + "\n").encode())


def read_json(path: AnyPath, *, keys: Sequence[str] = ()) -> dict:
    """Reads an object from a JSON file; see the module about NaN.

    Args:
      path: of the file.
      keys: what the object must have.

    Raises:
      ValueError: if the file is not JSON, holds something else than an object, or a key
        is missing, naming the file and the way out.
    """
    try:
        content = from_json(pathlib.Path(path).read_bytes())
    except ValueError as error:
        raise ValueError(
            f"{path} is not valid JSON ({error}); delete it and run the command that "
            "writes it again"
        ) from error
    if not isinstance(content, dict) or not content.keys() >= set(keys):
        wanted = f" with {', '.join(map(repr, keys))}" if keys else ""
        raise ValueError(
            f"{path}: expected an object{wanted}, found {_shortened(content)}; delete "
            "it and run the command that writes it again"
        )
    return content


def read_rows(path: AnyPath, *, keys: Sequence[str] = ()) -> dict[str, dict]:
    """Reads an object of objects, such as metrics by row, from a JSON file.

    Args:
      path: of the file.
      keys: of objects that there must be.

    Raises:
      ValueError: if the file holds something else, naming it and the way out.
    """
    rows = read_json(path, keys=keys)
    for name, row in rows.items():
        if not isinstance(row, dict):
            raise ValueError(
                f"{path}: expected an object in {name!r}, found {_shortened(row)}; "
                "delete the file and run the command that writes it again"
            )
    return rows


def _shortened(content: object) -> str:
    text = json.dumps(content)
    return text if len(text) < 60 else f"{text[:57]}..."


def read_lines(path: AnyPath) -> list[dict]:
    """Reads a file of JSON lines up to the first that was cut short; [] without one."""
    path = pathlib.Path(path)
    if not path.exists():
        return []
    lines = []
    for line in path.read_bytes().splitlines():
        try:
            content = from_json(line)
        except ValueError:
            break
        if not isinstance(content, dict):
            break
        lines.append(content)
    return lines


def write_lines(path: AnyPath, lines: list[dict]) -> None:
    """Writes a file of JSON lines whole; see the module about NaN."""
    write_bytes(path, "".join(to_json(line) + "\n" for line in lines).encode())
