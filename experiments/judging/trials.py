"""The audit of three sets of values, and its control: real things in place of samples.

Feature spaces learn from neither training things nor those that samples are compared
with. The control says how often things that are as good as real ones would pass with
sets of these sizes. Its repeats share held-out things, and its things went through no
fit and no latent: it tells what the audit can see, not what a perfect generator of
weights would reach.
"""

import collections
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from experiments.generator import encoding
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
    """Training things `[T, *S]` and held-out ones `[H, *S]`.

    `reference` `[R, *S]`: those of the held-out things that no space has learnt from;
    `spaces`: `(fewest) -> {name: feature function}`, of so few features that sets of
    `fewest` things can be compared.
    """

    train: np.ndarray
    heldout: np.ndarray
    reference: np.ndarray
    spaces: Callable[[int], dict[str, Callable]]


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
    compared = [sets.train, sets.reference, *samples.values()]
    return audit.audit(
        sets.train,
        sets.heldout,
        samples,
        spaces=sets.spaces(min(n, *map(len, compared))),
        trivial=verdicts.of_values(sets.train, n, seed=seed),
        reference=sets.reference,
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
        own = sets._replace(train=sets.train[others])
        real = {_REAL: sets.train[some]}
        return audited(own, real, n=count, seed=seed)[_REAL].verdict

    return _shares(verdict, len(sets.train), count, repeats=repeats, seed=seed)


def _standing(n: int, known: int) -> int:
    """How many of `known` things stand for `n` samples; the others are a floor.

    Below `excess.LEAST` there are too few for a control.
    """
    return min(n, known // 2)


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
        own = np.random.SeedSequence([seed, repeat])
        order = np.random.default_rng(own).permutation(n)
        (drawn,) = own.generate_state(1)
        found[verdict(order[:count], np.sort(order[count:]), int(drawn))] += 1
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
    judging: Judging,
    known: Judge,
    bar: Fields,
    render: Callable[[np.ndarray], np.ndarray],
    shown: np.ndarray,
    *,
    n: int,
) -> dict[str, float]:
    """The `control` of a study's own instances, by the audit that its samples meet.

    Args:
      judging: the settings.
      known: the study's own fitted instances.
      bar: the same as fields, whose weights trivial generators see.
      render: as `baselines.shown` returns for `bar`.
      shown: `[N, *size, C]`, what it makes of the fits.
      n: samples that the study audits.
    """
    train, out = (np.flatnonzero(known.heldout == held) for held in (False, True))
    count, fits = _standing(n, len(train)), bar.fits

    def verdict(some: np.ndarray, others: np.ndarray, seed: int) -> str:
        kept = np.concatenate([train[others], out])
        jury = judge.of_some(known, kept)
        held, own = jury.heldout, judging._replace(seed=seed)
        jury = jury._replace(taught=lambda: iter([judge.flat(jury.real[~held])]))
        real = samples.of_values(jury, known.real[train[some]])
        drawn = baselines.draws(encoding.some(fits, kept), count, seed=seed)
        del drawn[baselines.AGAIN]
        weights = {
            name: samples.of_values(jury, render(rows)) for name, rows in drawn.items()
        }
        asked = copies.known(jury, shown[kept], held, seed=seed)
        asked = asked._replace(own=asked.values)
        sets = {_REAL: real}, weights
        return verdicts.verdicts(own, jury, asked, *sets, n=count)[_REAL].verdict

    repeats, seed = judging.control, judging.seed
    return _shares(verdict, len(train), count, repeats=repeats, seed=seed)
