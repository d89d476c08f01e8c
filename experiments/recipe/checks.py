"""Refuses recipes that cannot work with their data, before anything is written."""

import numpy as np
from ml_collections import ConfigDict

from experiments.domain.data import Data
from experiments.fitting.checks import BaseOptions, check_base, check_rehearsal
from experiments.generator import conditions, request, trained
from experiments.generator.trained import Generator
from experiments.judging import spaces
from experiments.recipe import ranges
from experiments.recipe.evaluation import judging_of
from experiments.recipe.fits import rehearsal_of
from experiments.recipe.generator import chosen, generator_of
from experiments.recipe.representation import family_of, needs_base

__all__ = ["check"]


def check(config: ConfigDict, data: Data, *, denoiser: bool = True) -> None:
    """Refuses a recipe that would otherwise fail after its base and fits are made.

    Args:
      config: the recipe.
      data: the data set that it names.
      denoiser: whether a denoiser is to be trained; if so, there must be enough
        training instances for its latent.

    Raises:
      ValueError: naming the key, what was expected and found, and the way out.
    """
    ranges.check(config)
    _check_base(config, data)
    own = chosen(config)
    generator = generator_of(own)
    spaces.check(judging_of(own), data.shape)
    _check_lists(own)
    trained.sampler(generator.sampling, generator.process)
    _check_classes(generator, data)
    if denoiser:
        _check_latent(generator, _training(config, data))
    if generator.latent.clusters:
        shares = np.ones(generator.latent.clusters)
    else:
        shares = conditions.shares(generator.conditional, data, {})
    request.check(generator, shares)


def _check_base(config: ConfigDict, data: Data) -> None:
    if family_of(config, data.shape) is None and needs_base(config):
        check_base(BaseOptions(*(config.base[k] for k in BaseOptions._fields)))
        check_rehearsal(rehearsal_of(config), int((~data.heldout).sum()))


def _training(config: ConfigDict, data: Data) -> int:
    """Number of training instances that `fit` will be run on."""
    return int((~data.heldout[: config.fit.n]).sum())


def _check_lists(config: ConfigDict) -> None:
    """Checks the lengths of tuples."""
    found = tuple(config.sample.interval)
    if len(found) != 2:
        raise ValueError(
            f"sample.interval={found} should be two times, "
            "--config.sample.interval='(0.0, 1.0)' for all"
        )
    if not config.diffusion.decays:
        raise ValueError(
            "--config.diffusion.decays=(): expected at least one number, such as "
            "(0.99, 0.998)"
        )
    if not (config.evaluate.features or config.evaluate.onnx):
        raise ValueError(
            "--config.evaluate.features=(): expected at least one feature space, "
            "such as ('pixel_pca',)"
        )


def _check_classes(generator: Generator, data: Data) -> None:
    if not generator.conditional or data.labels is None:
        return
    seen = np.unique(data.labels[~data.heldout]).tolist()
    if len(seen) < 2:
        raise ValueError(
            "diffusion.conditional=True needs training instances of two classes or "
            f"more, found only {seen}; use --config.diffusion.conditional=False"
        )


def _check_latent(generator: Generator, n: int) -> None:
    """Checks that `n` training instances are enough for the latent and its clusters."""
    latent = generator.latent
    if n < 2:
        raise ValueError(
            f"a denoiser needs two training instances or more, found {n}; add data, or "
            "raise --config.fit.n"
        )
    if latent.kind != "none" and not 0 < latent.components < n:
        raise ValueError(
            f"diffusion.components={latent.components} should be 1 or more and below "
            f"the number of training instances, found {n} of these; use "
            f"--config.diffusion.components={n - 1} or fewer, or add data"
        )
    if not 0 <= latent.clusters <= n:
        raise ValueError(
            f"diffusion.clusters={latent.clusters} should be 0, or up to the {n} "
            "training instances; use --config.diffusion.clusters=0"
        )
