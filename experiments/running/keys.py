"""Random keys of a run: one per purpose, all from the seed of the recipe."""

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
)


def keys(seed: int) -> dict[str, jax.Array]:
    """One key per purpose; a new purpose goes to the end, or all others change."""
    split = jax.random.split(jax.random.key(seed), len(_PURPOSES))
    return dict(zip(_PURPOSES, split, strict=True))


def keys_of(seed: int, purpose: str, rows: np.ndarray) -> jax.Array:
    """One key per instance `[n]`, whatever else is computed beside it."""
    return jax.vmap(jax.random.fold_in, in_axes=(None, 0))(keys(seed)[purpose], rows)
