"""Measures of fields, pictures and shapes: reconstruction, generation, features.

A module is imported when it is first used, as some of them need scikit-learn, which
takes seconds to import.
"""

import importlib
import types

__all__ = [
    "audit",
    "equal_count",
    "features",
    "generation",
    "onnx_features",
    "random_conv",
    "reconstruction",
    "shape_sets",
    "shapes",
]


def __getattr__(name: str) -> types.ModuleType:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return importlib.import_module(f"{__name__}.{name}")
