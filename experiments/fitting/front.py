"""Settings that no other beats, and the choice among them."""

import math
from collections.abc import Sequence
from typing import NamedTuple

__all__ = [
    "Asked",
    "about",
    "best_of",
    "choose",
    "compared",
    "front",
    "settings",
    "summary",
]

_COSTS = ("numbers_per_field", "cpu_seconds_per_field")


class Asked(NamedTuple):
    """What a choice has to keep; None: anything.

    `target`: least quality; `numbers`: most numbers per field; `seconds`: most
    CPU-seconds per field.
    """

    target: float | None = None
    numbers: int | None = None
    seconds: float | None = None


def settings(lines: Sequence[dict], quality: str) -> list[dict]:
    """Of each setting, the line at its best learning rate; diverged ones are left out.

    Args:
      lines: of trials, with `name`, `trial` and what was measured; `quality` is None
        or missing where the trial diverged.
      quality: key of the quality, the higher the better.
    """
    best: dict[str, dict] = {}
    for line in lines:
        options = {k: v for k, v in line["trial"].items() if k != "learning_rate"}
        key = repr((line["name"], sorted(options.items())))
        if line.get(quality) is None:
            continue
        if key not in best or line[quality] > best[key][quality]:
            best[key] = line
    return list(best.values())


def front(lines: Sequence[dict], quality: str) -> list[dict]:
    """The lines that no other beats, by rising numbers, then rising quality.

    One line beats another if it is no worse in quality, numbers and CPU-seconds per
    field, and better in one of them.
    """
    kept = [x for x in lines if not any(_beats(y, x, quality) for y in lines)]
    return sorted(kept, key=lambda x: (x[_COSTS[0]], x[quality]))


def _beats(one: dict, other: dict, quality: str) -> bool:
    ours, theirs = ((-x[quality], *(x[cost] for cost in _COSTS)) for x in (one, other))
    pairs = list(zip(ours, theirs, strict=True))
    return all(a <= b for a, b in pairs) and any(a < b for a, b in pairs)


def about(line: dict) -> int:
    """The power of two that is nearest, as a factor, to the numbers per field."""
    return 2 ** round(math.log2(line[_COSTS[0]]))


def best_of(lines: Sequence[dict], quality: str) -> list[dict]:
    """The line of the highest quality for each representation and size `about`."""
    best: dict[tuple, dict] = {}
    for line in lines:
        key = (line["name"], about(line))
        if key not in best or line[quality] > best[key][quality]:
            best[key] = line
    return list(best.values())


def choose(lines: Sequence[dict], quality: str, asked: Asked) -> tuple[dict, bool]:
    """The setting to use, and whether it keeps all that was asked.

    Of those within the limits of numbers and seconds it is the one of fewest numbers
    that reaches the target; without a target, or if none reaches it, the one of the
    highest quality. If none is within the limits, it is the one of fewest numbers.

    Args:
      lines: one or more settings.
      quality: key of the quality.
      asked: target and limits.
    """
    limits = zip(_COSTS, (asked.numbers, asked.seconds), strict=True)
    limited = [(cost, most) for cost, most in limits if most is not None]
    within = [x for x in lines if all(x[cost] <= most for cost, most in limited)]
    if not within:
        return min(lines, key=lambda x: (x[_COSTS[0]], -x[quality])), False
    if asked.target is None:
        return max(within, key=lambda x: x[quality]), True
    reached = [x for x in within if x[quality] >= asked.target]
    if not reached:
        return max(within, key=lambda x: x[quality]), False
    return min(reached, key=lambda x: tuple(x[cost] for cost in _COSTS)), True


def compared(predicted: dict, found: dict, quality: str) -> dict:
    """What a plan predicted of a setting, beside what other instances gave.

    Args:
      predicted: line of the front.
      found: line of the same trial on other instances.
      quality: `psnr_db` or `iou`, the beginning of the keys of the quality.

    Returns:
      `name`, `trial`, `numbers_per_field`; predicted and measured quality and their
      difference, None if fits diverged; predicted and measured CPU-seconds per field,
      and the fraction by which the measured ones are more.
    """
    key, cost = f"{quality}_mean", _COSTS[1]
    before, after = predicted[key], found.get(key)
    seconds, spent = predicted[cost], found.get(cost)
    return {
        **{k: predicted[k] for k in ("name", "trial", _COSTS[0])},
        f"{quality}_predicted": before,
        f"{quality}_measured": after,
        f"{quality}_difference": None if after is None else after - before,
        "cpu_seconds_predicted": seconds,
        "cpu_seconds_measured": spent,
        "cpu_seconds_excess": None if spent is None else spent / seconds - 1.0,
        "n": found["n"],
    }


def summary(rows: Sequence[dict], quality: str) -> dict[str, object]:
    """The rows of `compared`, with the largest deviations among them."""
    keys = {"largest_difference": f"{quality}_difference"}
    keys["largest_cpu_excess"] = "cpu_seconds_excess"
    largest = {
        name: max((abs(x[key]) for x in rows if x[key] is not None), default=None)
        for name, key in keys.items()
    }
    return {**largest, "rows": list(rows)}
