"""Measures of fields, pictures and shapes: reconstruction, generation, features.

A module is imported when it is first used, as some of them need scikit-learn, which
takes seconds to import.
"""

import lazy_loader

__all__ = [
    "audit",
    "copy_measures",
    "copying",
    "equal_count",
    "excess",
    "features",
    "generation",
    "imagenet_features",
    "octaves",
    "onnx_features",
    "projection",
    "random_conv",
    "reconstruction",
    "shape_sets",
    "shapes",
    "topology",
    "two_sample",
    "verdict",
]

__getattr__, __dir__, _ = lazy_loader.attach(__name__, __all__)
