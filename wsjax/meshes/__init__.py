"""Triangle meshes: files, repair, samples for fields, surfaces of fields, pictures.

A module is imported when it is first used, as some of them need geometry libraries,
which take seconds to import.
"""

import importlib
import types

__all__ = [
    "crossing",
    "distance",
    "doubled",
    "formats",
    "gltf",
    "mesh",
    "moments",
    "picture",
    "ply",
    "polygons",
    "quality",
    "sampling",
    "surface",
    "text",
]


def __getattr__(name: str) -> types.ModuleType:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return importlib.import_module(f"{__name__}.{name}")
