"""Data sets of pictures and of shapes: arrays in, arrays out.

A new data set is one new file and one line here. Modules of shapes, which need
libraries of geometry, are loaded when one of their data sets is.
"""

import importlib
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wsjax.data import images, shapes

__all__ = ["DATASETS", "load"]

# Name of a data set: the module of this package and the function in it.
DATASETS = {
    "digits": ("digits", "load"),
    "discs": ("discs", "load"),
    "images": ("images", "load_path"),
    "meshes": ("shapes", "load_path"),
    "patterns": ("patterns", "load"),
    "shapes": ("shapes", "load_parametric"),
}


_MODULES = (
    *("augment", "digits", "discs", "images", "parametric", "patterns", "shapes"),
    "split",
)


def __getattr__(name: str) -> ModuleType:
    """Loads a module of this package when it is used first, as `data.images`."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return importlib.import_module(f"{__name__}.{name}")


def load(name: str, **options) -> "images.Images | shapes.Shapes":
    """Loads a data set by name.

    Args:
      name: a key of `DATASETS`.
      **options: keyword arguments of that data set's function.

    Returns:
      The pictures or shapes, with labels where the data set has them.

    Raises:
      ValueError: if no data set has this name, or from the data set itself.
    """
    if name not in DATASETS:
        raise ValueError(f"unknown data set {name!r}; choose one of {sorted(DATASETS)}")
    module, function = DATASETS[name]
    return getattr(importlib.import_module(f"wsjax.data.{module}"), function)(**options)
