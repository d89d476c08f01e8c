"""Adapters as vectors: free entries, exact standardisation, optional linear latent.

    adapter --flatten--> free entries [K] --standardise--> [K] --project--> [M]

Frozen entries are left out. Each arrow but the last has an exact inverse; the
projection keeps the M directions that vary most. `canvas` maps vectors to values on a
grid, for denoisers that work there.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from chex import ArrayTree

from wsjax.types import Codec

__all__ = [
    "average_gram",
    "canvas",
    "codec",
    "free_entries",
    "groups",
    "principal",
    "project",
    "size",
    "statistics",
]


def free_entries(free: ArrayTree, start: ArrayTree) -> Codec:
    """Codec between an adapter and the vector of its free entries, in tree order.

    Args:
      free: booleans shaped like the adapter (`Adapter.free`).
      start: any adapter of this representation; `decode` takes the frozen entries from
        it, so that it is an exact inverse.
    """
    chosen = jax.tree.map(lambda x: np.flatnonzero(np.asarray(x)), free)

    def encode(adapter):
        parts = jax.tree.map(lambda x, rows: x.reshape(-1)[rows], adapter, chosen)
        return jnp.concatenate(jax.tree.leaves(parts))

    def decode(vector):
        leaves, structure = jax.tree.flatten(start)
        rows = jax.tree.leaves(chosen)
        ends = np.cumsum([len(r) for r in rows])[:-1]
        parts = jnp.split(vector, ends)
        filled = [
            jnp.asarray(leaf).reshape(-1).at[r].set(part).reshape(leaf.shape)
            for leaf, r, part in zip(leaves, rows, parts, strict=True)
        ]
        return jax.tree.unflatten(structure, filled)

    return Codec(encode, decode)


def groups(free: ArrayTree) -> np.ndarray:
    """`[K]`: for each free entry the number of its leaf (layer and factor)."""
    sizes = [int(np.sum(leaf)) for leaf in jax.tree.leaves(free)]
    return np.repeat(np.arange(len(sizes)), sizes)


def statistics(vectors: np.ndarray, group: np.ndarray) -> dict[str, np.ndarray]:
    """Mean per entry and one scale per group, from the training instances.

    Args:
      vectors: `[N, K]` free entries.
      group: `[K]`, from `groups`.

    Returns:
      `{"mean": [K], "scale": [K]}` float32; a group that never varies has scale 1.
    """
    mean = vectors.mean(axis=0, dtype=np.float64)
    squares = np.square(vectors - mean).mean(axis=0)
    by_group = np.bincount(group, squares) / np.maximum(np.bincount(group), 1)
    scale = np.sqrt(np.where(by_group > 0, by_group, 1.0))[group]
    return {"mean": mean.astype(np.float32), "scale": scale.astype(np.float32)}


def principal(
    vectors: np.ndarray, components: int, *, metric: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """Linear latent: the main directions of standardised vectors.

    Args:
      vectors: `[N, K]`, standardised.
      components: M.
      metric: `[K, K]` positive semi-definite; distances are measured by it. With the
        decoder's average Gram matrix, squared error in the latent is squared error of
        the rendered values. None is plain PCA.

    Returns:
      `{"project": [K, M], "lift": [M, K]}` float32, scaled such that the latents have
      variance 1 on average; `lift @ project` is the identity of the latent. Vectors
      that are all equal have latents of zero.

    Raises:
      ValueError: if there are fewer instances or numbers than components.
    """
    n, k = vectors.shape
    if not 0 < components <= min(n - 1, k):
        raise ValueError(
            f"a latent of {components} numbers needs more instances and as many "
            f"numbers, got {n} instances of {k}"
        )
    centred = vectors - vectors.mean(axis=0, dtype=np.float64)
    if metric is None:
        directions, spread = _main_directions(centred, components)
        project, lift = directions.T / spread, spread * directions
    else:
        root, inverse = _roots(metric)
        directions, spread = _main_directions(centred @ root, components)
        project, lift = root @ directions.T / spread, spread * directions @ inverse
    return {"project": project.astype(np.float32), "lift": lift.astype(np.float32)}


def _main_directions(rows: np.ndarray, count: int) -> tuple[np.ndarray, float]:
    """Orthonormal directions `[M, K]` of centred rows, and the mean deviation there."""
    _, sizes, directions = np.linalg.svd(rows, full_matrices=False)
    directions = directions[:count]
    # SVD leaves the signs open: the largest entry of each direction is positive.
    largest = np.abs(directions).argmax(axis=1)
    directions *= np.sign(directions[np.arange(count), largest])[:, None]
    spread = np.sqrt(np.mean(np.square(sizes[:count])) / len(rows))
    return directions, spread if spread > 0 else 1.0


def _roots(metric: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Square root of a metric and its inverse; tiny eigenvalues are raised."""
    values, vectors = np.linalg.eigh(metric.astype(np.float64))
    mean = values.mean()
    values = values / (mean if mean > 0 else 1.0)  # A metric of zeros has no scale.
    values = np.sqrt(np.maximum(values, 0.0) + 1e-3)
    return (vectors * values) @ vectors.T, (vectors / values) @ vectors.T


def average_gram(
    decode: Callable[[jax.Array, jax.Array], jax.Array],
    vectors: np.ndarray,
    points: np.ndarray,
) -> np.ndarray:
    """Average of J^T J over instances, J the Jacobian of `decode` by the vector.

    Args:
      decode: `(vector [K], points [P, D]) -> values [P, C]`, decodes and renders.
      vectors: `[N, K]`, standardised; fifty instances are enough.
      points: `[N, P, D]` where each instance is rendered.

    Returns:
      `[K, K]`.
    """
    k = vectors.shape[1]
    outputs = jax.eval_shape(decode, vectors[0], points[0]).size
    jacobian = jax.jacrev(decode) if outputs < k else jax.jacfwd(decode)

    def gram(pair):
        rows = jacobian(*pair).reshape(-1, k)
        return rows.T @ rows

    pairs = jnp.asarray(vectors), jnp.asarray(points)
    return np.asarray(jnp.mean(jax.lax.map(gram, pairs), axis=0))


_RIDGE = 1e-6  # Of the mean square of a vector's numbers.
_UNSEEN = 1e-3  # Directions of less effect on values, of the largest, are left out.


def canvas(vectors: np.ndarray, values: np.ndarray) -> dict[str, np.ndarray]:
    """The linear map between vectors and values on a grid, by least squares.

    A denoiser that works in function space sees `vector @ lift`, and its answer comes
    back by `@ lower`. Where weights render linearly, that is what they show.

    Args:
      vectors: `[N, M]`, as the denoiser is given weights.
      values: `[N, P]`, what the same weights show on the grid.

    Returns:
      `{"lift": [M, P], "lower": [P, M]}` float32. Rows of `lift` have length 1 on
      average, so that noise of variance 1 has M / P per cell; `lower` is its
      pseudo-inverse.

    Raises:
      ValueError: if the sets are empty or differ in length, or no value ever varies.
    """
    if not len(vectors) or len(vectors) != len(values):
        raise ValueError(
            f"need as many vectors as values, got {len(vectors)} and {len(values)}"
        )
    x, y = (np.float64(a) - np.mean(a, axis=0, dtype=float) for a in (vectors, values))
    moments = x.T @ x
    ridge = _RIDGE * max(np.trace(moments) / len(moments), np.finfo(float).tiny)
    lift = np.linalg.solve(moments + ridge * np.eye(len(moments)), x.T @ y)
    length = np.sqrt(np.mean(np.square(lift).sum(axis=1)))
    if not length:
        raise ValueError("all these weights show the same values; give some that vary")
    lift = (lift / length).astype(np.float32)
    return {"lift": lift, "lower": np.linalg.pinv(lift, rcond=_UNSEEN)}


def project(entries: jax.Array, encoding: dict[str, jax.Array]) -> jax.Array:
    """Maps the free entries `[K]` of an instance to the denoiser's vector `[M]`."""
    vector = (entries - encoding["mean"]) / encoding["scale"]
    return vector @ encoding["project"] if "project" in encoding else vector


def codec(entries: Codec, encoding: dict[str, jax.Array]) -> Codec:
    """Codec between an adapter and the vector that the denoiser sees.

    Args:
      entries: from `free_entries`.
      encoding: from `statistics`; joined with the one from `principal` for a latent,
        as in `statistics(...) | principal(...)`.
    """

    def encode(adapter):
        return project(entries.encode(adapter), encoding)

    def decode(vector):
        if "lift" in encoding:
            vector = vector @ encoding["lift"]
        return entries.decode(vector * encoding["scale"] + encoding["mean"])

    return Codec(encode, decode)


def size(encoding: dict[str, jax.Array]) -> int:
    """How many numbers the vector that the denoiser sees has."""
    return encoding["lift" if "lift" in encoding else "mean"].shape[0]
