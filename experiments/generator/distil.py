"""A generator that learns from another one: few calls in place of many.

Rectified flow (Liu et al. 2023, section 2.2): noise is mixed with what a trained
generator makes of this very noise. The paths of such pairs do not cross, so that the
flow learnt from them is nearly straight, and a few calls follow it.
"""

import pathlib
from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np
from chex import ArrayTree

from experiments.domain.data import Data
from experiments.domain.representation import Representation
from experiments.generator import conditions, encoding, trained
from experiments.generator.trained import Generator, Trained
from experiments.running.keys import keys
from wsjax import fit
from wsjax.diffusion.train import Examples

__all__ = ["Lesson", "lesson"]

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
    learner: Generator,
    teacher: Generator,
    root: pathlib.Path,
    folder: pathlib.Path,
    form: Representation,
    data: Data,
    *,
    pairs: int,
) -> Lesson:
    """Pairs of noise and sample, and the parameters that the learner starts from.

    Args:
      learner: the generator that learns.
      teacher: the trained generator that it learns from.
      root: the run folder.
      folder: of the one that learns; its encoding, the teacher's, is written there.
      form: the representation of both.
      data: the data set.
      pairs: how many are made.

    Raises:
      FileNotFoundError: if the teacher was not trained yet.
    """
    place = root / "diffusion" / teacher.name
    if not (place / "chosen").exists():
        raise FileNotFoundError(
            f"diffusion.teacher: {teacher.name!r} has no {place}/chosen yet; run "
            "`python -m experiments.train_diffusion` with "
            f"--config.generator={teacher.key} first"
        )
    known = trained.load(teacher, root, form, data)
    code = encoding.restore(teacher.latent, place, form)
    # All processes enter: a checkpoint is written by them together.
    encoding.save(folder, jax.tree.map(np.asarray, code))
    apply = trained.applied(learner.denoiser(form, len(known.shares)))
    examples = _pairs(teacher, known, pairs)
    heldout = np.arange(len(examples.vectors)) % _HELDOUT == 0
    return Lesson(apply, known.params, examples, heldout)


def _pairs(teacher: Generator, known: Trained, n: int) -> Examples:
    """Noise, and what the teacher's own way of sampling makes of it."""
    options = teacher.sampling
    end = trained.ender(
        known,
        trained.sampler(options, known.process),
        weight=options.guidance,
        interval=tuple(options.interval),
    )
    many = fit.over_instances(end, chunk=options.chunk, group=8 * options.chunk)
    run_keys = keys(teacher.seed)
    noise = jax.random.normal(run_keys["pairs"], (n, known.size), jax.numpy.float32)
    labels = conditions.spread(known.shares, n, seed=teacher.seed)
    noise = np.asarray(noise)
    return Examples(many(known.params, noise, labels), labels, noise)
