"""The audit of generators, beside trivial ones that see weights or values.

Those that see values are the same whatever the representation, so that all generators
of a data set meet one bar; those that see weights may raise it.
"""

from collections.abc import Mapping

import jax
import numpy as np

from experiments.judging.judge import Judge, flat
from experiments.judging.spaces import Judging
from experiments.running.keys import keys
from wsjax.analysis import trivial
from wsjax.metrics import audit
from wsjax.metrics.copying import copying

__all__ = ["described", "figures", "noticed", "of_values", "verdicts"]

_SHARES = (0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5)  # Of copies, for `noticed`.
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
    sets: Mapping[str, np.ndarray],
    weights: Mapping[str, np.ndarray],
    *,
    n: int,
) -> dict[str, audit.Audit]:
    """Audits sets of samples; see `wsjax.metrics.audit`.

    Args:
      judging: the settings.
      judge: the real instances.
      sets: values `[m, *size, C]` of each generator; rows that are not finite are left
        out.
      weights: the same of trivial generators that saw weights.
      n: draws of each trivial generator that sees values.

    Returns:
      The verdict on each set and on each trivial generator.
    """
    out = judge.heldout
    made, weights = (
        {
            name: x[np.isfinite(x).all(axis=(*range(1, x.ndim),))]
            for name, x in y.items()
        }
        for y in (sets, weights)
    )
    return audit.audit(
        judge.real[~out],
        judge.real[out],
        made,
        spaces=judge.features,
        trivial={**weights, **of_values(judge.real[~out], n, seed=judging.seed)},
        rebuilt=judge.rebuilt[out],
        taught=np.concatenate(list(judge.taught())),
        seed=judging.seed,
    )


def noticed(judge: Judge, values: np.ndarray, *, seed: int) -> dict[float, bool]:
    """Whether the audit would notice if a share of the samples were copies.

    Says how strict the audit is on these data, with so many samples.

    Args:
      judge: the real instances; copies are training instances as they are rebuilt.
      values: `[m, *size, C]` of the samples.
      seed: of the choice of copies.

    Returns:
      By share, rising, whether the tests of copying refuse the set.
    """
    out, generator = judge.heldout, np.random.default_rng(seed)
    train = np.concatenate(list(judge.taught()))
    copies = flat(judge.rebuilt[~out])[generator.permutation(int((~out).sum()))]
    known, rows, found = flat(judge.rebuilt[out]), flat(values), {}
    for share in _SHARES:
        count = min(round(share * len(rows)), len(copies))
        mixed = np.concatenate([copies[:count], rows[count:]])
        found[share] = bool(copying(train, known, mixed, seed=seed).reasons)
    return found


def figures(found: audit.Audit) -> dict[str, float]:
    """Numbers of a verdict, as metrics."""
    metrics = {
        key if key.startswith(("novelty", "authentic")) else f"copying_{key}": float(x)
        for key, x in found.copying._asdict().items()
        if key != "reasons"
    }
    for space, quality in found.quality.items():
        mean, low, high = quality.excess
        metrics |= {f"excess_{space}": mean, f"excess_{space}_low": low}
        metrics[f"excess_{space}_high"] = high
    return metrics | {"audit_passed": float(found.passed)}


def described(found: Mapping[str, audit.Audit]) -> dict[str, dict]:
    """Verdicts for audit.json: why, and the leads over trivial generators."""
    return {
        name: {
            "passed": verdict.passed,
            "reasons": list(verdict.reasons),
            "leads": {
                space: {rival: lead._asdict() for rival, lead in quality.leads.items()}
                for space, quality in verdict.quality.items()
            },
        }
        for name, verdict in found.items()
    }
