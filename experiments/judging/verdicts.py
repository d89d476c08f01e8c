"""The audit of generators, beside trivial ones that see weights or values.

Those that see values are the same whatever the representation, so that all generators
of a data set meet one bar; those that see weights may raise it.
"""

from collections.abc import Mapping

import jax
import numpy as np

from experiments.judging.baselines import AGAIN
from experiments.judging.copies import Known
from experiments.judging.judge import Judge, flat
from experiments.judging.samples import Made
from experiments.judging.spaces import Judging
from experiments.running.keys import keys
from wsjax.analysis import trivial
from wsjax.metrics import audit, excess
from wsjax.metrics.verdict import PASSED, TRIVIAL, UNDECIDED

__all__ = [
    "described",
    "figures",
    "of_values",
    "verdicts",
]

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


def verdicts(
    judging: Judging,
    judge: Judge,
    known: Known,
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
      sets: samples of each generator, and draws of what is held out.
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
    asked = {name: known.own for name in sets.keys() - {AGAIN}}
    asked |= {name: known.values for name in drawn}
    copied = {
        name: asked.get(name, known.common).compared(flat(values))
        for name, (values, _) in every.items()
    }
    distances = {
        space: excess.draws(
            real[out],
            real[~out],
            {name: seen[space] for name, (_, seen) in every.items()},
            seed=seed,
        )
        for space, (real, _) in judge.seen.items()
    }
    found = audit.verdicts(copied, distances, {**weights, **drawn})
    return found | {name: _complete(found[name], made) for name, made in sets.items()}


def _complete(found: audit.Audit, made: Made) -> audit.Audit:
    """The verdict, failed if samples are not finite: what they show nobody knows."""
    lost = made.n - len(made.values)
    if not lost:
        return found
    return found.failed(f"{lost} of {made.n} samples are not finite")


def figures(found: audit.Audit) -> dict[str, float]:
    """Numbers of a verdict, as metrics."""
    metrics = found.copying._asdict()
    del metrics["reasons"]  # Words, for `described`.
    for space, quality in found.quality.items():
        mean, low, high = quality.excess
        metrics |= {f"excess_{space}": mean, f"excess_{space}_low": low}
        metrics[f"excess_{space}_high"] = high
        metrics[f"fd_{space}_unlimited"] = quality.distance.mean
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
