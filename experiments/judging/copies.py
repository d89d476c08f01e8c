"""Whether samples are copies of training instances, and how soon one would notice."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from experiments.judging.judge import Judge, flat
from wsjax.metrics.copy_measures import Neighbours, neighbours
from wsjax.metrics.copying import Copying, cells_for, compared, refused

__all__ = ["SHARES", "Known", "Training", "curve", "known", "noticed"]

SHARES = (0.0, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.3, 0.5)
"""Shares of copies at which refusals are counted."""


class Training(NamedTuple):
    """Training instances that may have been copied: all that a test of copying needs.

    There may be two forms of them: as they are after fit and latent, which is what
    copied weights show, and as they are in the data. `finds`: where rows lie about each
    form; `real`: where held-out instances do, which were made as the rows are.
    """

    finds: tuple[Callable[[np.ndarray], Neighbours], ...]
    real: tuple[Neighbours, ...]

    def compared(self, rows: np.ndarray) -> Copying:
        """The figures about the first form, and the reasons of all."""
        places = [find(rows) for find in self.finds]
        found = [compared(*pair) for pair in zip(places, self.real, strict=True)]
        reasons = dict.fromkeys(reason for one in found for reason in one.reasons)
        return found[0]._replace(reasons=tuple(reasons))


class Known(NamedTuple):
    """Training instances for the samples that are judged, and for trivial generators.

    Whether a trivial generator copies, and so is no rival, must not depend on who is
    judged. Samples are held against instances after their `own` fit and latent; trivial
    generators that see weights against fits that all share, `common`; those that see
    values, which no fit has blurred, against the `values` in the data.
    """

    own: Training
    common: Training
    values: Training


def known(
    judge: Judge,
    shown: np.ndarray,
    heldout: np.ndarray,
    *,
    seed: int,
) -> Known:
    """Prepares the tests of copying.

    Args:
      judge: the real instances, rebuilt as samples are made.
      shown: `[N, *size, C]` instances as trivial generators of weights show them.
      heldout: `[N]` booleans: which of these are held out.
      seed: of the parts of the training set.
    """
    out = judge.heldout

    def find(rows: np.ndarray) -> Callable[[np.ndarray], Neighbours]:
        return neighbours(rows, cells=cells_for(int(out.sum())), seed=seed)

    raw = find(np.concatenate(list(judge.taught())))

    def both(values: np.ndarray, out: np.ndarray) -> Training:
        rows = flat(values)
        finds = find(rows[~out]), raw
        return Training(finds, tuple(one(rows[out]) for one in finds))

    values = Training((raw,), (raw(flat(judge.real[out])),))
    return Known(both(judge.rebuilt, out), both(shown, heldout), values)


def noticed(
    judge: Judge, known: Training, values: np.ndarray, *, seed: int
) -> dict[str, float]:
    """How often the audit would notice if a share of the samples were copies.

    Says how strict the audit is on these data, with so many samples. Copies are
    training instances as they are rebuilt; noisy ones are moved in random directions,
    by half of the median distance of test instances to the nearest training instance.

    Args:
      judge: the real instances.
      known: training instances, for the tests of copying.
      values: `[m, *size, C]` of the samples.
      seed: of the choice of copies, and of the noise.

    Returns:
      The metrics of `curve` for `copies` and for `noisy_copies`.
    """
    copies = flat(judge.rebuilt[~judge.heldout])
    noise = np.random.default_rng(seed).standard_normal(copies.shape, np.float32)
    length = 0.5 * np.median(known.real[0].distance)
    noise *= length / np.linalg.norm(noise, axis=1, keepdims=True)
    ours, metrics = [find(flat(values)) for find in known.finds], dict[str, float]()
    for kind, rows in (("copies", copies), ("noisy_copies", copies + noise)):
        drawn = [find(rows) for find in known.finds]
        views = list(zip(ours, drawn, known.real, strict=True))
        metrics |= curve(kind, refused(views, shares=SHARES, seed=seed))
    return metrics


def curve(kind: str, found: Mapping[float, float]) -> dict[str, float]:
    """How often sets are refused that hold copies of a kind, as metrics.

    Args:
      kind: of the copies.
      found: fraction of the draws that are refused, by rising share of copies.

    Returns:
      `refused_KIND_S` for each share S, and `KIND_noticed_from`, the least share of
      which more than half are refused; left out if there is none, and if samples are
      refused without copies.
    """
    metrics = {f"refused_{kind}_{share:g}": x for share, x in found.items()}
    often = [share for share, x in found.items() if x > 0.5]
    return metrics | {f"{kind}_noticed_from": share for share in often[:1] if share}
