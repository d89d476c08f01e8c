"""All metrics of one generator's samples but those of the audit."""

import functools

import numpy as np

from experiments.judging.judge import Judge, flat, nearest, read, sides
from experiments.judging.samples import Made
from experiments.judging.spaces import Judging
from wsjax.metrics import equal_count, generation

__all__ = ["figures"]

_DISTANCES = {
    "fd": generation.frechet,
    "mmd_gaussian": generation.mmd_gaussian,
    "mmd_polynomial": generation.mmd_polynomial,
}
_SHARES = {"precision": generation.precision, "recall": generation.recall}


def figures(
    judging: Judging, judge: Judge, made: Made, *, like: dict | None = None
) -> dict[str, float]:
    """All metrics of one generator except those of the audit.

    Args:
      judging: the settings.
      judge: the real instances to compare with.
      made: the generator's samples.
      like: metrics of another generator by the same judge. If they are of as many
        samples, floors and ceilings are copied from there instead of measured again.
    """
    good = int(judge.whole(made.values).sum())
    metrics = {
        "n_real": len(judge.real),
        "n_sampled": len(made.values),
        "failed_fraction": 1 - good / made.n,
    }
    same = like is not None and like["n_sampled"] == metrics["n_sampled"]
    for name in judge.features:
        metrics |= _compare(judging, judge, name, made.seen[name], floors=not same)
    if like is not None and same:
        ends = ("_floor", "_ceiling")
        ended = {k: v for k, v in like.items() if k.endswith(ends)}
        metrics |= {k: v for k, v in ended.items() if k not in metrics}
    metrics |= _novelty(judge, made) | judge.known
    if judge.reader is not None:
        metrics |= read(judging, judge.reader, made.values, made.labels)
    return metrics


def _compare(judging, judge: Judge, name: str, ours, *, floors: bool) -> dict:
    """Distances to real instances in one feature space, as metrics.

    `ours` `[m, F]`: features of the samples in the space `name`; `floors`: whether to
    measure floors and ceilings too.
    """
    real, rebuilt = judge.seen[name]
    train, out = ~judge.heldout, judge.heldout
    drawing = {
        "floors": floors,
        "repeats": judging.repeats,
        "seed": judging.seed,
    }
    measured = {}

    def heldout(measure):
        sets = real[out], ours, real[train]
        return equal_count.against_heldout(
            measure, *sets, rebuilt=rebuilt[train], **drawing
        )

    for label, distance in _DISTANCES.items():
        measured[f"{label}_{name}"] = equal_count.at_equal_count(
            distance, real, ours, rebuilt=rebuilt, **drawing
        )
        measured[f"{label}_{name}_{judge.part}"] = heldout(distance)
    for label, share in _SHARES.items():
        measure = functools.partial(share, k=judging.neighbours)
        measured[f"{label}_{name}_{judge.part}"] = heldout(measure)
    return {
        key if end == "value" else f"{key}_{end}": value
        for key, values in measured.items()
        for end, value in values.items()
    }


def _novelty(judge: Judge, made: Made) -> dict[str, float]:
    """Novelty in both spaces: 1 if samples are as far from training data as new data.

    It is the median distance of the samples to the nearest training instance, divided
    by the same median of held-out instances, which were encoded and decoded like the
    samples. NaN where the latter median is 0.
    """
    metrics = {}
    for kind, (train, _, field) in sides(judge).items():
        median = float(np.median(nearest(flat(getattr(made, field)), train)[0]))
        real = judge.known[f"nn_{kind}_median_floor"]
        metrics[f"nn_{kind}_median"] = median
        metrics[f"novelty_{kind}"] = median / real if real else np.nan
    return metrics
