"""The network of a generator, and the canvas of one that works in function space."""

import math
import pathlib
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from chex import ArrayTree
from flax import linen

from experiments.domain.data import Data
from experiments.domain.representation import Representation, entries, renderer
from experiments.generator import encoding
from experiments.generator.encoding import Fitted
from wsjax import checkpoint, fit, latent
from wsjax.diffusion.precondition import preconditioned
from wsjax.types import Process

__all__ = ["Denoiser", "Network", "network", "paint", "repaint"]

_MOST = 4  # Instances per number of the vector that the canvas is fitted to.


class Denoiser(NamedTuple):
    """Which network denoises.

    `build(form, classes, shape)` gives the module; with 0 classes it ignores labels.
    `shape` `(*size, C)` is that of the grid that all instances share; `grid`: whether
    the module takes values on this grid and not vectors; `precondition`: whether it
    learns what the best linear denoiser misses.
    """

    build: Callable[[Representation, int, tuple[int, ...]], linen.Module]
    grid: bool
    precondition: bool


class Network(NamedTuple):
    """A denoiser as functions of its parameters, for one vector.

    `init(key) -> params`; `apply(params, noisy [M], t [], label [], key) -> [M]`, where
    a `key` of None turns dropout off.
    """

    init: Callable[[jax.Array], ArrayTree]
    apply: Callable[..., jax.Array]


def network(
    denoiser: Denoiser,
    process: Process,
    folder: pathlib.Path,
    form: Representation,
    data: Data,
    code: dict[str, jax.Array],
    *,
    classes: int,
) -> Network:
    """Builds the network of a generator.

    Args:
      denoiser: which one.
      process: that it is trained with.
      folder: of the generator; for a network on the grid `paint` put a canvas there.
      form: the representation.
      data: the data set, for the shape of the grid.
      code: the encoding.
      classes: of its labels; 0: it ignores them.
    """
    module = denoiser.build(form, classes, data.shape)
    apply, inputs = _applied(module), (size := latent.size(code))
    if denoiser.grid:
        inputs = math.prod(data.shape)
        apply = _on_canvas(apply, _restored(folder, size, inputs))
    if denoiser.precondition:
        apply = preconditioned(process, apply, code["spread"])
    given = jnp.zeros(inputs), jnp.zeros(()), jnp.asarray(-1)
    return Network(lambda key: module.init(key, *given, train=False), apply)


def _applied(module: linen.Module) -> Callable[..., jax.Array]:
    def apply(params, noisy, t, label, key):
        if key is None:
            return module.apply(params, noisy, t, label, train=False)
        return module.apply(params, noisy, t, label, train=True, rngs={"dropout": key})

    return apply


def _on_canvas(apply: Callable, canvas: dict) -> Callable[..., jax.Array]:
    def through(params, noisy, t, label, key):
        return apply(params, noisy @ canvas["lift"], t, label, key) @ canvas["lower"]

    return through


def paint(
    folder: pathlib.Path,
    form: Representation,
    fits: Fitted,
    data: Data,
    code: dict[str, np.ndarray],
) -> None:
    """Writes the canvas of a generator: what vectors show, as a linear map.

    It is fitted to training fits, rendered on the grid, of which enough are spread over
    all.

    Args:
      folder: of the generator.
      form: the representation.
      fits: the fitted instances; those held out are not used.
      data: the data set.
      code: the encoding.
    """
    train = fits.vectors[~fits.heldout]
    every = max(1, len(train) // (_MOST * latent.size(code)))
    chosen = train[::every]
    decode, render = entries(form, fits.first).decode, renderer(form, data.grid)
    shown = fit.over_instances(lambda _, row: render(decode(row)), chunk=4)
    values = np.asarray(shown((), chosen)).reshape(len(chosen), -1)
    vectors = np.asarray(encoding.project(chosen, code))
    checkpoint.save(folder / "canvas", 0, latent.canvas(vectors, values))


def repaint(source: pathlib.Path, folder: pathlib.Path, data: Data, size: int) -> None:
    """Copies the canvas of the generator in `source` to the one in `folder`."""
    found = _restored(source, size, math.prod(data.shape))
    checkpoint.save(folder / "canvas", 0, jax.tree.map(np.asarray, found))


def _restored(folder: pathlib.Path, size: int, values: int) -> dict[str, jax.Array]:
    shapes = {"lift": (size, values), "lower": (values, size)}
    like = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
    return jax.tree.map(jnp.asarray, checkpoint.restore(folder / "canvas", 0, like))
