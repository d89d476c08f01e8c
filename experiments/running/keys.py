"""Random keys of a run: one per purpose, all derived from the recipe's seed."""

import jax
import numpy as np

__all__ = ["keys", "keys_of"]

_PURPOSES = (
    "base",
    "batches",
    "start",
    "fit",
    "denoiser",
    "training",
    "sample",
    "trivial",
    "structure",
    "rehearsal",
    "episodes",
    "pairs",
    "values",
    "parts",
    "encoder",
)


def keys(seed: int) -> dict[str, jax.Array]:
    """Returns one key per purpose, such as `keys(0)["fit"]`.

    Append new purposes to `_PURPOSES`: one that is inserted shifts the keys of all
    purposes behind it, and with them every result.
    """
    split = jax.random.split(jax.random.key(seed), len(_PURPOSES))
    return dict(zip(_PURPOSES, split, strict=True))


def keys_of(seed: int, purpose: str, rows: np.ndarray) -> jax.Array:
    """Returns one key per instance, `[n]`, for one purpose.

    The key of instance `rows[i]` depends only on the seed, the purpose and `rows[i]`,
    not on the other instances or on how they are batched.
    """
    return jax.vmap(jax.random.fold_in, in_axes=(None, 0))(keys(seed)[purpose], rows)
