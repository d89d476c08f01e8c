"""Distils a trained generator into one that needs few calls of its denoiser.

Reflow (Liu et al. 2023, section 2.2): the student is trained on pairs of a noise vector
and the sample that the trained generator makes from it. The straight lines between such
pairs hardly cross, so the student's flow is nearly straight, and a sampler follows it
in a few steps.
"""

import pathlib
from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np
from chex import ArrayTree

from experiments.domain.data import Data
from experiments.domain.representation import Representation
from experiments.generator import conditions, encoding, network, trained
from experiments.generator.trained import Generator, Trained
from experiments.running.keys import keys
from wsjax import fit
from wsjax.diffusion.train import Examples

__all__ = ["Lesson", "lesson"]

_HELDOUT = 10  # Every 10th pair is for validation.


class Lesson(NamedTuple):
    """What the training of a denoiser starts with.

    `apply(params, noisy, t, label, key)` is the denoiser and `params` its initial
    parameters; `examples` are the N training and validation examples, and `heldout`
    `[N]` says which of them are for validation.
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
    """Draws pairs of noise and sample from a teacher, and starts from its parameters.

    Args:
      learner: the generator to train.
      teacher: the trained generator that draws the pairs.
      root: the run folder.
      folder: of the learner; the teacher's encoding is copied there.
      form: the representation, the same for both.
      data: the data set.
      pairs: number of pairs to draw.

    Returns:
      The learner's denoiser with the teacher's parameters, and the pairs, of which
      every 10th is held out.

    Raises:
      FileNotFoundError: if the teacher has not been trained yet.
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
    # Every process must call this: Orbax saves a checkpoint collectively.
    encoding.save(folder, jax.tree.map(np.asarray, code))
    if learner.denoiser.grid:
        network.repaint(place, folder, data, known.size)
    own, count = (learner.denoiser, learner.process), len(known.shares)
    built = network.network(*own, folder, form, data, code, classes=count)
    examples = _pairs(teacher, known, pairs)
    heldout = np.arange(len(examples.vectors)) % _HELDOUT == 0
    return Lesson(built.apply, known.params, examples, heldout)


def _pairs(teacher: Generator, known: Trained, n: int) -> Examples:
    """`n` noise vectors, each with the sample that the teacher makes from it."""
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
    labels = conditions.drawn(known.shares, n, seed=teacher.seed)
    noise = np.asarray(noise)
    return Examples(many(known.params, noise, labels), labels, noise)
