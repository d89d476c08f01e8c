"""What samples are held against, and every figure of one generator."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np
from chex import ArrayTree

from experiments.domain.data import Data
from experiments.domain.representation import Representation, entries
from experiments.generator.encoding import Fitted
from experiments.judging import spaces
from experiments.judging.spaces import Judging
from wsjax.metrics import equal_count, features, generation
from wsjax.metrics.audit import audit
from wsjax.types import Codec

_DISTANCES = {
    "fd": generation.frechet,
    "mmd_gaussian": generation.mmd_gaussian,
    "mmd_polynomial": generation.mmd_polynomial,
}
_SHARES = {"precision": generation.precision, "recall": generation.recall}


class Judge(NamedTuple):
    """The real things that samples are held against, worked out once for all.

    `real`, `rebuilt` `[N, *size, C]`: values on the grid, and the same through fit and
    latent; `taught` `[T, *size, C]`: all that generators learnt from, changed copies
    among it; `vectors` `[N, M]` encoded weights; `heldout` `[N]`; `features`: by name;
    `seen`: by name the features of `real` and of `rebuilt`; `reader`: classifier
    trained on the training part, None without labels; `known`: what does not depend on
    samples; `whole`: which values show anything, see `Domain`.
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
    if data.labels is not None:
        labels = data.labels[rows]
        train = real[~heldout], labels[~heldout]
        reader = features.classifier(*train, seed=judging.seed)
        out = real[heldout], labels[heldout]
        known = _read(judging, reader, *out, "_heldout")
    found = spaces.by_name(judging, data, real, reader)
    seen = {name: (space(real), space(rebuilt)) for name, space in found.items()}
    taught = data.pictures(np.flatnonzero(~data.heldout))
    things = real, rebuilt, taught, vectors
    judge = Judge(*things, heldout, found, seen, reader, known, data.domain.whole)
    for kind, (train, out, _) in _sides(judge).items():
        known[f"nn_{kind}_heldout_median"] = _nearest(out, train)
    return judge


def of_fits(
    judging: Judging,
    data: Data,
    form: Representation,
    fits: Fitted,
    codec: Codec,
    show: Callable[[ArrayTree], np.ndarray],
) -> Judge:
    """The judge, by `make`, of samples that come out of `codec`, which `show` shows."""
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


def figures(
    judging: Judging, judge: Judge, made: Made, *, like: dict | None = None
) -> dict[str, float]:
    """All figures of one generator, but the audit.

    Args:
      judging: how it judges.
      judge: what to hold it against.
      made: what it made.
      like: figures of another generator by the same judge; floors and ceilings are
        taken from there, if as many samples were judged.
    """
    fine = np.isfinite(made.values).all(axis=tuple(range(1, made.values.ndim)))
    made = made._replace(
        values=made.values[fine], vectors=made.vectors[fine], labels=made.labels[fine]
    )
    good = int(judge.whole(made.values).sum())
    found = {
        "n_real": len(judge.real),
        "n_sampled": len(made.values),
        "failed_fraction": 1 - good / made.n,
    }
    same = like is not None and like["n_sampled"] == found["n_sampled"]
    for name, space in judge.features.items():
        ours = space(made.values)
        found |= _compare(judging, judge, name, ours, floors=not same)
    if same:
        ends = ("_floor", "_ceiling")
        found |= {k: v for k, v in like.items() if k.endswith(ends) and k not in found}
    found |= _novelty(judge, made) | judge.known
    if judge.reader is not None:
        found |= _read(judging, judge.reader, made.values, made.labels)
    return found


def _compare(judging, judge: Judge, name: str, ours, *, floors: bool) -> dict:
    """Distances to real things in one feature space, as metrics."""
    real, rebuilt = judge.seen[name]
    train, out = ~judge.heldout, judge.heldout
    drawing = {
        "floors": floors,
        "repeats": judging.repeats,
        "seed": judging.seed,
    }
    found = {}

    def heldout(measure):
        sets = real[out], ours, real[train]
        return equal_count.against_heldout(
            measure, *sets, rebuilt=rebuilt[train], **drawing
        )

    for label, distance in _DISTANCES.items():
        found[f"{label}_{name}"] = equal_count.at_equal_count(
            distance, real, ours, rebuilt=rebuilt, **drawing
        )
        found[f"{label}_{name}_heldout"] = heldout(distance)
    # Squared distances of means and spreads: only these fall as one over the count.
    found[f"fd_{name}_unlimited"] = equal_count.unlimited(
        generation.frechet, real, ours, **drawing
    )
    for label, share in _SHARES.items():
        measure = functools.partial(share, k=judging.neighbours)
        found[f"{label}_{name}"] = heldout(measure)
    return {
        key if end == "value" else f"{key}_{end}": value
        for key, values in found.items()
        for end, value in values.items()
    }


def _sides(judge: Judge) -> dict[str, tuple]:
    """Training instances, and held-out ones made like samples, in both spaces."""
    train, out = ~judge.heldout, judge.heldout
    return {
        "function": (_flat(judge.taught), _flat(judge.rebuilt[out]), "values"),
        "weights": (judge.vectors[train], judge.vectors[out], "vectors"),
    }


def _novelty(judge: Judge, made: Made) -> dict[str, float]:
    """Median distance to the nearest training instance, samples over held-out.

    Held-out instances went through the same fit and the same latent as the samples.
    """
    found = {}
    for kind, (train, _, rows) in _sides(judge).items():
        median = _nearest(_flat(getattr(made, rows)), train)
        real = judge.known[f"nn_{kind}_heldout_median"]
        found[f"nn_{kind}_median"] = median
        found[f"novelty_{kind}"] = median / real if real else np.nan
    return found


def _nearest(queries, candidates) -> float:
    return float(np.median(generation.nearest(queries, candidates)[0]))


def _flat(values: np.ndarray) -> np.ndarray:
    return values.reshape(len(values), -1)


def _read(judging: Judging, reader, values, labels, end: str = "") -> dict[str, float]:
    """What an independent classifier makes of things."""
    seen = reader.probabilities(values)
    counts = np.bincount(seen.argmax(axis=1), minlength=seen.shape[1])
    sure = seen.max(axis=1) >= judging.confident
    found = {f"confident_fraction{end}": float(np.mean(sure))}
    if not end:
        found["class_fraction_min"] = float(counts.min() / len(values))
    asked = labels >= 0
    if asked.any():
        right = reader.classes[seen.argmax(axis=1)] == labels
        found[f"class_accuracy{end}"] = float(np.mean(right[asked]))
    return found


def audited(
    judge: Judge, metrics: dict[str, float], baselines: dict[str, dict]
) -> dict[str, float]:
    """The audit of a generator against the figures of the trivial ones, as metrics."""
    fd = f"fd_{first_feature(judge)}_heldout"
    noise = [m for name, m in baselines.items() if name.startswith("add_noise")]
    verdict = audit(
        novelty=metrics["novelty_function"],
        fd=metrics[fd],
        add_noise=[(m["novelty_function"], m[fd]) for m in noise],
        average_two=baselines["average_two"][fd],
    )
    return {
        "fd_add_noise_at_novelty": verdict.fd_add_noise,
        "fd_average_two": verdict.fd_average_two,
        "audit_passed": float(verdict.passed),
    }
