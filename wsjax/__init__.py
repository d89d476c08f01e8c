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

import lazy_loader

__all__ = [
    "adapters",
    "analysis",
    "bits",
    "cells",
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
    "representations",
    "store",
    "symmetry",
    "tree",
    "types",
    "windowed",
]

__version__ = "0.3.0"

__getattr__, __dir__, _ = lazy_loader.attach(__name__, __all__)
