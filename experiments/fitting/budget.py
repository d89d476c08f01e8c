"""Steps and episodes of a training of the base that fit a budget of seconds.

The seconds are those of the processor, of all threads together; on an accelerator they
are those of the clock. Compiling counts for nothing.
"""

import pathlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
from absl import logging
from chex import ArrayTree

from wsjax import costs, files

__all__ = [
    "LEAST",
    "TRIED",
    "Plan",
    "Seconds",
    "planned",
    "scaled",
    "seconds_of",
    "unit",
]

TRIED = 10
"""Steps that are taken at once to learn what a step costs; they train nothing."""
SHARE = 0.01
"""Share of a budget for which the steps of a stage, or episodes, are tried."""
LEAST = 10
"""Steps that each stage takes at least, whatever the budget."""


class Seconds(NamedTuple):
    """What was measured: seconds per step of each stage, and per episode.

    `measuring`: seconds that all steps and episodes took that were tried.
    """

    steps: Sequence[float]
    episode: float
    measuring: float = 0.0


class Plan(NamedTuple):
    """A schedule: steps of each stage, episodes of rehearsal, and their seconds."""

    steps: tuple[int, ...]
    episodes: int
    seconds: float


def planned(
    path: pathlib.Path,
    budget: float,
    steps: Sequence[int],
    episodes: int,
    measure: Callable[[], Seconds],
) -> Plan:
    """The schedule of a training; once it is made, that of every later run.

    Args:
      path: of spent.json, which keeps the schedule.
      budget: seconds that the training may take, measuring included.
      steps: of each stage, as the recipe has them; their shares are kept.
      episodes: of rehearsal, as the recipe has them.
      measure: measures the cost of both; it is not called if the file is there.

    Raises:
      ValueError: if the file is damaged.
    """
    if path.exists():
        kept = files.read_json(path, keys=Plan._fields)
        return Plan(tuple(kept["steps"]), kept["episodes"], kept["seconds"])
    cost = measure()
    left = budget - cost.measuring
    plan = scaled(left, steps, episodes, cost)
    enough = plan.seconds <= left
    if not enough:
        logging.warning(
            "--config.budget=%g is too small: the base is trained for the fewest steps "
            "that there are, %s and %d episodes, which take about %.3g %s",
            *(budget, plan.steps, plan.episodes, plan.seconds, unit()),
        )
    derived = {"budget": budget, "unit": unit(), "enough": enough}
    measured = {f"seconds_{key}": value for key, value in cost._asdict().items()}
    files.write_json(path, plan._asdict() | derived | measured)
    return plan


def scaled(budget: float, steps: Sequence[int], episodes: int, cost: Seconds) -> Plan:
    """Scales steps and episodes by one factor, so that they take `budget` seconds.

    No stage gets fewer than `LEAST` steps and no rehearsal less than one episode, or
    what the recipe has, if that is less.
    """

    def seconds(steps: Sequence[int], episodes: int) -> float:
        each = zip(steps, cost.steps, strict=True)
        return sum(n * one for n, one in each) + episodes * cost.episode

    factor = max(0.0, budget) / seconds(steps, episodes)
    fewer = tuple(max(min(n, LEAST), int(n * factor)) for n in steps)
    rehearsed = max(min(episodes, 1), int(episodes * factor))
    return Plan(fewer, rehearsed, seconds(fewer, rehearsed))


def seconds_of(call: Callable[[], ArrayTree], budget: float) -> tuple[float, float]:
    """Measures a call whose program is compiled, which the first one sees to.

    Args:
      call: returns what has to be computed when it is over.
      budget: seconds of the whole training; the call is repeated for `SHARE` of them.

    Returns:
      Mean seconds per call, and those of all calls, the first one included.
    """
    jax.block_until_ready(call())
    clock, compiled, calls, passed = costs.now(), costs.compile_seconds(), 0, 0.0
    while not calls or passed < SHARE * budget:
        jax.block_until_ready(call())
        calls += 1
        passed = getattr(costs.now(), unit()) - getattr(clock, unit())
        passed = max(1e-6, passed - (costs.compile_seconds() - compiled))
    return passed / calls, passed * (calls + 1) / calls


def unit() -> str:
    """The clock of `costs.Cost` that a budget counts."""
    return "cpu_seconds" if jax.default_backend() == "cpu" else "seconds"
