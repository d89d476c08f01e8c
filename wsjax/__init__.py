"""Weights as data: fit, generate and analyse neural fields.

Letters for shapes, used in every docstring: N instances, P points, D coordinate
dimensions, C channels, R rank, L layers, K numbers in a flattened instance, B batch,
S steps. `d_in` and `d_out` are the widths of one layer.

Conventions, said once:
  * A kernel is `[d_in, d_out]` and applies as `x @ kernel`; the paper's W is its
    transpose. Row i of the factors `a` `[R, d_in]` and `b` `[R, d_out]` is rank
    component i, so that the paper's (BA) is `(a.T @ b).T` here.
  * Coordinates and values lie in [-1, 1]; pixels lie in [0, 1] or are uint8.

A module such as `wsjax.adapters` is imported when it is first used, since some of them
take seconds.
"""

import importlib
from types import ModuleType

__all__ = [
    "adapters",
    "analysis",
    "checkpoint",
    "coords",
    "costs",
    "data",
    "diffusion",
    "exchange",
    "fields",
    "files",
    "fit",
    "latent",
    "machine",
    "merging",
    "meshes",
    "metrics",
    "models",
    "store",
    "symmetry",
    "tree",
    "types",
]

__version__ = "0.3.0"


def __getattr__(name: str) -> ModuleType:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return importlib.import_module(f"{__name__}.{name}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
