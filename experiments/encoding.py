"""How fitted weights become what the denoiser sees; saved with the checkpoint."""

import pathlib
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from experiments import conditions, dataset, parts
from wsjax import checkpoint, coords, latent, store, tree
from wsjax.types import Codec

LATENTS = ("none", "pca", "function_pca")


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
    form: parts.Representation,
    data: dataset.Data,
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
    parts.need(place / "manifest.json", "fit")
    first = parts.start(place, form)
    weights, instances = store.load(place, like=first)
    wanted = copies | data.originals[: len(instances)]
    rows = np.flatnonzero(store.done(instances) & wanted)
    encode = jax.jit(jax.vmap(parts.entries(form, first).encode))
    vectors = np.asarray(encode(tree.row(weights, rows)))
    return Fitted(vectors, rows, data.heldout[rows], first)


def make(
    config: ConfigDict, form: parts.Representation, fits: Fitted, data: dataset.Data
) -> dict[str, np.ndarray]:
    """Statistics, latent and clusters of the training instances (`wsjax.latent`)."""
    encoding = _latent(config, form, fits, data)
    vectors = project(fits.vectors[~fits.heldout], encoding)
    return encoding | conditions.clusters(config, np.asarray(vectors))


def project(entries: np.ndarray, encoding: dict) -> jax.Array:
    """Free entries `[N, K]` of instances as the denoiser's vectors `[N, M]`."""
    return jax.jit(jax.vmap(latent.project, (0, None)))(entries, encoding)


def _latent(
    config: ConfigDict, form: parts.Representation, fits: Fitted, data: dataset.Data
) -> dict[str, np.ndarray]:
    kind = config.diffusion.latent
    if kind not in LATENTS:
        raise ValueError(f"diffusion.latent={kind!r}; choose one of {LATENTS}")
    train = fits.vectors[~fits.heldout]
    group = latent.groups(form.adapter.free(form.base))
    encoding = latent.statistics(train, group)
    if kind == "none":
        return encoding
    standard = (train - encoding["mean"]) / encoding["scale"]
    metric = None
    if kind == "function_pca":
        to_adapter = latent.codec(parts.entries(form, fits.first), encoding).decode
        every = max(1, len(train) // config.diffusion.gram.instances)
        chosen = np.arange(0, len(train), every)
        metric = latent.average_gram(
            lambda vector, points: parts.renderer(form, points)(to_adapter(vector)),
            standard[chosen],
            _places(config, data, fits.rows[~fits.heldout][chosen]),
        )
    return encoding | latent.principal(
        standard, config.diffusion.components, metric=metric
    )


def _places(config: ConfigDict, data: dataset.Data, rows: np.ndarray) -> np.ndarray:
    """Points `[n, P, D]` at which the decoder's Gram matrix is measured."""
    gram = config.diffusion.gram
    if data.shapes is not None:
        return data.signals(rows)[0][:, : gram.points]
    grid = np.asarray(coords.grid(tuple(side // gram.shrink for side in data.size)))
    return np.broadcast_to(grid, (len(rows), *grid.shape))


def save(folder: pathlib.Path, encoding: dict[str, np.ndarray]) -> None:
    """Writes the encoding beside the checkpoints of the denoiser."""
    checkpoint.save(folder / "encoding", 0, encoding)


def restore(
    config: ConfigDict, folder: pathlib.Path, form: parts.Representation
) -> dict[str, jax.Array]:
    """Reads the encoding that belongs to a trained denoiser."""
    k = m = len(latent.groups(form.adapter.free(form.base)))
    shapes = {"mean": (k,), "scale": (k,)}
    if config.diffusion.latent != "none":
        m = config.diffusion.components
        shapes |= {"project": (k, m), "lift": (m, k)}
    if g := config.diffusion.clusters:
        shapes |= {"centres": (g, m), "shares": (g,)}
    like = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
    return jax.tree.map(jnp.asarray, checkpoint.restore(folder / "encoding", 0, like))


def codec(
    form: parts.Representation, first: dict, encoding: dict[str, jax.Array]
) -> Codec:
    """From an adapter to the denoiser's vector and back."""
    return latent.codec(parts.entries(form, first), encoding)
