"""Pictures as data URIs, each with its size, so that a page needs no other file."""

import base64
import io
import pathlib

from PIL import Image

from experiments.page import figures
from wsjax import files

__all__ = ["curves", "picture"]

_SHEET_WIDTH = 620  # Pixels that a sheet of small pictures is enlarged to, at most.


def picture(path: pathlib.Path, *, sheet: bool = False) -> dict | None:
    """A PNG or GIF file, sheets of small pictures enlarged; None if there is none.

    Raises:
      ValueError: if the file is no picture, naming it and the way out.
    """
    if not path.exists():
        return None
    content = path.read_bytes()
    try:
        image = Image.open(io.BytesIO(content), formats=("PNG", "GIF"))
    except OSError as error:
        raise ValueError(
            f"{path} is no readable picture; delete the folder it is in and run the "
            "command that writes it again"
        ) from error
    # Whole multiples keep the pixels of a sheet equally large.
    zoom = max(1, _SHEET_WIDTH // image.width) if sheet else 1
    return {
        "uri": _uri(content, image.format.lower()),
        "width": zoom * image.width,
        "height": zoom * image.height,
    }


def curves(folder: pathlib.Path, keys: tuple[str, ...], title: str) -> dict | None:
    """Losses of a training as SVG; None if it has not begun."""
    lines = files.read_lines(folder / "train.jsonl")
    if not lines:
        return None
    chosen = [line["step"] for line in lines if line.get("chosen")]
    figure = figures.curves(lines, keys, title, mark=chosen[-1] if chosen else None)
    return {"uri": _uri(figures.svg(figure), "svg+xml"), "width": None, "height": None}


def _uri(content: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
