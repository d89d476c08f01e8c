"""Trained generators: records that describe them, and functions that draw samples."""

import pathlib
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from chex import ArrayTree

from experiments.domain.data import Data
from experiments.domain.representation import Representation, start
from experiments.generator import conditions, encoding
from experiments.generator.encoding import Latent
from experiments.generator.network import Denoiser, network
from experiments.running import run_folder
from wsjax import checkpoint, latent
from wsjax.diffusion import SAMPLERS, guided, noised
from wsjax.fit.instance import finite
from wsjax.types import Codec, Process, Sampler

__all__ = [
    "Generator",
    "Sampling",
    "Trained",
    "drawer",
    "ender",
    "load",
    "sampler",
]


class Sampling(NamedTuple):
    """How samples are drawn; every field is a key of a recipe's `sample`.

    `n`: number of samples; `sampler`: a key of `SAMPLERS`; `steps` of the sampler, with
    times spaced by `spacing`; `chunk`: samples drawn at once; `label`: class of all
    samples, None for classes as frequent as in the training data; `guidance`: weight of
    classifier-free guidance, applied at times in `interval`, 1 for none; `near`: name
    of a fitted instance that is noised to the time `strength` and denoised again, None
    to start from noise.
    """

    n: int
    sampler: str
    steps: int
    spacing: str
    chunk: int
    label: int | None
    guidance: float
    interval: tuple[float, float]
    near: str | None
    strength: float


class Generator(NamedTuple):
    """A generator as a recipe describes it, trained or not.

    `key`: "ours", or the key of a rival in the recipe's `generators`; `name` of its
    folders; `process` that adds noise; `denoiser`: its network; `latent`: in which
    vectors are noised; `conditional`: whether it is conditioned on the class;
    `sampling`: how samples are drawn; `seed` of the run.
    """

    key: str
    name: str
    process: Process
    denoiser: Denoiser
    latent: Latent
    conditional: bool
    sampling: Sampling
    seed: int


class Trained(NamedTuple):
    """A trained denoiser and all that sampling from it needs.

    `params` of `apply(params, noisy, t, label, key)`; `process` that it was trained
    with; `codec` between adapters and its vectors of `size` numbers; `shares` `[G]`:
    fraction of the training instances that has each label, empty if it is
    unconditional; `centres` `[G, size]` of the clusters, None if labels are no
    clusters.
    """

    params: ArrayTree
    apply: Callable[..., jax.Array]
    process: Process
    codec: Codec
    size: int
    shares: np.ndarray
    centres: jax.Array | None


def load(
    generator: Generator, root: pathlib.Path, form: Representation, data: Data
) -> Trained:
    """Reads the chosen parameters and the encoding of a trained generator.

    Args:
      generator: which one.
      root: the run folder.
      form: the representation of the weights that it generates.
      data: the data set that it was trained on.

    Raises:
      FileNotFoundError: if it has not been trained yet.
    """
    folder = root / "diffusion" / generator.name
    run_folder.need(folder / "chosen", "train_diffusion")
    code = encoding.restore(generator.latent, folder, form)
    first = start(root / "fit" / form.name, form)
    size = latent.size(code)
    shares = conditions.shares(generator.conditional, data, code)
    own = generator.denoiser, generator.process
    built = network(*own, folder, form, data, code, classes=len(shares))
    like = jax.jit(built.init)(jax.random.key(0))
    return Trained(
        checkpoint.restore(folder / "chosen", 0, like),
        built.apply,
        generator.process,
        encoding.codec(form, first, code),
        size,
        shares,
        code.get("centres"),
    )


def sampler(sampling: Sampling, process: Process, *, begin: float = 1.0) -> Sampler:
    """Builds the sampler that `sampling` names.

    Args:
      sampling: of which `sampler`, `steps` and `spacing` are read.
      process: the noise process of the denoiser.
      begin: time in (0, 1] from which it samples down to 0.

    Raises:
      ValueError: if there is no such sampler or spacing, there are no steps, or `begin`
        is out of range.
    """
    if sampling.sampler not in SAMPLERS:
        raise ValueError(
            f"sample.sampler={sampling.sampler!r}; choose one of {sorted(SAMPLERS)}"
        )
    try:
        return SAMPLERS[sampling.sampler](
            process, steps=sampling.steps, begin=begin, spacing=sampling.spacing
        )
    except ValueError as error:
        raise ValueError(f"in sample: {error}") from None


def drawer(
    trained: Trained,
    sampler: Sampler,
    *,
    weight: float = 1.0,
    interval: tuple[float, float] = (0.0, 1.0),
    near: tuple[jax.Array, float] | None = None,
) -> Callable:
    """Builds `draw(params, key, label []) -> (adapter, finite [])`.

    `finite` says whether all weights of the adapter are finite.

    Args:
      trained: the generator; `draw` takes its `params`.
      sampler: of `sampler`, with the time of `near` as `begin`.
      weight: of guidance; 1 for none.
      interval: first and last time at which guidance is applied.
      near: `(vector [M], t)`: an encoded instance, and the time to which noise is added
        to it before sampling begins; None starts from pure noise.
    """

    end = ender(trained, sampler, weight=weight, interval=interval)

    def draw(params, key, label):
        if near is None:
            start = jax.random.normal(key, (trained.size,))
        else:
            start = noised(key, trained.process, near[0], t=near[1])
        adapter = trained.codec.decode(end(params, start, label))
        return adapter, finite(adapter)

    return draw


def ender(
    trained: Trained, sampler: Sampler, *, weight: float, interval: tuple[float, float]
) -> Callable:
    """Builds `end(params, start [M], label []) -> vector [M]`.

    `end` follows the sampler from `start`, noise or a noised instance, to its end, a
    vector that `trained.codec` decodes. Arguments as for `drawer`.
    """

    def end(params, start, label):
        def known(noisy, t):
            return trained.apply(params, noisy, t, label, None)

        def unknown(noisy, t):
            return trained.apply(params, noisy, t, jnp.full_like(label, -1), None)

        low, high = interval
        pushed = guided(known, unknown, weight=weight, low=low, high=high)
        return sampler(known if weight == 1.0 else pushed, start)

    return end
