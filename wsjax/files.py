"""Small files of a run folder: JSON, JSON lines and bytes, written whole.

Every file is written under a temporary name and then renamed, so that a killed run
leaves a whole file or none.
"""

import contextlib
import json
import os
import pathlib


def write_bytes(path: pathlib.Path, data: bytes) -> None:
    """Writes a file whole: temporary name, flush to disk, rename.

    Raises:
      OSError: if it cannot be written, naming it and the way out; the old file stays.
    """
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
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


def remove_temporary(folder: pathlib.Path) -> None:
    """Removes what killed processes left half written, while no other one writes."""
    for path in folder.rglob("*.[0-9]*.tmp"):
        path.unlink(missing_ok=True)


def write_json(path: pathlib.Path, content: dict) -> None:
    """Writes JSON, indented, whole or not at all."""
    write_bytes(path, (json.dumps(content, indent=2) + "\n").encode())


def read_json(path: pathlib.Path) -> dict:
    """Reads JSON.

    Raises:
      ValueError: if the file is not JSON, naming it and the way out.
    """
    try:
        return json.loads(path.read_text())
    except ValueError as error:
        raise ValueError(
            f"{path} is not valid JSON ({error}); delete it and run the command that "
            "writes it again"
        ) from error


def read_lines(path: pathlib.Path) -> list[dict]:
    """Reads a JSON-lines file; a last line that was cut short is left out."""
    if not path.exists():
        return []
    lines = []
    for line in path.read_text().splitlines():
        try:
            lines.append(json.loads(line))
        except ValueError:
            break
    return lines


def write_lines(path: pathlib.Path, lines: list[dict]) -> None:
    """Writes a JSON-lines file whole."""
    write_bytes(path, "".join(json.dumps(line) + "\n" for line in lines).encode())
