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
from experiments.judging import judge, spaces, verdicts
from experiments.judging.judge import Judge
from experiments.judging.spaces import Judging
from wsjax.metrics import audit
from wsjax.metrics.copy_measures import neighbours
from wsjax.metrics.copying import cells_for, refused
from wsjax.metrics.verdict import FAILED, PASSED, UNDECIDED

__all__ = ["Sets", "audited", "control", "noticed", "of_judge"]


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
    count = min(n, len(sets.train) // 2)
    found: collections.Counter[str] = collections.Counter()
    for repeat in range(repeats):
        order = np.random.default_rng([seed, repeat]).permutation(len(sets.train))
        some, others = order[:count], np.sort(order[count:])
        labels = None if sets.labels is None else sets.labels[others]
        own = sets._replace(train=sets.train[others], labels=labels)
        real = {"real": sets.train[some]}
        found[audited(own, real, n=count, seed=seed + repeat)["real"].verdict] += 1
    if not repeats:
        return {}
    kinds = (PASSED, FAILED, UNDECIDED)
    shares = {f"control_{kind}": found[kind] / repeats for kind in kinds}
    return shares | {"control_n": count}


def noticed(sets: Sets, samples: np.ndarray, *, seed: int) -> dict[str, float]:
    """How often the audit would notice exact copies among the samples, by their share.

    Returns:
      The metrics of `verdicts.curve`, of copies.
    """
    rows = [judge.flat(x) for x in (sets.train, samples, sets.heldout)]
    find = neighbours(rows[0], cells=cells_for(len(rows[2])), seed=seed)
    copies, ours, real = (find(x) for x in rows)
    found = refused([(ours, copies, real)], shares=verdicts.SHARES, seed=seed)
    return verdicts.curve("copies", found)


def of_judge(
    judging: Judging, data: Data, known: Judge, rows: np.ndarray, *, n: int
) -> dict[str, float]:
    """The `control` of a study's own instances.

    Args:
      judging: the settings.
      data: the data set.
      known: its fitted instances.
      rows: `[N]` their indices in the data set.
      n: samples that the study audits.
    """

    def learnt(things: np.ndarray, classes: np.ndarray | None) -> dict[str, Callable]:
        reader = spaces.reader(judging, things, classes)
        return spaces.by_name(judging, data, things, reader)

    train, out = ~known.heldout, known.heldout
    labels = None if data.labels is None else data.labels[rows][train]
    sets = Sets(known.real[train], labels, known.real[out], learnt)
    return control(sets, n=n, repeats=judging.control, seed=judging.seed)
