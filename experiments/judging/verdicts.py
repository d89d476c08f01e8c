"""The audit of generators, beside trivial ones that see weights or values.

Those that see values are the same whatever the representation, so that all generators
of a data set meet one bar; those that see weights may raise it.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import numpy as np

from experiments.judging.judge import Judge, flat
from experiments.judging.samples import Made
from experiments.judging.spaces import Judging
from experiments.running.keys import keys
from wsjax.analysis import trivial
from wsjax.metrics import audit, excess
from wsjax.metrics.copy_measures import Neighbours, neighbours
from wsjax.metrics.copying import Copying, cells_for, compared, refused
from wsjax.metrics.verdict import PASSED, TRIVIAL, UNDECIDED

__all__ = [
    "SHARES",
    "Training",
    "curve",
    "described",
    "figures",
    "noticed",
    "of_values",
    "training",
    "verdicts",
]

SHARES = (0.0, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.3, 0.5)
"""Shares of copies at which refusals are counted."""
_SCALES = (0.25, 0.5, 0.75, 1.0)  # Of noise, in standard deviations of each value.


def of_values(train: np.ndarray, n: int, *, seed: int) -> dict[str, np.ndarray]:
    """Draws from trivial generators that know the values of training instances.

    Args:
      train: `[T, *S]` values of training instances.
      n: draws per generator.
      seed: of the run.

    Returns:
      Values `[n, *S]` by the name of the generator, clipped to the range of the
      training values.
    """
    rows, low, high = flat(train), train.min(), train.max()
    one, two, three, four, five = jax.random.split(keys(seed)["values"], 5)
    made = {
        "gaussian_values": trivial.gaussian_samples(one, rows, n=n),
        "mixture_values": trivial.gaussian_mixture(two, rows, n=n),
        "neighbours_values": trivial.gaussian_neighbours(three, rows, n=n),
        "average_values": trivial.average_two(four, rows, n=n),
    }
    for scale in _SCALES:
        again = jax.random.clone(five)  # The same noise at every scale.
        noisy = trivial.add_noise(again, rows, n=n, scale=scale)
        made[f"noise_values_{scale:g}"] = noisy
    return {
        name: np.clip(x, low, high).reshape(n, *train.shape[1:]).astype(np.float32)
        for name, x in made.items()
    }


class Training(NamedTuple):
    """Training instances that may have been copied: all that a test of copying needs.

    There are two forms of them: as they are after fit and latent, which is what copied
    weights show, and as they are in the data. `finds`: where rows lie about each form;
    `real`: where test instances do, which went through fit and latent as samples did.
    """

    finds: tuple[Callable[[np.ndarray], Neighbours], ...]
    real: tuple[Neighbours, ...]

    def compared(self, rows: np.ndarray) -> Copying:
        """The figures about the first form, and the reasons of all."""
        places = [find(rows) for find in self.finds]
        found = [compared(*pair) for pair in zip(places, self.real, strict=True)]
        reasons = dict.fromkeys(reason for one in found for reason in one.reasons)
        return found[0]._replace(reasons=tuple(reasons))


def training(judge: Judge, *, seed: int) -> Training:
    """Prepares the tests of copying; `seed` of the parts of the training set."""
    rows, out = flat(judge.rebuilt), judge.heldout
    forms = rows[~out], np.concatenate(list(judge.taught()))
    cells = cells_for(int(out.sum()))
    finds = tuple(neighbours(known, cells=cells, seed=seed) for known in forms)
    return Training(finds, tuple(find(rows[out]) for find in finds))


def verdicts(
    judging: Judging,
    judge: Judge,
    known: Training,
    sets: Mapping[str, Made],
    weights: Mapping[str, Made],
    *,
    n: int,
) -> dict[str, audit.Audit]:
    """Audits sets of samples; see `wsjax.metrics.audit`.

    Args:
      judging: the settings.
      judge: the real instances.
      known: training instances, for the tests of copying.
      sets: samples of each generator.
      weights: the same of trivial generators that saw weights.
      n: draws of each trivial generator that sees values.

    Returns:
      The verdict on each set and on each trivial generator.
    """
    out, seed = judge.heldout, judging.seed
    every = {name: (x.values, x.seen) for name, x in {**sets, **weights}.items()}
    drawn = of_values(judge.real[~out], n, seed=seed)
    for name, values in drawn.items():
        seen = {space: feature(values) for space, feature in judge.features.items()}
        every[name] = values, seen
    copied = {name: known.compared(flat(values)) for name, (values, _) in every.items()}
    distances = {
        space: excess.draws(
            real[out],
            real[judge.fresh],
            {name: seen[space] for name, (_, seen) in every.items()},
            seed=seed,
        )
        for space, (real, _) in judge.seen.items()
    }
    return audit.verdicts(copied, distances, {**weights, **drawn})


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
      which more than half are refused, left out if there is none.
    """
    metrics = {f"refused_{kind}_{share:g}": x for share, x in found.items()}
    often = [share for share, x in found.items() if x > 0.5]
    return metrics | {f"{kind}_noticed_from": share for share in often[:1]}


def figures(found: audit.Audit) -> dict[str, float]:
    """Numbers of a verdict, as metrics."""
    metrics = found.copying._asdict()
    del metrics["reasons"]  # Words, for `described`.
    for space, quality in found.quality.items():
        mean, low, high = quality.excess
        metrics |= {f"excess_{space}": mean, f"excess_{space}_low": low}
        metrics[f"excess_{space}_high"] = high
        _, low, high = quality.distance
        metrics[f"fd_{space}_test_ci95"] = (high - low) / 2
    if found.verdict != TRIVIAL:
        for verdict in (PASSED, UNDECIDED):
            metrics[f"audit_{verdict}"] = float(found.verdict == verdict)
    return metrics


def described(found: Mapping[str, audit.Audit]) -> dict[str, dict]:
    """Verdicts for audit.json: why, and the leads over trivial generators."""
    return {
        name: {
            "verdict": verdict.verdict,
            "reasons": list(verdict.reasons),
            "leads": {
                space: {rival: lead._asdict() for rival, lead in quality.leads.items()}
                for space, quality in verdict.quality.items()
            },
        }
        for name, verdict in found.items()
    }
