"""Whether a generator learnt anything: it must not copy, nor lose to what is trivial.

Zeng et al. 2025 ("Generative Modeling of Weights: Generalization or Memorization?")
found generators of weights that reproduce their training checkpoints, and that are no
better than noise on them. The audit has two halves. Samples must not lie nearer to the
training set than held-out things do, in whole or in part (`wsjax.metrics.copying`). And
in every feature space they must be nearer to held-out things than the samples of every
trivial generator that does not copy (`wsjax.metrics.excess`). It asks for nothing that
depends on how things are represented, so that its bar is the same for all.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from wsjax.metrics.copying import Copying, copying
from wsjax.metrics.excess import Interval, draws, interval

__all__ = ["Audit", "Quality", "audit", "judge"]


class Quality(NamedTuple):
    """Quality in one feature space.

    `excess`: Fréchet distance of the samples to held-out things, less that of as many
    training things; `rival`: the trivial generator of the lowest excess of those that
    do not copy; `rival_excess`: its excess; `lead`: the rival's excess less that of the
    samples, above 0 if the samples are better. None and NaN if all of them copy.
    """

    excess: Interval
    rival: str | None
    rival_excess: Interval
    lead: Interval


class Audit(NamedTuple):
    """The verdict: `reasons` why the samples failed, none if `passed`."""

    copying: Copying
    quality: dict[str, Quality]
    passed: bool
    reasons: tuple[str, ...]


def audit(
    train: np.ndarray,
    heldout: np.ndarray,
    sets: Mapping[str, np.ndarray],
    *,
    spaces: Mapping[str, Callable[[np.ndarray], np.ndarray]],
    trivial: Mapping[str, np.ndarray],
    rebuilt: np.ndarray | None = None,
    taught: np.ndarray | None = None,
    repeats: int = 100,
    seed: int = 0,
) -> dict[str, Audit]:
    """Audits the samples of generators, and those of trivial generators beside them.

    Args:
      train: `[T, *S]` things that the generators were trained on.
      heldout: `[H, *S]` things of the same kind that they never saw.
      sets: `[N, *S]` samples of each generator, by its name.
      spaces: feature functions `([n, *S]) -> [n, F]` by name; two or more are wise, one
        of them learnt from other data or from labels.
      trivial: `[M, *S]` samples of trivial generators, by name.
      rebuilt: `[H, *S]` the held-out things as samples are made, such as after a fit
        and an encoding; None takes `heldout` itself.
      taught: `[U, F]` flattened, all that may have been copied, such as augmented
        copies beside `train`; None takes `train` itself.
      repeats: bootstrap draws per space.
      seed: of all random choices.

    Returns:
      The verdict on every set and on every trivial generator, which is held against the
      others.

    Raises:
      ValueError: if a name is both in `sets` and `trivial`, if there is no feature
        space, or as `copying` and `draws`.
    """
    if both := sets.keys() & trivial.keys():
        raise ValueError(f"{min(both)!r} is both a generator and a trivial one; rename")
    if not spaces:
        raise ValueError("expected one feature space or more, found none")
    every = {**sets, **trivial}
    flat = {name: x.reshape(len(x), -1) for name, x in every.items()}
    near = train.reshape(len(train), -1) if taught is None else taught
    known = (heldout if rebuilt is None else rebuilt).reshape(len(heldout), -1)
    copied = {name: copying(near, known, x, seed=seed) for name, x in flat.items()}
    excess = {
        name: draws(
            space(heldout),
            space(train),
            {key: space(x) for key, x in every.items()},
            repeats=repeats,
            seed=seed,
        )
        for name, space in spaces.items()
    }
    rivals = [name for name in trivial if not copied[name].reasons]
    return {name: judge(name, copied[name], excess, rivals) for name in every}


def judge(
    name: str,
    copied: Copying,
    excess: Mapping[str, Mapping[str, np.ndarray]],
    rivals: list[str],
) -> Audit:
    """The verdict on one set.

    Args:
      name: of the set.
      copied: whether it is copied.
      excess: by feature space and by name of the set, the result of `draws`.
      rivals: trivial generators that do not copy.
    """
    reasons, quality = list(copied.reasons), {}
    for space, by_name in excess.items():
        others = {rival: by_name[rival] for rival in rivals if rival != name}
        best = min(others, key=lambda rival: others[rival].mean(), default=None)
        theirs = np.full_like(by_name[name], np.nan) if best is None else others[best]
        found = Quality(
            interval(by_name[name]),
            best,
            interval(theirs),
            interval(theirs - by_name[name]),
        )
        quality[space] = found
        if best is not None and not found.lead.low > 0:
            reasons.append(
                f"{space}: an excess of {found.excess.mean:.3g} is not below the "
                f"{found.rival_excess.mean:.3g} of {best}, a trivial generator (lead "
                f"{found.lead.low:.3g} to {found.lead.high:.3g})"
            )
    return Audit(copied, quality, not reasons, tuple(reasons))
