"""Predict each instance's starting weights from its values, by ridge regression.

The consensus start is the best constant prediction of where a fit ends; this is the
best linear one. It is learnt from a few fits, costs two thin products per instance, and
saves most of the first steps.
"""

import jax
import jax.numpy as jnp
import numpy as np
from chex import ArrayTree

__all__ = ["FEWEST", "constant", "guessed", "learn"]

FEWEST = 8
"""The fewest fits that a guess can be learnt from."""
# As shares of the largest squared singular value.
_PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)


def learn(
    values: np.ndarray, vectors: np.ndarray, *, components: int = 256
) -> ArrayTree:
    """Ridge regression from principal components of the values to the weights.

    Args:
      values: `[n, P, C]` of the instances that were fitted.
      vectors: `[n, K]` free entries of their fits.
      components: Q, principal components of the values; where n instances have fewer,
        the rest are zero.

    Returns:
      The guess, for `guessed`: `centre` `[M]`, `project` `[M, Q]`, `slope` `[Q, K]`,
      `mean` `[K]`, with M = P * C. Its penalty is the one with which the other
      instances predict the last quarter best.

    Raises:
      ValueError: if there are fewer than 8 fits.
    """
    n = len(values)
    if n < FEWEST:
        raise ValueError(f"a guess needs {FEWEST} fits or more to learn from, got {n}")
    x, cut = values.reshape(n, -1), n - n // 4

    def error(penalty: float) -> float:
        guess = _ridge(x[:cut], vectors[:cut], penalty, components)
        predicted = guess["mean"] + (x[cut:] - guess["centre"]) @ (
            guess["project"] @ guess["slope"]
        )
        return float(np.mean(np.square(predicted - vectors[cut:])))

    return _ridge(x, vectors, min(_PENALTIES, key=error), components)


def constant(vector: np.ndarray, *, size: int, components: int = 256) -> ArrayTree:
    """A guess that predicts `vector` `[K]` for every instance.

    Args:
      vector: free entries of a common start.
      size: M, numbers in the values of an instance.
      components: Q; gives the leaves the shapes that `learn` would.
    """
    vector = np.asarray(vector, np.float32)
    return {
        "centre": np.zeros(size, np.float32),
        "project": np.zeros((size, components), np.float32),
        "slope": np.zeros((components, len(vector)), np.float32),
        "mean": vector,
    }


def _ridge(x: np.ndarray, y: np.ndarray, penalty: float, components: int) -> dict:
    centre, mean = x.mean(axis=0), y.mean(axis=0)
    u, s, vt = np.linalg.svd(x - centre, full_matrices=False)
    q = min(components, len(s))
    tiny = np.finfo(s.dtype).tiny  # Keeps values that are all alike from giving NaN.
    gain = s[:q] / (np.square(s[:q]) + penalty * np.square(s[0]) + tiny)
    slope = gain[:, None] * (u[:, :q].T @ (y - mean))
    more = components - q
    project = np.pad(vt[:q].T, ((0, 0), (0, more)))
    slope = np.pad(slope, ((0, more), (0, 0)))
    leaves = {"centre": centre, "project": project, "slope": slope, "mean": mean}
    return {name: np.asarray(leaf, np.float32) for name, leaf in leaves.items()}


def guessed(guess: ArrayTree, values: jax.Array) -> jax.Array:
    """Free entries `[K]` that a guess predicts for values `[P, C]`."""
    away = jnp.ravel(values) - guess["centre"]
    return guess["mean"] + (away @ guess["project"]) @ guess["slope"]
