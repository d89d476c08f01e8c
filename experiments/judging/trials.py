"""The audit of three sets of values, and its control: real things in place of samples.

Feature spaces learn from one half of the training things, and floors are of the other
(`judge.halves`). The control says how often things that are as good as real ones would
pass with sets of these sizes.
"""

import collections
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from experiments.domain.data import Data
from experiments.judging import baselines, copies, judge, samples, verdicts
from experiments.judging.baselines import Fields
from experiments.judging.judge import Judge
from experiments.judging.spaces import Judging
from wsjax.metrics import audit, excess
from wsjax.metrics.copy_measures import neighbours
from wsjax.metrics.copying import cells_for, refused
from wsjax.metrics.verdict import FAILED, PASSED, UNDECIDED

__all__ = ["Sets", "audited", "control", "noticed", "of_judge"]

_REAL = "real"


class Sets(NamedTuple):
    """Training things `[T, *S]`, their classes `[T]` or None, held-out ones `[H, *S]`.

    `spaces`: `(things, labels) -> {name: feature function}`, learnt from what it is
    given.
    """

    train: np.ndarray
    labels: np.ndarray | None
    heldout: np.ndarray
    spaces: Callable[..., dict[str, Callable]]


def audited(
    sets: Sets, samples: Mapping[str, np.ndarray], *, n: int, seed: int
) -> dict[str, audit.Audit]:
    """The verdict on samples, and on trivial generators that know the training things.

    Args:
      sets: what to compare with.
      samples: `[N, *S]` by name.
      n: draws of each trivial generator.
      seed: of all random choices.
    """
    every = np.ones(len(sets.train), bool)
    learnt, fresh = judge.halves(every, seed=seed)
    labels = None if sets.labels is None else sets.labels[learnt]
    return audit.audit(
        sets.train,
        sets.heldout,
        samples,
        spaces=sets.spaces(sets.train[learnt], labels),
        trivial=verdicts.of_values(sets.train, n, seed=seed),
        fresh=sets.train[fresh],
        seed=seed,
    )


def control(sets: Sets, *, n: int, repeats: int, seed: int) -> dict[str, float]:
    """How often real things pass, fail or stay undecided where samples would stand.

    Each repeat takes training things at random for samples and audits them by the
    others: `n`, but half of all at most.

    Args:
      sets: what to compare with.
      n: samples that are audited.
      repeats: how often.
      seed: of all random choices.

    Returns:
      `control_passed`, `control_failed`, `control_undecided`: shares of the repeats;
      `control_n`: things that stood for samples; none without a repeat.
    """
    count = _standing(n, len(sets.train))

    def verdict(some: np.ndarray, others: np.ndarray, seed: int) -> str:
        labels = None if sets.labels is None else sets.labels[others]
        own = sets._replace(train=sets.train[others], labels=labels)
        real = {_REAL: sets.train[some]}
        return audited(own, real, n=count, seed=seed)[_REAL].verdict

    return _shares(verdict, len(sets.train), count, repeats=repeats, seed=seed)


def _standing(n: int, known: int) -> int:
    """How many of `known` things stand for `n` samples; half of the others are a floor.

    Below `excess.LEAST` there are too few for a control.
    """
    return min(n, known // 2, known - 2 * excess.LEAST + 1)


def _shares(
    verdict: Callable[[np.ndarray, np.ndarray, int], str],
    n: int,
    count: int,
    *,
    repeats: int,
    seed: int,
) -> dict[str, float]:
    """What `control` returns, of verdicts on `count` of `n` things by the others."""
    if not repeats or count < excess.LEAST:
        return {}
    found: collections.Counter[str] = collections.Counter()
    for repeat in range(repeats):
        order = np.random.default_rng([seed, repeat]).permutation(n)
        found[verdict(order[:count], np.sort(order[count:]), seed + repeat)] += 1
    kinds = (PASSED, FAILED, UNDECIDED)
    shares = {f"control_{kind}": found[kind] / repeats for kind in kinds}
    return shares | {"control_n": count}


def noticed(sets: Sets, samples: np.ndarray, *, seed: int) -> dict[str, float]:
    """How often the audit would notice exact copies among the samples, by their share.

    Returns:
      The metrics of `copies.curve`, of copies.
    """
    rows = [judge.flat(x) for x in (sets.train, samples, sets.heldout)]
    find = neighbours(rows[0], cells=cells_for(len(rows[2])), seed=seed)
    known, ours, real = (find(x) for x in rows)
    found = refused([(ours, known, real)], shares=copies.SHARES, seed=seed)
    return copies.curve("copies", found)


def of_judge(
    judging: Judging, data: Data, known: Judge, bar: Fields, *, n: int
) -> dict[str, float]:
    """The `control` of a study's own instances, by the audit that its samples meet.

    Args:
      judging: the settings.
      data: the data set.
      known: the study's own fitted instances.
      bar: the same as fields, whose weights trivial generators see.
      n: samples that the study audits.
    """
    train, out = (np.flatnonzero(known.heldout == held) for held in (False, True))
    count, fits = _standing(n, len(train)), bar.fits
    render = baselines.shown(bar, data)
    rebuilt = render(fits.vectors)

    def verdict(some: np.ndarray, others: np.ndarray, seed: int) -> str:
        kept = np.concatenate([train[others], out])
        held, own = np.arange(len(kept)) >= len(others), judging._replace(seed=seed)
        rows, vectors = fits.rows[kept], fits.vectors[kept]
        parts = held, vectors, rebuilt[kept]
        jury = judge.make(own, data, rows, *parts, part=known.part)
        taught = [judge.flat(jury.real[~held])]
        seen = [
            copies.training(values, held, taught, seed=seed)
            for values in (jury.real, jury.rebuilt)
        ]
        # Real things have no weights, which the audit does not look at.
        none = np.full(count, -1)
        real = samples.made(jury, count, none, known.real[train[some]], none, none)
        fitted = fits._replace(vectors=vectors, rows=rows, heldout=held)
        drawn = baselines.draws(fitted, count, seed=seed)
        del drawn[baselines.AGAIN]
        weights = baselines.made(jury, render, drawn)
        sets = own, jury, copies.Known(*seen), {_REAL: real}, weights
        return verdicts.verdicts(*sets, n=count)[_REAL].verdict

    repeats, seed = judging.control, judging.seed
    return _shares(verdict, len(train), count, repeats=repeats, seed=seed)
