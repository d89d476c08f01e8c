"""Triangle meshes: files, repair, samples for fields, surfaces of fields, pictures.

A module is imported when it is first used, as some of them need geometry libraries,
which take seconds to import.
"""

import lazy_loader

__all__ = [
    "crossing",
    "distance",
    "doubled",
    "formats",
    "gltf",
    "lattice",
    "levels",
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

__getattr__, __dir__, _ = lazy_loader.attach(__name__, __all__)
