"""A trained generator, read from its folder and ready to draw from."""

import pathlib
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from chex import ArrayTree
from ml_collections import ConfigDict

from experiments import conditions, encoding, generators, parts
from wsjax import checkpoint, latent
from wsjax.diffusion import SAMPLERS, guided, noised
from wsjax.fit.instance import finite
from wsjax.types import Codec, Process, Sampler


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
    config: ConfigDict, root: pathlib.Path, form: parts.Representation, data
) -> Trained:
    """Reads the recipe's generator.

    Raises:
      FileNotFoundError: if it was not trained yet.
      ValueError: if it is no such generator.
    """
    folder = root / "diffusion" / generators.folder(config)
    parts.need(folder / "chosen", "train_diffusion")
    code = encoding.restore(config, folder, form)
    first = parts.start(root / "fit" / form.name, form)
    size, shares = latent.size(code), conditions.shares(config, data, code)
    module, apply = parts.denoiser(config, form, len(shares))
    like = jax.jit(module.init, static_argnames="train")(
        jax.random.key(0), jnp.zeros(size), jnp.zeros(()), jnp.asarray(-1), train=False
    )
    return Trained(
        checkpoint.restore(folder / "chosen", 0, like),
        apply,
        parts.process(config),
        encoding.codec(form, first, code),
        size,
        shares,
        code.get("centres"),
    )


def sampler(config: ConfigDict, process: Process, *, begin: float = 1.0) -> Sampler:
    """The recipe's sampler from a time on.

    Raises:
      ValueError: if the recipe names no sampler or no spacing, or has no steps.
    """
    options = config.sample
    if options.sampler not in SAMPLERS:
        raise ValueError(
            f"sample.sampler={options.sampler!r}; choose one of {sorted(SAMPLERS)}"
        )
    try:
        return SAMPLERS[options.sampler](
            process, steps=options.steps, begin=begin, spacing=options.spacing
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
