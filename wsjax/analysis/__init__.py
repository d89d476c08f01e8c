"""What a population of fitted weights holds: classes, clusters, dimensions.

A module is imported when it is first used, as some of them need scikit-learn, which
takes seconds to import.
"""

import lazy_loader

__all__ = [
    "dimension",
    "interval",
    "probes",
    "structure",
    "trivial",
]

__getattr__, __dir__, _ = lazy_loader.attach(__name__, __all__)
