"""Data sets of pictures and of shapes: arrays in, arrays out.

A new data set is one new file and one line here. Modules of shapes, which need
libraries of geometry, are loaded when one of their data sets is.
"""

import importlib
import inspect
from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from wsjax.data import images, shapes

__all__ = [
    "DATASETS",
    "augment",
    "digits",
    "discs",
    "images",
    "load",
    "parametric",
    "patterns",
    "shapes",
    "split",
]

# Name of a data set: the module of this package and the function in it.
DATASETS = {
    "digits": ("digits", "load"),
    "discs": ("discs", "load"),
    "images": ("images", "load_path"),
    "meshes": ("shapes", "load_path"),
    "patterns": ("patterns", "load"),
    "shapes": ("shapes", "load_parametric"),
}

__getattr__, __dir__, _ = lazy_loader.attach(__name__, __all__)


def load(name: str, **options) -> "images.Images | shapes.Shapes":
    """Loads a data set by name.

    Args:
      name: a key of `DATASETS`.
      **options: keyword arguments of that data set's function.

    Returns:
      The pictures or shapes, with labels where the data set has them.

    Raises:
      ValueError: if no data set has this name, if it has other options, or from the
        data set itself.
    """
    if name not in DATASETS:
        raise ValueError(f"unknown data set {name!r}; choose one of {sorted(DATASETS)}")
    module, function = DATASETS[name]
    make = getattr(importlib.import_module(f"wsjax.data.{module}"), function)
    signature = inspect.signature(make)
    try:
        signature.bind(**options)
    except TypeError as error:
        known = ", ".join(signature.parameters)
        raise ValueError(f"data set {name!r}: {error}; it takes {known}") from error
    return make(**options)
