"""Whether a generator learnt anything: it must not copy, nor lose to what is trivial.

Zeng et al. 2025 ("Generative Modeling of Weights: Generalization or Memorization?")
found generators of weights that reproduce their training checkpoints, and that are no
better than noise on them. The audit has two halves. Samples must not lie nearer to the
training set than held-out things do, in whole or in part (`wsjax.metrics.copying`). And
held against every trivial generator that does not copy, they must be nearer to held-out
things in one feature space at least, and farther in none (`wsjax.metrics.excess`).
Samples that are nearer in none and farther in none are undecided: more of them, more
held-out things or another space may tell. Where most trivial generators copy, the bar
of the others is low, and samples that are farther than training things are undecided.
Where all do, such samples fail, and all others are undecided. The audit asks
for nothing that depends on how things are represented: its bar is the same for all.
"""

from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

import numpy as np

from wsjax.metrics.copy_measures import neighbours
from wsjax.metrics.copying import Copying, cells_for, compared
from wsjax.metrics.excess import Draws, Interval, draws, interval
from wsjax.metrics.verdict import FAILED, PASSED, TRIVIAL, UNDECIDED

__all__ = ["Audit", "Quality", "audit", "judge", "verdicts"]


class Quality(NamedTuple):
    """Quality in one feature space.

    `distance`: Fréchet distance of the samples to held-out things; `excess`: the same,
    less that of as many training things; `leads`: by how much it is lower than that of
    each trivial generator that does not copy, above 0 if the samples are better.
    """

    distance: Interval
    excess: Interval
    leads: dict[str, Interval]


class Audit(NamedTuple):
    """The `verdict`, see `wsjax.metrics.verdict`, and `reasons` if it is not passed."""

    copying: Copying
    quality: dict[str, Quality]
    verdict: str
    reasons: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether the samples are no copies and better than what is trivial."""
        return self.verdict == PASSED

    def failed(self, reason: str) -> "Audit":
        """The same with one more reason, for which the samples fail."""
        return self._replace(verdict=FAILED, reasons=(*self.reasons, reason))


def audit(
    train: np.ndarray,
    heldout: np.ndarray,
    sets: Mapping[str, np.ndarray],
    *,
    spaces: Mapping[str, Callable[[np.ndarray], np.ndarray]],
    trivial: Mapping[str, np.ndarray],
    rebuilt: np.ndarray | None = None,
    taught: np.ndarray | None = None,
    reference: np.ndarray | None = None,
    repeats: int = 100,
    seed: int = 0,
) -> dict[str, Audit]:
    """Audits the samples of generators, and those of trivial generators beside them.

    Args:
      train: `[T, *S]` things that the generators were trained on.
      heldout: `[H, *S]` things of the same kind that they never saw.
      sets: `[N, *S]` samples of each generator, by its name.
      spaces: feature functions `([n, *S]) -> [n, F]` by name, none of which has learnt
        from `train` or `reference`; two or more are wise, one of them learnt from other
        data or from labels.
      trivial: `[M, *S]` samples of trivial generators, by name.
      rebuilt: `[H, *S]` the held-out things as samples are made, such as after a fit
        and an encoding; None takes `heldout` itself.
      taught: `[U, F]` flattened, all that may have been copied, such as augmented
        copies beside `train`; None takes `train` itself.
      reference: `[R, *S]` those of `heldout` that no feature space has learnt from, to
        which distances are measured; None takes all, which is right only if none has.
      repeats: draws per space, see `wsjax.metrics.excess.draws`.
      seed: of all random choices.

    Returns:
      The verdict on every set and on every trivial generator.

    Raises:
      ValueError: if a name is both in `sets` and `trivial`, if there is no feature
        space, or as `neighbours` and `draws`.
    """
    if both := sets.keys() & trivial.keys():
        raise ValueError(f"{min(both)!r} is both a generator and a trivial one; rename")
    if not spaces:
        raise ValueError("expected one feature space or more, found none")
    every = {**sets, **trivial}
    near = train.reshape(len(train), -1) if taught is None else taught
    find = neighbours(near, cells=cells_for(len(heldout)), seed=seed)
    known = (heldout if rebuilt is None else rebuilt).reshape(len(heldout), -1)
    real = find(known)
    copied = {
        name: compared(find(x.reshape(len(x), -1)), real) for name, x in every.items()
    }
    drawn = {
        name: draws(
            space(heldout if reference is None else reference),
            space(train),
            {key: space(x) for key, x in every.items()},
            repeats=repeats,
            seed=seed,
        )
        for name, space in spaces.items()
    }
    return verdicts(copied, drawn, trivial.keys())


def verdicts(
    copied: Mapping[str, Copying], drawn: Mapping[str, Draws], trivial: Collection[str]
) -> dict[str, Audit]:
    """The verdict on every set.

    Args:
      copied: by name of the set, whether it is copied.
      drawn: by feature space, the distances of all sets.
      trivial: names of the trivial generators.
    """
    rivals = [name for name in trivial if not copied[name].reasons]
    found = {name: judge(name, copied[name], drawn, rivals) for name in copied}
    if trivial and not rivals:
        found = {name: _unrivalled(verdict) for name, verdict in found.items()}
    elif 2 * len(rivals) < len(trivial):
        few = f"{len(trivial) - len(rivals)} of {len(trivial)} trivial generators copy"
        found = {name: _hardly(verdict, few) for name, verdict in found.items()}
    return found | {name: found[name]._replace(verdict=TRIVIAL) for name in trivial}


def judge(
    name: str,
    copied: Copying,
    drawn: Mapping[str, Draws],
    rivals: list[str],
) -> Audit:
    """The verdict on one set.

    Args:
      name: of the set.
      copied: whether it is copied.
      drawn: by feature space, the distances of all sets.
      rivals: trivial generators that do not copy.
    """
    rivals = [rival for rival in rivals if rival != name]
    quality = {
        space: Quality(
            interval(found.distance[name]),
            interval(found.excess(name)),
            {rival: interval(found.lead(name, rival)) for rival in rivals},
        )
        for space, found in drawn.items()
    }
    failed, undecided = list(copied.reasons), []
    for rival in rivals:
        leads = {space: found.leads[rival] for space, found in quality.items()}
        worse = [space for space, lead in leads.items() if lead.high < 0]
        if worse:
            failed.append(
                f"worse than {rival}, which is trivial, by {', '.join(worse)}"
            )
        elif not any(lead.low > 0 for lead in leads.values()):
            undecided.append(
                f"no better than {rival}, which is trivial, by any measure"
            )
    verdict = FAILED if failed else UNDECIDED if undecided else PASSED
    return Audit(copied, quality, verdict, (*failed, *undecided))


def _farther(found: Audit) -> str:
    """By what samples are farther from held-out things than training things are."""
    return ", ".join(x for x, own in found.quality.items() if own.excess.low > 0)


def _hardly(found: Audit, few: str) -> Audit:
    """The verdict where most trivial generators copy: those left are a low bar."""
    farther = _farther(found)
    if not (found.passed and farther):
        return found
    reason = (
        f"{few}: samples are better than the others, but farther from held-out things "
        f"than training things are, by {farther}"
    )
    return found._replace(verdict=UNDECIDED, reasons=(reason,))


def _unrivalled(found: Audit) -> Audit:
    """The verdict where every trivial generator copies, so that none is a rival."""
    if farther := _farther(found):
        return found.failed(
            "farther from held-out things than training things are, by "
            f"{farther}, and every trivial generator copies"
        )
    if not found.passed:
        return found
    reason = (
        "every trivial generator copies, so that there is nothing to be better than"
    )
    return found._replace(verdict=UNDECIDED, reasons=(reason,))
