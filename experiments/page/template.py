"""Fills the template of the report, report.html, and writes its numbers."""

import functools
import math
import pathlib

import jinja2

__all__ = ["render"]


def render(content: dict) -> str:
    """The page, as HTML, with the variables `content`; an unknown one is an error."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(pathlib.Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": _number,
        "spread": _spread,
        "percent": functools.partial(_number, digits=1, unit=" %", scale=100),
    }
    return environment.get_template("report.html").render(content)


def _number(value, digits: int = 0, unit: str = "", *, scale: int = 1) -> str:
    """A number with thousands separators; a dash if undefined, None or not finite."""
    if value is None or jinja2.is_undefined(value) or not math.isfinite(value):
        return "–"
    shown = f"{scale * value:z,.{digits}f}{unit}"
    # A no-break space keeps the unit on the line of its number.
    return shown.replace("-", "−").replace(" ", "\u00a0")


def _spread(mean, width, digits: int = 2, *, scale: int = 1) -> str:
    """`mean ± width`; just the mean, or a dash, if one is not a number."""
    shown = _number(mean, digits, scale=scale), _number(width, digits, scale=scale)
    return shown[0] if "–" in shown else " ± ".join(shown)
