"""The range of every number in a recipe."""

import fnmatch
import functools
import math
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from flax.traverse_util import flatten_dict
from ml_collections import ConfigDict

__all__ = ["MOST_SEED", "RANGES", "Range", "check", "ranges_of"]

MOST_SEED = 2**32 - 1


class Range(NamedTuple):
    """Numbers that some keys may have.

    `words`: what the numbers are; `holds`: whether a number is one of them; `keys`: of
    the recipe, where `*` stands for any text. A key of None, or of a tuple of numbers,
    is in range if each of its numbers is.
    """

    words: str
    holds: Callable[[object], bool]
    keys: Sequence[str]


def _whole(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _between(value: object, low: float, high: float) -> bool:
    """Whether `value` is a number from `low` to below `high`."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and low <= value < high


_ABOVE_0 = math.nextafter(0.0, 1.0)
_UP_TO_1 = math.nextafter(1.0, 2.0)

RANGES = (
    Range(
        "1 or more, and whole",
        lambda x: _whole(x, 1),
        """
        adapter.*.depth adapter.*.dictionaries adapter.*.dim adapter.*.features
        adapter.*.hidden adapter.*.latent adapter.*.numbers adapter.*.rank
        adapter.*.side adapter.*.size adapter.*.width base.batches base.chunk
        base.encoder.batch base.encoder.chunk base.encoder.every base.encoder.points
        base.every base.factors
        base.field.*_dim base.field.blocks base.field.dim base.field.mapping_depth
        base.field.width base.n base.rehearsal.batch base.rehearsal.chunk
        base.rehearsal.every base.rehearsal.points base.rehearsal.steps base.steps
        benchmark.*_n benchmark.*steps benchmark.n benchmark.repeats
        diffusion.*.depth diffusion.*.heads diffusion.*.patch diffusion.*width
        diffusion.accumulate diffusion.batch diffusion.components diffusion.ddpm.steps
        diffusion.draws diffusion.every diffusion.gram.* diffusion.pairs diffusion.steps
        evaluate.components evaluate.looks evaluate.neighbours evaluate.points
        evaluate.references evaluate.repeats fit.consensus fit.group fit.n fit.steps
        mesh.chunk mesh.coarse mesh.resolution plan.checked plan.numbers
        reconstruction.n sample.calls sample.chunk sample.n sample.steps sweep.consensus
        sweep.n tune.batches
        """.split(),
    ),
    Range("2 or more, and whole", lambda x: _whole(x, 2), ["plan.n"]),
    Range(
        "0 or more, and whole",
        lambda x: _whole(x, 0),
        """
        adapter.*.ranks.* analyze.refits base.encoder.steps base.points
        base.rehearsal.episodes diffusion.clusters diffusion.devices
        diffusion.patience fit.chunk
        evaluate.control fit.compare fit.guess fit.points fit.retries fit.rounds
        fit.refine
        reconstruction.doublings reconstruction.episodes structure.n
        structure.points sweep.rounds
        """.split(),
    ),
    # JAX takes no more of a seed than these bits, and scikit-learn refuses more.
    Range(
        f"a whole number from 0 to {MOST_SEED}",
        lambda x: _whole(x, 0) and _between(x, 0, MOST_SEED + 1),
        ["seed"],
    ),
    Range(
        "a number above 0",
        lambda x: _between(x, _ABOVE_0, math.inf),
        """
        *learning_rate adapter.*.scale analyze.perplexity base.field.omega
        benchmark.plain_rates budget diffusion.flow.scale evaluate.onnx_std
        fit.learning_rate.* fit.slower mesh.slope plan.seconds tune.learning_rates
        """.split(),
    ),
    Range(
        "a number of 1 or more",
        lambda x: _between(x, 1.0, math.inf),
        ["adapter.*.candidates"],
    ),
    Range(
        "a number of 0 or more",
        lambda x: _between(x, 0.0, math.inf),
        """
        *.spread base.penalty diffusion.jitter diffusion.tolerance
        fit.power fit.pull.* sample.weights structure.displacements
        """.split(),
    ),
    Range(
        "a number from 0 to below 1",
        lambda x: _between(x, 0.0, 1.0),
        """
        *.b1 *.b2 base.decay diffusion.*.dropout diffusion.ddpm.first
        diffusion.ddpm.last diffusion.decays diffusion.drop_label
        diffusion.flow.floor
        """.split(),
    ),
    Range(
        "a number from 0 to 1",
        lambda x: _between(x, 0.0, _UP_TO_1),
        """
        adapter.*.share evaluate.confident structure.strengths tune.share
        """.split(),
    ),
    Range(
        "a finite number",
        lambda x: _between(x, -math.inf, math.inf) and math.isfinite(x),
        """
        benchmark.target diffusion.flow.location evaluate.onnx_mean fit.floor
        fit.target plan.target sweep.target
        """.split(),
    ),
)


def check(config: ConfigDict) -> None:
    """Refuses numbers that no stage can use.

    Args:
      config: the recipe; keys that `RANGES` does not know pass.

    Raises:
      ValueError: naming the flag, what was expected and what was found.
    """
    for key, value in flatten_dict(config.to_dict(), sep=".").items():
        for wanted in ranges_of(key):
            for item in value if isinstance(value, tuple | list) else (value,):
                if item is not None and not wanted.holds(item):
                    raise ValueError(
                        f"--config.{key}={value!r}: expected {wanted.words}, found "
                        f"{item!r}"
                    )


@functools.cache
def ranges_of(key: str) -> tuple[Range, ...]:
    """The ranges that a key of a recipe, or of one of its generators, has to keep."""
    key = re.sub(r"^generators\.[^.]+\.", "", key)
    return tuple(
        wanted
        for wanted in RANGES
        if any(fnmatch.fnmatchcase(key, pattern) for pattern in wanted.keys)
    )
