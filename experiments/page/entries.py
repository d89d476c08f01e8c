"""Entries of a study: what its seeds measured of one metric, and how a table says it.

An entry has `mean`; `ci95`, half the width of its 95 % Student interval, None for one
value; `seeds`, those of the runs that have the metric as a finite number; and their
`values`.
"""

import numbers

import numpy as np

from wsjax.analysis.interval import interval

__all__ = ["check", "described", "difference", "shown"]


def described(values: dict[int, float]) -> dict:
    """The entry of values by seed."""
    known = {seed: float(x) for seed, x in values.items() if np.isfinite(x)}
    kept = list(known.values())
    mean, half = (kept[0] if kept else None), None
    if len(kept) > 1:
        mean, half = interval(np.array(kept))
    return {"mean": mean, "ci95": half, "seeds": list(known), "values": kept}


def difference(first: dict, second: dict) -> dict:
    """The entry of the differences of two entries, seed by seed; it is `signed`."""
    values, taken = (
        dict(zip(x["seeds"], x["values"], strict=True)) for x in (first, second)
    )
    shared = [seed for seed in values if seed in taken]
    entry = described({seed: values[seed] - taken[seed] for seed in shared})
    return entry | {"signed": True}


def shown(entry: dict | None, digits: str, seeds: int) -> str:
    """A mean with its interval, such as `31.96 ± 0.08`, and of how few of the seeds.

    Of shares whose interval would leave 0 to 100 %, which a Student interval knows
    nothing of, the least and the most instead: `0 to 100`.
    """
    if entry is None or entry["mean"] is None:
        return "–"
    few = len(entry["seeds"])
    if digits == "n":
        return f"{sum(value == 1 for value in entry['values'])} of {few}"
    scale = {"%": 100, "m": 1000}.get(digits[-1], 1)
    count = digits.rstrip("%m")
    least, mean, most = (
        _number(scale * x, int(count))
        for x in (min(entry["values"]), entry["mean"], max(entry["values"]))
    )
    of = "" if few == seeds else f" ({few} of {seeds})"
    if entry["ci95"] is None:
        return mean + of
    if digits[-1] == "%" and _leaves_shares(entry):
        return (least if least == most else f"{least} to {most}") + of
    return f"{mean} ± {_number(scale * entry['ci95'], int(count))}{of}"


def _number(x: float, digits: int) -> str:
    text = f"{x:.{digits}f}"
    return text if float(text) else text.removeprefix("-")


def _leaves_shares(entry: dict) -> bool:
    """Whether all values are from 0 to 1, but not all of their interval.

    A difference of shares may be anything from -1 to 1, whatever its values are.
    """
    if entry.get("signed"):
        return False
    mean, half = entry["mean"], entry["ci95"]
    shares = all(0 <= x <= 1 for x in entry["values"])
    return shares and not half <= mean <= 1 - half


def check(study: dict) -> None:
    """Refuses what is no result of `results.summary`.

    Args:
      study: with `seeds` and `rows`.

    Raises:
      ValueError: naming the first place of another form, and what is there.
    """
    if not isinstance(study["seeds"], list):
        raise _unlike("seeds", "a list", study["seeds"])
    found = [("rows", study["rows"])]
    for _ in range(3):  # By stage, row and metric.
        for place, content in found:
            if not isinstance(content, dict):
                raise _unlike(place, "an object", content)
        found = [
            (f"{place}.{key}", value)
            for place, content in found
            for key, value in content.items()
        ]
    for place, content in found:
        if not _is_entry(content):
            wanted = "numbers mean and ci95, lists seeds and values, equally long"
            raise _unlike(place, wanted, content)


def _unlike(place: str, wanted: str, found: object) -> ValueError:
    text = str(found)
    text = text if len(text) < 120 else f"{text[:117]}..."
    return ValueError(
        f"expected what experiments.study writes, in {place} {wanted}, found {text}; "
        "run the study again, or restore the file"
    )


def _is_entry(entry: object) -> bool:
    if not isinstance(entry, dict):
        return False
    if not entry.keys() >= {"mean", "ci95", "seeds", "values"}:
        return False
    seeds, values = entry["seeds"], entry["values"]
    if not isinstance(seeds, list) or not isinstance(values, list):
        return False
    known = [x for x in (entry["mean"], entry["ci95"]) if x is not None]
    return (
        len(seeds) == len(values)
        and all(isinstance(x, int) for x in seeds)
        and all(isinstance(x, numbers.Real) for x in (*known, *values))
    )
