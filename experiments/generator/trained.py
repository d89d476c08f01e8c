"""A trained generator, read from its folder and ready to draw from."""

import pathlib
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from chex import ArrayTree
from flax import linen

from experiments.domain.data import Data
from experiments.domain.representation import Representation, start
from experiments.generator import conditions, encoding
from experiments.generator.encoding import Latent
from experiments.running import run_folder
from wsjax import checkpoint, latent
from wsjax.diffusion import SAMPLERS, guided, noised
from wsjax.fit.instance import finite
from wsjax.types import Codec, Process, Sampler

__all__ = [
    "Denoiser",
    "Generator",
    "Sampling",
    "Trained",
    "applied",
    "drawer",
    "ender",
    "load",
    "sampler",
]

Denoiser: TypeAlias = Callable[[Representation, int], linen.Module]
"""`denoiser(form, classes)` builds the network; 0 classes: it ignores labels."""


class Sampling(NamedTuple):
    """How samples are drawn; every field is a key of a recipe's `sample`.

    `n` samples by `sampler` in `steps` whose times are spaced by `spacing`, `chunk` at
    once; the weight of `guidance` holds at times in `interval`; all are of the class
    `label`, or resemble the fitted instance `near` from the time `strength` on.
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

    `key`: "ours", or that of a rival in the recipe; `name` of its folders; `process`
    that adds noise; `denoiser`: its network; `latent`: what that sees of an instance;
    `conditional`: whether it is told the class; `sampling`: how it draws; `seed` of the
    run.
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
    """A denoiser with what belongs to it.

    `params` of `apply(params, noisy, t, label, key)`; `process` that it was trained on;
    `codec` between adapters and its vectors of `size` numbers; `shares` `[G]` of the
    training instances of which it was told each label; `centres` `[G, size]` if these
    are clusters.
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
    """Reads a generator that was trained before.

    Raises:
      FileNotFoundError: if it was not trained yet.
    """
    folder = root / "diffusion" / generator.name
    run_folder.need(folder / "chosen", "train_diffusion")
    code = encoding.restore(generator.latent, folder, form)
    first = start(root / "fit" / form.name, form)
    size = latent.size(code)
    shares = conditions.shares(generator.conditional, data, code)
    module = generator.denoiser(form, len(shares))
    like = jax.jit(module.init, static_argnames="train")(
        jax.random.key(0), jnp.zeros(size), jnp.zeros(()), jnp.asarray(-1), train=False
    )
    return Trained(
        checkpoint.restore(folder / "chosen", 0, like),
        applied(module),
        generator.process,
        encoding.codec(form, first, code),
        size,
        shares,
        code.get("centres"),
    )


def applied(module: linen.Module) -> Callable[..., jax.Array]:
    """`apply(params, noisy, t, label, key)` of a denoiser; `key` None: no dropout."""

    def apply(params, noisy, t, label, key):
        if key is None:
            return module.apply(params, noisy, t, label, train=False)
        return module.apply(params, noisy, t, label, train=True, rngs={"dropout": key})

    return apply


def sampler(sampling: Sampling, process: Process, *, begin: float = 1.0) -> Sampler:
    """The sampler of this name, from the time `begin` on.

    Raises:
      ValueError: if there is no such sampler or spacing, or it has no steps.
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
    """`draw(params, key, label []) -> (adapter, whether it is finite)`.

    Args:
      trained: whose parameters are `params`.
      sampler: from noise, or from the time of `near`.
      weight: of guidance.
      interval: times of guidance.
      near: an encoded instance and the time at which the sampler takes over.
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
    """`end(params, start [M], label []) -> vector [M]`; arguments as of `drawer`."""

    def end(params, start, label):
        def known(noisy, t):
            return trained.apply(params, noisy, t, label, None)

        def unknown(noisy, t):
            return trained.apply(params, noisy, t, jnp.full_like(label, -1), None)

        low, high = interval
        pushed = guided(known, unknown, weight=weight, low=low, high=high)
        return sampler(known if weight == 1.0 else pushed, start)

    return end
