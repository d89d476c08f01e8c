"""What a population of fitted weights holds: classes, clusters, dimensions.

A module is imported when it is first used, as some of them need scikit-learn, which
takes seconds to import.
"""

import importlib
import types

__all__ = [
    "dimension",
    "interval",
    "probes",
    "structure",
    "trivial",
]


def __getattr__(name: str) -> types.ModuleType:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return importlib.import_module(f"{__name__}.{name}")
