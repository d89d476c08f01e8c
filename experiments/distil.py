"""A generator that learns from another one: few calls in place of many.

Rectified flow (Liu et al. 2023, section 2.2): noise is mixed with what a trained
generator makes of this very noise. The paths of such pairs do not cross, so that the
flow learnt from them is nearly straight, and a few calls follow it.
"""

import pathlib
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from chex import ArrayTree
from ml_collections import ConfigDict

from experiments import conditions, encoding, generators, parts, processes, trained
from wsjax import fit
from wsjax.diffusion.train import Examples

_HELDOUT = 10  # One pair in so many is kept to judge by.


class Lesson(NamedTuple):
    """What a denoiser is trained on, and from.

    `apply(params, noisy, t, label, key)`; `params`: initial ones; `examples` and which
    of them are `heldout` `[N]`.
    """

    apply: Callable
    params: ArrayTree
    examples: Examples
    heldout: np.ndarray


def lesson(
    recipe: ConfigDict, root: pathlib.Path, folder: pathlib.Path, form, data
) -> Lesson:
    """Pairs of the recipe's teacher, which the parameters start from as well.

    Args:
      recipe: with `generator` the one that learns.
      root: the run folder.
      folder: of the one that learns; its encoding, the teacher's, is written there.
      form: the representation of both.
      data: the data set.

    Raises:
      ValueError: if the recipe has no such teacher, or one of another representation,
        latent or denoiser.
      FileNotFoundError: if the teacher was not trained yet.
    """
    config = generators.chosen(recipe)
    teacher = _teacher(recipe, config.diffusion.teacher)
    _check(config, teacher)
    place = root / "diffusion" / generators.folder(teacher)
    if not (place / "chosen").exists():
        raise FileNotFoundError(
            f"diffusion.teacher={teacher.generator!r} has no {place}/chosen yet; run "
            "`python -m experiments.train_diffusion` with "
            f"--config.generator={teacher.generator} first"
        )
    known = trained.load(teacher, root, form, data)
    code = encoding.restore(teacher, place, form)
    if processes.first():
        encoding.save(folder, jax.tree.map(np.asarray, code))
    _, apply = parts.denoiser(config, form, len(known.shares))
    examples = _pairs(config, teacher, known)
    heldout = np.arange(len(examples.vectors)) % _HELDOUT == 0
    return Lesson(apply, known.params, examples, heldout)


def _teacher(recipe: ConfigDict, name: str) -> ConfigDict:
    """The recipe of the one that teaches."""
    teacher = recipe.copy_and_resolve_references()
    teacher.generator = name
    try:
        return generators.chosen(teacher)
    except ValueError as error:
        raise ValueError(f"in diffusion.teacher: {error}") from None


def _check(config: ConfigDict, teacher: ConfigDict) -> None:
    """Both are one network on one latent, and the teacher is another."""
    name = config.diffusion.teacher
    if teacher.generator == config.generator:
        raise ValueError(f"generator={name!r} cannot teach itself; name another one")
    for section, key in [
        ("adapter", "name"),
        ("diffusion", "denoiser"),
        ("diffusion", "latent"),
        ("diffusion", "conditional"),
        ("diffusion", "clusters"),
    ]:
        ours, theirs = config[section][key], teacher[section][key]
        if ours != theirs:
            raise ValueError(
                f"diffusion.teacher={name!r} has {section}.{key}={theirs!r}, the one "
                f"that learns from it {ours!r}; give both the same"
            )


def _pairs(config: ConfigDict, teacher: ConfigDict, known: trained.Trained):
    """Noise, and what the teacher's own way of sampling makes of it."""
    options, n = teacher.sample, config.diffusion.pairs
    end = trained.ender(
        known,
        trained.sampler(teacher, known.process),
        weight=options.guidance,
        interval=tuple(options.interval),
    )
    many = fit.over_instances(end, chunk=options.chunk, group=8 * options.chunk)
    noise = jax.random.normal(parts.keys(config)["pairs"], (n, known.size), jnp.float32)
    labels = conditions.spread(known.shares, n, seed=config.seed)
    noise = np.asarray(noise)
    return Examples(many(known.params, noise, labels), labels, noise)
