"""The judge: the real things that samples of any generator are held against."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np
from chex import ArrayTree

from experiments.domain.data import Data
from experiments.domain.representation import Representation, entries
from experiments.generator.encoding import Fitted
from experiments.judging import parts, spaces
from experiments.judging.spaces import Judging
from wsjax.metrics import equal_count, features, generation
from wsjax.types import Codec

__all__ = [
    "Judge",
    "Made",
    "briefly",
    "first_feature",
    "flat",
    "make",
    "nearest",
    "of_fits",
    "read",
    "sides",
]


class Judge(NamedTuple):
    """The real things that samples are held against, worked out once for all.

    `real`, `rebuilt` `[N, *size, C]`: values on the grid, and the same through fit and
    latent; `taught` `[T, *size, C]`: all that generators learnt from, changed copies
    among it; `vectors` `[N, M]` encoded weights; `heldout` `[N]`; `features`: by name;
    `seen`: by name the features of `real` and of `rebuilt`; `reader`: classifier
    trained on the training part, None unless that has two classes; `known`: what does
    not depend on samples; `whole`: which values show anything, see `Domain`.
    """

    real: np.ndarray
    rebuilt: np.ndarray
    taught: np.ndarray
    vectors: np.ndarray
    heldout: np.ndarray
    features: dict
    seen: dict
    reader: features.Classifier | None
    known: dict[str, float]
    whole: Callable[[np.ndarray], np.ndarray]


class Made(NamedTuple):
    """What a generator made: `n` things, of which some failed.

    `adapters`: stacked, of those whose weights are finite; `values` `[m, *size, C]`:
    theirs on the grid; `vectors` `[m, M]`: encoded; `labels` `[m]`: what they were
    asked to be, -1 for nothing.
    """

    n: int
    adapters: ArrayTree
    values: np.ndarray
    vectors: np.ndarray
    labels: np.ndarray


def make(
    judging: Judging,
    data: Data,
    rows: np.ndarray,
    heldout: np.ndarray,
    vectors: np.ndarray,
    rebuilt: np.ndarray,
) -> Judge:
    """The judge for samples of any generator.

    Args:
      judging: how it judges.
      data: the data set.
      rows: `[N]` instances that were fitted.
      heldout: `[N]` booleans, which of them are held out.
      vectors: `[N, M]` their encoded weights.
      rebuilt: `[N, *size, C]` their values on the grid after fit and latent.
    """
    real, reader, known = data.pictures(rows), None, {}
    labels = None if data.labels is None else data.labels[rows]
    if labels is not None and features.has_classes(labels[~heldout]):
        train = real[~heldout], labels[~heldout]
        reader = features.classifier(*train, seed=judging.seed)
        out = real[heldout], labels[heldout]
        known = read(judging, reader, *out, "_heldout")
    found = spaces.by_name(judging, data, real, reader)
    seen = {name: (space(real), space(rebuilt)) for name, space in found.items()}
    taught = data.pictures(np.flatnonzero(~data.heldout))
    things = real, rebuilt, taught, vectors
    judge = Judge(*things, heldout, found, seen, reader, known, data.domain.whole)
    for kind, (train, out, _) in sides(judge).items():
        known[f"nn_{kind}_heldout_median"] = nearest(out, train)
    return judge


def of_fits(
    judging: Judging,
    data: Data,
    form: Representation,
    fits: Fitted,
    codec: Codec,
    show: Callable[[ArrayTree], np.ndarray],
) -> Judge:
    """The judge, by `make`, of samples that come out of `codec`, which `show` shows.

    Raises:
      ValueError: if a part has fewer fits than distances between sets need.
    """
    parts.check(fits, least=equal_count.LEAST_UNLIMITED, name=form.name)
    free = entries(form, fits.first)
    encode = jax.jit(jax.vmap(lambda x: codec.encode(free.decode(x))))
    vectors = np.asarray(encode(fits.vectors))
    rebuilt = show(jax.jit(jax.vmap(codec.decode))(vectors))
    return make(judging, data, fits.rows, fits.heldout, vectors, rebuilt)


def first_feature(judge: Judge) -> str:
    """The feature space of the audit."""
    return next(iter(judge.features))


def briefly(judge: Judge) -> Judge:
    """The same judge with no feature space but that of the audit."""
    name = first_feature(judge)
    return judge._replace(features={name: judge.features[name]})


def sides(judge: Judge) -> dict[str, tuple]:
    """Training instances, and held-out ones made like samples, in both spaces."""
    train, out = ~judge.heldout, judge.heldout
    return {
        "function": (flat(judge.taught), flat(judge.rebuilt[out]), "values"),
        "weights": (judge.vectors[train], judge.vectors[out], "vectors"),
    }


def nearest(queries: np.ndarray, candidates: np.ndarray) -> float:
    """Median distance of `[n, F]` queries to the nearest of `[m, F]` candidates."""
    return float(np.median(generation.nearest(queries, candidates)[0]))


def flat(values: np.ndarray) -> np.ndarray:
    """Values `[n, ...]` as rows `[n, F]`."""
    return values.reshape(len(values), -1)


def read(judging: Judging, reader, values, labels, end: str = "") -> dict[str, float]:
    """What an independent classifier makes of things."""
    seen = reader.probabilities(values)
    counts = np.bincount(seen.argmax(axis=1), minlength=seen.shape[1])
    sure = seen.max(axis=1) >= judging.confident
    found = {f"confident_fraction{end}": float(np.mean(sure))}
    if not end:
        found["class_fraction_min"] = float(counts.min() / len(values))
    # Real things are of the class that they have, -1 among them.
    asked = np.full(len(labels), True) if end else labels >= 0
    if asked.any():
        right = reader.classes[seen.argmax(axis=1)] == labels
        found[f"class_accuracy{end}"] = float(np.mean(right[asked]))
    return found
