"""How fitted weights become what the denoiser sees; saved with the checkpoint."""

import pathlib
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments.domain.data import Data
from experiments.domain.representation import (
    Representation,
    entries,
    renderer,
    start,
)
from experiments.generator import conditions
from experiments.running import run_folder
from wsjax import checkpoint, latent, store, tree
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
]

LATENTS = ("none", "pca", "function_pca")


class Latent(NamedTuple):
    """What the denoiser sees of an instance.

    `kind`: one of `LATENTS`; `components`: numbers in the latent; `clusters`: of
    k-means in it, 0: none; the decoder's Gram matrix is averaged over `instances`, at
    `points` of a shape or on the grid of a picture that is `shrink` times smaller.
    """

    kind: str
    components: int
    clusters: int
    instances: int
    points: int | None
    shrink: int | None


class Fitted(NamedTuple):
    """The fitted instances of a representation, failed ones left out.

    `vectors` `[N, K]` free entries; `rows` `[N]` their numbers in the data set;
    `heldout` `[N]`; `first`: the start that all share.
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
    copies: bool = False,
) -> Fitted:
    """Reads what `fit` wrote for every instance that did not fail.

    Args:
      folder: the run folder.
      form: the representation.
      data: the data set.
      copies: whether the changed copies of training pictures are among them.
    """
    place = folder / "fit" / form.name
    run_folder.need(place / "manifest.json", "fit")
    first = start(place, form)
    weights, instances = store.load(place, like=first)
    wanted = copies | data.originals[: len(instances)]
    rows = np.flatnonzero(store.done(instances) & wanted)
    encode = jax.jit(jax.vmap(entries(form, first).encode))
    vectors = np.asarray(encode(tree.row(weights, rows)))
    return Fitted(vectors, rows, data.heldout[rows], first)


def make(
    latent_options: Latent,
    form: Representation,
    fits: Fitted,
    data: Data,
    *,
    seed: int,
) -> dict[str, np.ndarray]:
    """Statistics, latent and clusters of the training instances (`wsjax.latent`)."""
    encoding = _latent(latent_options, form, fits, data)
    vectors = np.asarray(project(fits.vectors[~fits.heldout], encoding))
    g = latent_options.clusters
    return encoding | conditions.clusters(g, vectors, seed=seed)


def project(entries: np.ndarray, encoding: dict) -> jax.Array:
    """Free entries `[N, K]` of instances as the denoiser's vectors `[N, M]`."""
    return jax.jit(jax.vmap(latent.project, (0, None)))(entries, encoding)


def _latent(
    options: Latent, form: Representation, fits: Fitted, data: Data
) -> dict[str, np.ndarray]:
    train = fits.vectors[~fits.heldout]
    group = latent.groups(form.adapter.free(form.base))
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
    """Writes the encoding beside the checkpoints of the denoiser."""
    checkpoint.save(folder / "encoding", 0, encoding)


def restore(
    options: Latent, folder: pathlib.Path, form: Representation
) -> dict[str, jax.Array]:
    """Reads the encoding that belongs to a trained denoiser."""
    k = m = len(latent.groups(form.adapter.free(form.base)))
    shapes: dict[str, tuple[int, ...]] = {"mean": (k,), "scale": (k,)}
    if options.kind != "none":
        m = options.components
        shapes |= {"project": (k, m), "lift": (m, k)}
    if g := options.clusters:
        shapes |= {"centres": (g, m), "shares": (g,)}
    like = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
    return jax.tree.map(jnp.asarray, checkpoint.restore(folder / "encoding", 0, like))


def codec(form: Representation, first: dict, encoding: dict[str, jax.Array]) -> Codec:
    """From an adapter to the denoiser's vector and back."""
    return latent.codec(entries(form, first), encoding)
