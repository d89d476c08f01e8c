"""Encodes fitted weights as the vectors that the denoiser is trained on.

An encoding is a dictionary of arrays, saved beside the denoiser's checkpoints: `mean`
and `scale` `[K]` standardise the free entries; for a latent, `project` `[K, M]` and
`lift` `[M, K]` map to it and back; `spread` `[M]` is the deviation of each number of a
vector in training; with clusters, `centres` `[G, M]` and `shares` `[G]`.
"""

import pathlib
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments.domain.data import Data
from experiments.domain.representation import (
    Representation,
    entries,
    modelled,
    renderer,
    start,
)
from experiments.generator import conditions
from experiments.running import run_folder
from wsjax import checkpoint, latent, store, tree
from wsjax.data import split
from wsjax.types import Codec

__all__ = [
    "LATENTS",
    "Fitted",
    "Latent",
    "codec",
    "fitted",
    "make",
    "project",
    "restore",
    "save",
    "some",
]

LATENTS = ("none", "pca", "function_pca")


class Latent(NamedTuple):
    """Which latent the denoiser works in; every field comes from `diffusion`.

    `kind`: one of `LATENTS`; `components`: M, numbers in the latent; `clusters`: number
    of k-means clusters of the latents, 0 for none. "function_pca" averages the
    decoder's Gram matrix over about `instances` training instances, each rendered at
    `points` random points (shapes) or on a pixel grid whose side is `shrink` times
    smaller (pictures).
    """

    kind: str
    components: int
    clusters: int
    instances: int
    points: int | None
    shrink: int | None


class Fitted(NamedTuple):
    """Instances that a representation was fitted to without failing, of two parts.

    `vectors` `[N, K]`: free entries of the fits; `rows` `[N]`: indices of the instances
    in the data set; `heldout` `[N]`: False for the training part, True for the other;
    `first`: the common start, an adapter that also holds the frozen entries.
    """

    vectors: np.ndarray
    rows: np.ndarray
    heldout: np.ndarray
    first: dict


def fitted(
    folder: pathlib.Path,
    form: Representation,
    data: Data,
    *,
    beside: str,
    copies: bool = False,
) -> Fitted:
    """Reads the fits of two parts that `experiments.fit` wrote, but not failed ones.

    Args:
      folder: the run folder.
      form: the representation.
      data: the data set.
      beside: the part that is read beside the training part: "validation" to choose by,
        or "test" to judge by, which nothing that learns or chooses may read.
      copies: whether to include the augmented copies of training pictures.

    Raises:
      FileNotFoundError: if the representation has not been fitted yet.
    """
    place = folder / "fit" / form.name
    run_folder.need(place / "manifest.json", "fit")
    first = start(place, form)
    weights, instances = store.load(place, like=first)
    wanted = copies | data.originals
    wanted &= (data.part == split.TRAIN) | (data.part == split.PARTS.index(beside))
    rows = np.flatnonzero(store.done(instances) & wanted[: len(instances)])
    encode = jax.jit(jax.vmap(entries(form, first).encode))
    vectors = np.asarray(encode(tree.row(weights, rows)))
    return Fitted(vectors, rows, data.heldout[rows], first)


def some(fits: Fitted, kept: np.ndarray) -> Fitted:
    """The fits at `kept` `[n]`."""
    return fits._replace(
        vectors=fits.vectors[kept], rows=fits.rows[kept], heldout=fits.heldout[kept]
    )


def make(
    latent_options: Latent,
    form: Representation,
    fits: Fitted,
    data: Data,
    *,
    seed: int,
) -> dict[str, np.ndarray]:
    """Computes the encoding of the training instances; see the top of this file.

    Args:
      latent_options: which latent, and how many clusters.
      form: the representation.
      fits: the fitted instances; those held out are not used.
      data: the data set, for the points at which the Gram matrix is computed.
      seed: of k-means.

    Raises:
      ValueError: if there are too few training instances for the latent's components
        or for the clusters.
    """
    encoding = _latent(latent_options, form, fits, data)
    vectors = np.asarray(project(fits.vectors[~fits.heldout], encoding))
    encoding["spread"] = vectors.std(axis=0)
    g = latent_options.clusters
    return encoding | conditions.clusters(g, vectors, seed=seed)


def project(entries: np.ndarray, encoding: dict) -> jax.Array:
    """Encodes free entries `[N, K]` as vectors `[N, M]` for the denoiser."""
    return jax.jit(jax.vmap(latent.project, (0, None)))(entries, encoding)


def _latent(
    options: Latent, form: Representation, fits: Fitted, data: Data
) -> dict[str, np.ndarray]:
    train = fits.vectors[~fits.heldout]
    group = latent.groups(modelled(form))
    encoding = latent.statistics(train, group)
    if options.kind == "none":
        return encoding
    standard = (train - encoding["mean"]) / encoding["scale"]
    metric = None
    if options.kind == "function_pca":
        to_adapter = latent.codec(entries(form, fits.first), encoding).decode
        every = max(1, len(train) // options.instances)
        chosen = np.arange(0, len(train), every)
        rows = fits.rows[~fits.heldout][chosen]
        metric = latent.average_gram(
            lambda vector, points: renderer(form, points)(to_adapter(vector)),
            standard[chosen],
            data.domain.places(rows, options.points, options.shrink),
        )
    return encoding | latent.principal(standard, options.components, metric=metric)


def save(folder: pathlib.Path, encoding: dict[str, np.ndarray]) -> None:
    """Writes the encoding into `folder`, beside the checkpoints of the denoiser."""
    checkpoint.save(folder / "encoding", 0, encoding)


def restore(
    options: Latent, folder: pathlib.Path, form: Representation
) -> dict[str, jax.Array]:
    """Reads the encoding that `save` wrote into `folder`, as JAX arrays."""
    k = m = len(latent.groups(modelled(form)))
    shapes: dict[str, tuple[int, ...]] = {"mean": (k,), "scale": (k,)}
    if options.kind != "none":
        m = options.components
        shapes |= {"project": (k, m), "lift": (m, k)}
    shapes["spread"] = (m,)
    if g := options.clusters:
        shapes |= {"centres": (g, m), "shares": (g,)}
    like = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
    return jax.tree.map(jnp.asarray, checkpoint.restore(folder / "encoding", 0, like))


def codec(form: Representation, first: dict, encoding: dict[str, jax.Array]) -> Codec:
    """Codec between an adapter and the denoiser's vector `[M]`.

    `first`: an adapter from which `decode` takes the frozen entries.
    """
    return latent.codec(entries(form, first), encoding)
