"""What an eye would see in samples: whole things, beside rebuilt test instances.

Held-out instances were encoded, decoded and rendered like samples, so that these
figures judge the generator and not the fits.
"""

import numpy as np

from experiments.judging.judge import Judge
from experiments.judging.samples import Made
from experiments.judging.spaces import Judging
from wsjax.metrics.octaves import power_ratios
from wsjax.metrics.topology import topology
from wsjax.metrics.two_sample import LEAST, two_sample

__all__ = ["figures"]

_NORMAL = 1.96  # Standard deviations that half a 95 % interval is wide.


def figures(
    judging: Judging, judge: Judge, made: Made, *, like: dict | None = None
) -> dict[str, float]:
    """How samples differ from rebuilt held-out instances as wholes.

    `two_sample_accuracy`: share of things that a network, which learns from training
    instances too, tells right, with half the width of its 95 % interval over things.
    `octave_power_ratio_min` and `_max`: of all octaves. Of shapes also
    `stray_fraction`, the share with more than one body, `hole_fraction`, that with a
    handle or a cavity, and the means of bodies and handles. Keys that end in `_floor`
    are the same of rebuilt training instances, half of them or as many as there are
    samples; those of counts are of the held-out instances themselves.

    Args:
      judging: the settings.
      judge: the real instances to compare with.
      made: the generator's samples.
      like: figures of another generator by the same judge. If they are of as many
        samples, floors are copied from there instead of measured again.
    """
    heldout, n = judge.rebuilt[judge.heldout], len(made.values)
    train = judge.rebuilt[~judge.heldout]
    found = _compared(judging, made.values, heldout, train) | _counted(made.values)
    if like is not None and like["n_sampled"] == n:
        return found | {f"{key}_floor": like[f"{key}_floor"] for key in found}
    # The network must not learn that the same things are of either set.
    some = min(n, len(train) // 2)
    floors = _compared(judging, train[:some], heldout, train[some:])
    floors |= _counted(heldout)
    return found | {f"{key}_floor": value for key, value in floors.items()}


def _compared(
    judging: Judging, values: np.ndarray, heldout: np.ndarray, train: np.ndarray
) -> dict[str, float]:
    ratios = power_ratios(values, heldout)
    known = ratios[np.isfinite(ratios)]  # Flat things have power in no octave.
    found = {
        "octave_power_ratio_min": float(min(known, default=np.nan)),
        "octave_power_ratio_max": float(max(known, default=np.nan)),
    }
    if (n := min(len(values), len(heldout))) < LEAST:
        return found
    options = {"seed": judging.seed, "looks": judging.looks}
    share = two_sample(values, heldout, more=train, **options)
    spread = float(np.sqrt(share * (1 - share) / (2 * n)))
    return found | {
        "two_sample_accuracy": share,
        "two_sample_accuracy_ci95": _NORMAL * spread,
    }


def _counted(values: np.ndarray) -> dict[str, float]:
    """What the topology of shapes `[n, D, H, W, 1]` counts; `{}` of pictures."""
    if values.ndim != 5:
        return {}
    bodies, cavities, handles = topology(values[..., 0] < 0)
    return {
        "stray_fraction": float(np.mean(bodies > 1)),
        "hole_fraction": float(np.mean((handles > 0) | (cavities > 0))),
        "bodies_mean": float(np.mean(bodies)),
        "handles_mean": float(np.mean(handles)),
    }
