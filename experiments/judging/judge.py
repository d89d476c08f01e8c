"""The judge: the real instances that samples of any generator are compared with."""

import functools
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import jax
import numpy as np
from chex import ArrayTree

from experiments.domain.data import Data
from experiments.domain.representation import Representation, entries
from experiments.generator.encoding import Fitted
from experiments.judging import parts, spaces
from experiments.judging.spaces import Judging
from wsjax.metrics import excess, features, generation
from wsjax.types import Codec

__all__ = [
    "Judge",
    "briefly",
    "first_feature",
    "flat",
    "make",
    "nearest",
    "of_fits",
    "of_some",
    "read",
    "sides",
]

_BLOCK = 1024  # Training instances whose values are in memory at once.


class Judge(NamedTuple):
    """All about the real instances that does not depend on the samples to be judged.

    `real` `[N, *size, C]`: values of the N fitted instances on the grid; `rebuilt`
    `[N, *size, C]`: the same, rendered from the fit after encoding and decoding;
    `taught`: reads the values of all training instances, augmented copies included, as
    blocks of rows; `vectors` `[N, M]`: encoded weights; `heldout` `[N]` booleans;
    `part`: name of the part that is held out, which figures against it end in;
    `features`: feature function by name; `seen`: by the same names, the features
    `[N, F]` of `real` and of `rebuilt`; `reader`: a classifier trained on the training
    part, None unless that has two classes; `known`: metrics of the held-out instances
    themselves, as floors; `whole`: says which values show anything, see `Domain`.
    """

    real: np.ndarray
    rebuilt: np.ndarray
    taught: Callable[[], Iterator[np.ndarray]]
    vectors: np.ndarray
    heldout: np.ndarray
    part: str
    features: dict
    seen: dict
    reader: features.Classifier | None
    known: dict[str, float]
    whole: Callable[[np.ndarray], np.ndarray]


def make(
    judging: Judging,
    data: Data,
    rows: np.ndarray,
    heldout: np.ndarray,
    vectors: np.ndarray,
    rebuilt: np.ndarray,
    *,
    part: str,
    lesson: np.ndarray,
    n: int,
) -> Judge:
    """Builds the judge of samples of any generator.

    Feature spaces must not learn from what is compared in them, nor from what
    generators have learnt from: along axes that training instances vary most on, all
    that is near to these varies too much.

    Args:
      judging: the settings.
      data: the data set.
      rows: `[N]` indices of the fitted instances in the data set.
      heldout: `[N]` booleans: which of them are held out.
      vectors: `[N, M]` their encoded weights.
      rebuilt: `[N, *size, C]` their values on the grid, rendered from decoded weights.
      part: name of the part that is held out, "test" or "validation".
      lesson: `[L]` indices of instances that are not among `rows`, from which feature
        spaces learn.
      n: samples that will be judged.
    """
    real, known = data.pictures(rows), {}
    train = np.flatnonzero(~heldout)
    labels = None if data.labels is None else data.labels[rows]
    reader = spaces.reader(
        judging, real[train], None if labels is None else labels[train]
    )
    if reader is not None:
        known = read(judging, reader, real[heldout], labels[heldout], "_floor")
    # In the control, half of the training instances may stand for samples.
    fewest = min(n, int(heldout.sum()), len(train) // 2)
    named = spaces.by_name(judging, data, lesson, fewest=fewest)
    seen = {name: (space(real), space(rebuilt)) for name, space in named.items()}
    taught = functools.partial(_taught, data)
    arrays = real, rebuilt, taught, vectors, heldout
    judge = Judge(*arrays, part, named, seen, reader, known, data.domain.whole)
    for kind, (train, out, _) in sides(judge).items():
        known[f"nn_{kind}_median_floor"] = float(np.median(nearest(out, train)[0]))
    return judge


def of_some(judge: Judge, some: np.ndarray) -> Judge:
    """The same judge of some of its instances, at `some` `[n]`."""
    return judge._replace(
        real=judge.real[some],
        rebuilt=judge.rebuilt[some],
        vectors=judge.vectors[some],
        heldout=judge.heldout[some],
        seen={name: (real[some], re[some]) for name, (real, re) in judge.seen.items()},
    )


def _taught(data: Data) -> Iterator[np.ndarray]:
    """Reads the values of the training instances on the grid, as rows `[m, F]`."""
    rows = data.rows("train")
    for begin in range(0, len(rows), _BLOCK):
        yield flat(data.pictures(rows[begin : begin + _BLOCK]))


def of_fits(
    judging: Judging,
    data: Data,
    form: Representation,
    fits: Fitted,
    codec: Codec,
    show: Callable[[ArrayTree], np.ndarray],
    *,
    part: str,
    lesson: np.ndarray,
    n: int,
) -> Judge:
    """Builds the judge by `make` from the fits of a representation.

    Args:
      judging: the settings.
      data: the data set.
      form: the representation.
      fits: the fitted instances.
      codec: of the generator to be judged; the fits go through it like samples.
      show: `(stacked adapters) -> [n, *size, C]`, values on the grid.
      part: name of the part of `fits` that is held out.
      lesson: as in `make`.
      n: as in `make`.

    Raises:
      ValueError: if there are fewer than 8 training fits or fewer than 4 held-out ones.
    """
    # In the control, half of the training fits stand for samples.
    least = excess.LEAST
    parts.check(fits, training=2 * least, heldout=least, name=form.name)
    free = entries(form, fits.first)
    encode = jax.jit(jax.vmap(lambda x: codec.encode(free.decode(x))))
    vectors = np.asarray(encode(fits.vectors))
    rebuilt = show(jax.jit(jax.vmap(codec.decode))(vectors))
    things = fits.rows, fits.heldout, vectors, rebuilt
    return make(judging, data, *things, part=part, lesson=lesson, n=n)


def first_feature(judge: Judge) -> str:
    """Name of the first feature space of the recipe."""
    return next(iter(judge.features))


def briefly(judge: Judge) -> Judge:
    """The same judge with the first feature space alone."""
    name = first_feature(judge)
    return judge._replace(features={name: judge.features[name]})


def sides(judge: Judge) -> dict[str, tuple]:
    """What novelty is measured on, in function space and in weight space.

    Returns:
      By space `(train, heldout, field)`: blocks of rows `[m, F]` of the training
      instances, rows `[n, F]` of the held-out ones, and the field of `Made` that holds
      those of samples. In function space held-out rows are rendered from decoded
      weights, as samples are.
    """
    train, out = ~judge.heldout, judge.heldout
    return {
        "function": (judge.taught(), flat(judge.rebuilt[out]), "values"),
        "weights": ([judge.vectors[train]], judge.vectors[out], "vectors"),
    }


def nearest(
    queries: np.ndarray, blocks: Iterable[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Finds the nearest of all candidates for each query, one block in memory at once.

    Args:
      queries: `[n, F]`.
      blocks: the candidates, each block `[m, F]`.

    Returns:
      `(distances [n], indices [n])`; the indices count through all blocks.
    """
    lowest, places = np.full(len(queries), np.inf), np.zeros(len(queries), int)
    first = 0
    for block in blocks:
        distances, indices = generation.nearest(queries, block)
        places = np.where(distances < lowest, first + indices, places)
        lowest = np.minimum(lowest, distances)
        first += len(block)
    return lowest, places


def flat(values: np.ndarray) -> np.ndarray:
    """Flattens values `[n, ...]` to rows `[n, F]`."""
    return values.reshape(len(values), -1)


def read(judging: Judging, reader, values, labels, end: str = "") -> dict[str, float]:
    """Metrics of a classifier's predictions on samples or on real instances.

    Args:
      judging: the settings, for the probability that counts as recognised.
      reader: the classifier.
      values: `[n, *size, C]` on the grid.
      labels: `[n]` classes that samples were asked for, -1 for none, or true classes.
      end: of the names of the metrics; "" for samples, "_floor" for real instances.
    """
    seen = reader.probabilities(values)
    counts = np.bincount(seen.argmax(axis=1), minlength=seen.shape[1])
    sure = seen.max(axis=1) >= judging.confident
    metrics = {f"confident_fraction{end}": float(np.mean(sure))}
    if not end:
        metrics["class_fraction_min"] = float(counts.min() / len(values))
    # Only of samples does -1 mean no class: of real instances it is one like any other.
    asked = np.full(len(labels), True) if end else labels >= 0
    if asked.any():
        right = reader.classes[seen.argmax(axis=1)] == labels
        metrics[f"class_accuracy{end}"] = float(np.mean(right[asked]))
    return metrics
