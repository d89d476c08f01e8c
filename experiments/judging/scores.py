"""Every figure of one generator, by a judge."""

import functools

import numpy as np

from experiments.judging.judge import (
    Judge,
    Made,
    first_feature,
    flat,
    nearest,
    read,
    sides,
)
from experiments.judging.spaces import Judging
from wsjax.metrics import equal_count, generation
from wsjax.metrics.audit import audit

__all__ = ["audited", "figures"]

_DISTANCES = {
    "fd": generation.frechet,
    "mmd_gaussian": generation.mmd_gaussian,
    "mmd_polynomial": generation.mmd_polynomial,
}
_SHARES = {"precision": generation.precision, "recall": generation.recall}


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

    Raises:
      ValueError: if fewer samples are finite than distances between sets need.
    """
    fine = np.isfinite(made.values).all(axis=tuple(range(1, made.values.ndim)))
    made = made._replace(
        values=made.values[fine], vectors=made.vectors[fine], labels=made.labels[fine]
    )
    if len(made.values) < equal_count.LEAST_UNLIMITED:
        raise ValueError(
            f"{len(made.values)} of {made.n} samples are finite, but "
            f"{equal_count.LEAST_UNLIMITED} or more are needed; draw more by sample.n, "
            "or train the generator anew, in a new --workdir"
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
    if like is not None and same:
        ends = ("_floor", "_ceiling")
        found |= {k: v for k, v in like.items() if k.endswith(ends) and k not in found}
    found |= _novelty(judge, made) | judge.known
    if judge.reader is not None:
        found |= read(judging, judge.reader, made.values, made.labels)
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


def _novelty(judge: Judge, made: Made) -> dict[str, float]:
    """Median distance to the nearest training instance, samples over held-out.

    Held-out instances went through the same fit and the same latent as the samples.
    """
    found = {}
    for kind, (train, _, rows) in sides(judge).items():
        median = nearest(flat(getattr(made, rows)), train)
        real = judge.known[f"nn_{kind}_heldout_median"]
        found[f"nn_{kind}_median"] = median
        found[f"novelty_{kind}"] = median / real if real else np.nan
    return found


def audited(
    judge: Judge, metrics: dict[str, float], baselines: dict[str, dict]
) -> dict[str, float]:
    """The audit of a generator against the figures of the trivial ones, as metrics.

    A figure that was read from a file may be None, as it is not finite.
    """
    fd = f"fd_{first_feature(judge)}_heldout"
    noise = [m for name, m in baselines.items() if name.startswith("add_noise")]
    verdict = audit(
        novelty=_number(metrics["novelty_function"]),
        fd=_number(metrics[fd]),
        add_noise=[(_number(m["novelty_function"]), _number(m[fd])) for m in noise],
        average_two=_number(baselines["average_two"][fd]),
    )
    return {
        "fd_add_noise_at_novelty": verdict.fd_add_noise,
        "fd_average_two": verdict.fd_average_two,
        "audit_passed": float(verdict.passed),
    }


def _number(figure: float | None) -> float:
    return np.nan if figure is None else figure
