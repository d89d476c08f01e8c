"""Metrics of several runs as one table of means, and tables of results pages.

A page says where a table goes and what is in it:

    <!-- table stage=fit rows=mlp,lora columns=psnr_db_test_mean:dB:2 -->
    <!-- end -->

`rows` are names, in this order, or each `name:label`, where the table has the label;
`lora-mlp` is the mean difference of two rows within a seed, `lora.2` is trial 2 of a
sweep. `columns` are each `metric:heading:digits`, with `%` behind the digits for
percent, `m` for thousandths, or `n` in place of digits for how many seeds have 1, such
as `3 of 5`; `_` in a heading or label is a space. The stage `costs` has what each stage
of the pipeline took. With `of=NAME`, rows are figures of the one row of that name
instead: each is `beginning:label`, the beginning of its metrics and what the table
calls it. With `study=NAME`, figures are of the study of that name. What stands between
the two lines is written by `filled`.
"""

import collections
import pathlib
import re
from collections.abc import Sequence

import numpy as np

from wsjax import files
from wsjax.analysis.interval import interval

__all__ = ["filled", "summary"]

_STAGES = (
    "fit",
    "reconstruction",
    "evaluate",
    "analyze",
    "structure",
    "sweep",
    "speed",
    "tune",
    "diffusion",
    "benchmark",
    "scaling",
)
# Stages of a pipeline that have a folder for the recipe's own representation.
_OWN = ("fit", "diffusion", "evaluate", "analyze")
_COSTS = ("seconds", "cpu_seconds")
_HEAD, _END = r"<!-- table (?P<options>[^>]*?) *-->[ \t]*\r?\n", "<!-- end -->"
_TABLE = re.compile(f"(?P<head>{_HEAD})(?:(?!<!-- table).)*?(?P<end>{_END})", re.DOTALL)


def summary(folders: Sequence[pathlib.Path], seeds: Sequence[int]) -> dict:
    """Means over runs that differ in their seed alone.

    Args:
      folders: of the runs, finished.
      seeds: of the runs, in the same order.

    Returns:
      `{"seeds": [...], "rows": {stage: {row: {metric: entry}}}}`. An entry has `mean`,
      `ci95`, half the width of its 95 % Student interval (None for one value), `seeds`,
      those of the runs that have the metric as a finite number, and their `values`.
    """
    found = collections.defaultdict(dict)
    for seed, folder in zip(seeds, folders, strict=True):
        for key, value in _metrics(folder).items():
            found[key][seed] = value
    rows: dict = {}
    for (stage, row, metric), values in found.items():
        rows.setdefault(stage, {}).setdefault(row, {})[metric] = _described(values)
    return {"seeds": list(seeds), "rows": rows}


def _described(values: dict[int, float]) -> dict:
    """The entry of values by seed."""
    known = {seed: float(x) for seed, x in values.items() if np.isfinite(x)}
    kept = list(known.values())
    mean, half = (kept[0] if kept else None), None
    if len(kept) > 1:
        mean, half = interval(np.array(kept))
    return {"mean": mean, "ci95": half, "seeds": list(known), "values": kept}


def _metrics(folder: pathlib.Path) -> dict[tuple[str, str, str], float]:
    """All numbers of a run, by stage, row and name."""
    found = {}
    for stage in _STAGES:
        for path in sorted(folder.glob(f"{stage}/*/metrics.json")):
            found[stage, path.parent.name] = files.read_json(path)
        for path in sorted(folder.glob(f"{stage}/*/trials.jsonl")):
            for number, line in enumerate(files.read_lines(path)):
                found[stage, f"{path.parent.name}.{number}"] = line
    # Trivial generators have no folder of their own; those of the recipe's own weights.
    own = _own(folder)
    for row, metrics in _read(folder / "evaluate" / own / "baselines.json").items():
        found.setdefault(("evaluate", row), metrics)
    for row, metrics in _read(folder / "generation.json").items():
        key = "cpu_seconds_training"
        found.get(("evaluate", row), {})[key] = metrics[key]
    # Of what a pipeline took, these two folders are all that is no stage of figures.
    made = {"base": "base", "samples": f"samples/{own}"}
    spent = {row: _read(folder / place / "metrics.json") for row, place in made.items()}
    spent |= {stage: found.get((stage, own), {}) for stage in _OWN}
    for row, metrics in spent.items():
        found["costs", row] = {key: metrics[key] for key in _COSTS if key in metrics}
    return {
        (stage, row, name): float(value)
        for (stage, row), metrics in found.items()
        for name, value in metrics.items()
        if isinstance(value, int | float)
    }


def _read(path: pathlib.Path) -> dict:
    """The contents of a JSON file; none if there is no such file."""
    return files.read_json(path) if path.exists() else {}


def _own(folder: pathlib.Path) -> str:
    """Name of the recipe's own representation; empty for a run without a recipe."""
    if not (path := folder / "recipe.json").exists():
        return ""
    return files.read_json(path, keys=("recipe",))["recipe"]["adapter"]["name"]


def filled(page: str, study: dict, *, name: str = "") -> str:
    """A results page with its tables written from the summary of a study.

    Args:
      page: Markdown; see the top of this file.
      study: result of `summary`, or study.json.
      name: of the study; tables of studies of other names stay as they are.

    Raises:
      ValueError: if a table has no end, no table is of this study, or one names a
        stage, row or metric that the study lacks, or an option that no table has.
    """
    heads, names = len(re.findall("<!-- table ", page)), set()
    if heads != (whole := len(_TABLE.findall(page))):
        raise ValueError(
            f"the page has {heads} tables, of which {whole} are a line `<!-- table … "
            f"-->` and, below it, `{_END}`; complete the others"
        )

    def written(found: re.Match) -> str:
        options = found["options"].split(" ")
        given = dict(option.partition("=")[::2] for option in options if option)
        names.add(own := given.pop("study", ""))
        if own != name:
            return found[0]
        table = _table(given, study["rows"], len(study["seeds"]))
        return found["head"] + table + found["end"]

    text = _TABLE.sub(written, page)
    if name not in names:
        listed = ", ".join(repr(own) for own in sorted(names)) or "none"
        raise ValueError(f"no table is of the study {name!r}; the page names {listed}")
    return text


def _table(given: dict[str, str], rows: dict, seeds: int) -> str:
    if given.keys() - {"of"} != {"stage", "rows", "columns"}:
        raise ValueError(
            f"a table: expected stage=, rows= and columns=, found {', '.join(given)}"
        )
    # A comma before a space belongs to a heading.
    columns = [_column(text) for text in re.split(",(?!_)", given["columns"])]
    heads = ["", *(heading.replace("_", " ") for _, heading, _ in columns)]
    lines = [heads, ["---"] * len(heads)]
    for name in given["rows"].split(","):
        row, _, label = name.partition(":")
        beginning, label = "", label.replace("_", " ") or f"`{row}`"
        if "of" in given:  # Without a label, `row` is code: a beginning is no name.
            row, beginning = given["of"], row
        cells = [
            _cell(_entry(rows, given["stage"], row, beginning + metric), digits, seeds)
            for metric, _, digits in columns
        ]
        lines.append([label, *cells])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _column(text: str) -> tuple[str, str, str]:
    parts = re.fullmatch(r"([^:]+):([^:]*):(\d+[%m]?|n)", text)
    if parts is None:
        raise ValueError(
            f"column {text!r}: expected metric:heading:digits, such as psnr:PSNR,_dB:2"
        )
    return parts.groups()


def _entry(rows: dict, stage: str, row: str, metric: str) -> dict | None:
    """An entry of the summary; None if the row has no such metric, but others do."""
    known = rows.get(stage, {})
    if row not in known and "-" in row:
        pair = [_entry(rows, stage, name, metric) for name in row.split("-", 1)]
        return None if None in pair else _difference(*pair)
    if row not in known:
        names = ", ".join(sorted(known)) or "none"
        raise ValueError(
            f"no row {row!r} of stage {stage!r} in the study; it has {names}"
        )
    if not any(metric in other for other in known.values()):
        raise ValueError(f"no metric {metric!r} of stage {stage!r} in the study")
    return known[row].get(metric)


def _difference(first: dict, second: dict) -> dict:
    """The entry of the differences of two entries, seed by seed."""
    values, taken = (
        dict(zip(x["seeds"], x["values"], strict=True)) for x in (first, second)
    )
    shared = [seed for seed in values if seed in taken]
    return _described({seed: values[seed] - taken[seed] for seed in shared})


def _cell(entry: dict | None, digits: str, seeds: int) -> str:
    """A mean with its interval, such as `31.96 ± 0.08`, and of how few of the seeds."""
    if entry is None or entry["mean"] is None:
        return "–"
    few = len(entry["seeds"])
    if digits == "n":
        return f"{sum(value == 1 for value in entry['values'])} of {few}"
    scale = {"%": 100, "m": 1000}.get(digits[-1], 1)
    count = digits.rstrip("%m")
    mean = f"{scale * entry['mean']:.{int(count)}f}"
    if not float(mean):
        mean = mean.removeprefix("-")
    of = "" if few == seeds else f" ({few} of {seeds})"
    if entry["ci95"] is None:
        return mean + of
    return f"{mean} ± {scale * entry['ci95']:.{int(count)}f}{of}"
