"""Pictures as data URIs with their sizes, so that a page needs no other file."""

import base64
import io
import pathlib

from PIL import Image

from experiments.page import figures
from wsjax import files

__all__ = ["curves", "picture"]

_SHEET_WIDTH = 620  # Largest width in pixels to which a sheet is enlarged.


def picture(path: pathlib.Path, *, sheet: bool = False) -> dict | None:
    """Reads a PNG or GIF file for a page.

    Args:
      path: of the file.
      sheet: whether it is a sheet of small pictures, which is enlarged.

    Returns:
      `{"uri": str, "width": pixels, "height": pixels}`, the size at which the page
      shows it; None if there is no such file.

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
    # An integer zoom shows all pixels of a sheet at one size.
    zoom = max(1, _SHEET_WIDTH // image.width) if sheet else 1
    return {
        "uri": _uri(content, image.format.lower()),
        "width": zoom * image.width,
        "height": zoom * image.height,
    }


def curves(folder: pathlib.Path, keys: tuple[str, ...], title: str) -> dict | None:
    """Loss curves of a training as SVG, from the train.jsonl in `folder`.

    `keys` are the losses to draw, such as "loss_train". Returns a dictionary as
    `picture` does, without a size; None if the training has written no line yet.
    """
    lines = files.read_lines(folder / "train.jsonl")
    if not lines:
        return None
    chosen = [line["step"] for line in lines if line.get("chosen")]
    figure = figures.curves(lines, keys, title, mark=chosen[-1] if chosen else None)
    return {"uri": _uri(figures.svg(figure), "svg+xml"), "width": None, "height": None}


def _uri(content: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
