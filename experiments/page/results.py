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
calls it. With `study=NAME`, figures are of the study of that name. If fewer seeds than
the study has are behind all figures of a table, its corner says how many. What stands
between the two lines is written by `filled`.
"""

import collections
import difflib
import pathlib
import re
from collections.abc import Sequence

from experiments.page import entries, measured

__all__ = ["filled", "summary"]

_HEAD = r"<!-- table (?P<options>[^>\r\n]*?) *-->[ \t]*\r?\n"
_END = "<!-- end -->"
_TABLE = re.compile(f"(?P<head>{_HEAD})(?:(?!<!-- table).)*?(?P<end>{_END})", re.DOTALL)
# What its author took for the head of a table.
_MEANT = re.compile(r"<!--\s*table(?=\s|-->)[^\r\n]*")
_DIGITS = 15  # A double has no more.


def summary(folders: Sequence[pathlib.Path], seeds: Sequence[int]) -> dict:
    """Means over runs that differ in their seed alone.

    Args:
      folders: of the runs, finished.
      seeds: of the runs, in the same order.

    Returns:
      `{"seeds": [...], "rows": {stage: {row: {metric: entry}}}}`; for an entry, see
      `entries`.

    Raises:
      ValueError: if a file of a run has another form, naming it.
    """
    found = collections.defaultdict(dict)
    for seed, folder in zip(seeds, folders, strict=True):
        for key, value in measured.figures(folder).items():
            found[key][seed] = value
    rows: dict = {}
    for (stage, row, metric), values in found.items():
        rows.setdefault(stage, {}).setdefault(row, {})[metric] = entries.described(
            values
        )
    return {"seeds": list(seeds), "rows": rows}


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
    entries.check(study)
    _check_heads(page)
    names = set()

    def written(found: re.Match) -> str:
        try:
            given = _options(found["options"])
            names.add(own := given.pop("study", ""))
            if own != name:
                return found[0]
            table = _table(given, study["rows"], len(study["seeds"]))
        except ValueError as error:
            raise ValueError(f"line {_line(page, found)}: {error}") from error
        return found["head"] + table + found["end"]

    text = _TABLE.sub(written, page)
    if name not in names:
        listed = ", ".join(repr(own) for own in sorted(names)) or "none"
        raise ValueError(f"no table is of the study {name!r}; the page names {listed}")
    return text


def _line(page: str, found: re.Match) -> int:
    return page.count("\n", 0, found.start()) + 1


def _check_heads(page: str) -> None:
    """Refuses a page with a table that would never be written."""
    whole = {found.start() for found in _TABLE.finditer(page)}
    meant = list(_MEANT.finditer(page))
    others = [found for found in meant if found.start() not in whole]
    if others:
        raise ValueError(
            f"the page has {len(meant)} tables, of which {len(whole)} are a line "
            f"`<!-- table … -->` and, below it, `{_END}`; complete the others, first "
            f"line {_line(page, others[0])}: `{others[0][0]}`"
        )


def _options(text: str) -> dict[str, str]:
    """The options of a table, such as `stage=fit`."""
    given: dict[str, str] = {}
    for option in filter(None, re.split(r"[ \t]+", text)):
        key, _, value = option.partition("=")
        if key in given:
            raise ValueError(f"a table gives {key}= twice; leave one of them out")
        given[key] = value
    return given


def _table(given: dict[str, str], rows: dict, seeds: int) -> str:
    if given.keys() - {"of"} != {"stage", "rows", "columns"}:
        raise ValueError(
            f"a table: expected stage=, rows= and columns=, found {', '.join(given)}"
        )
    # A comma before a space belongs to a heading.
    columns = [_column(text) for text in re.split(",(?!_)", given["columns"])]
    labels, lines, stage = [], [], given["stage"]
    for name in given["rows"].split(","):
        row, _, label = name.partition(":")
        beginning, label = "", _plain(label) or f"`{row}`"
        if "of" in given:  # Without a label, `row` is code: a beginning is no name.
            row, beginning = given["of"], row
        labels.append(label)
        lines.append([_entry(rows, stage, row, beginning + x) for x, _, _ in columns])
    # What holds for the whole table is said once.
    counts = {len(x["seeds"]) for line in lines for x in line if x and x["seeds"]}
    few = counts.pop() if len(counts) == 1 else seeds
    corner = "" if few == seeds else f"{few} of {seeds} seeds"
    heads = [corner, *(_plain(heading) for _, heading, _ in columns)]
    table = [heads, ["---"] * len(heads)]
    for label, line in zip(labels, lines, strict=True):
        digits = (x for _, _, x in columns)
        cells = (entries.shown(*x, few) for x in zip(line, digits, strict=True))
        table.append([label, *cells])
    return "".join(f"| {' | '.join(line)} |\n" for line in table)


def _plain(text: str) -> str:
    """What a table shows of a heading or label."""
    if "|" in text:
        raise ValueError(f"{text!r}: a | ends a cell of a table; use another sign")
    return text.replace("_", " ")


def _column(text: str) -> tuple[str, str, str]:
    parts = re.fullmatch(r"([^:]+):([^:]*):(([0-9]{1,2})[%m]?|n)", text)
    if parts is None or int(parts[4] or 0) > _DIGITS:
        raise ValueError(
            f"column {text!r}: expected metric:heading:digits, such as psnr:PSNR,_dB:2,"
            f" with at most {_DIGITS} digits"
        )
    return parts[1], parts[2], parts[3]


def _entry(rows: dict, stage: str, row: str, metric: str) -> dict | None:
    """An entry of the summary; None if the row has no such metric, but others do."""
    known = rows.get(stage, {})
    if row not in known and row.count("-") == 1:
        pair = [_entry(rows, stage, name, metric) for name in row.split("-")]
        return None if None in pair else entries.difference(*pair)
    if row not in known:
        names = ", ".join(sorted(known)) or "none"
        stages = "" if known else f", but of the stages {', '.join(sorted(rows))}"
        twice = "; a difference is of two rows" if "-" in row else ""
        raise ValueError(
            f"no row {row!r} of stage {stage!r} in the study; it has {names}"
            f"{stages}{twice}"
        )
    metrics = {name for other in known.values() for name in other}
    if metric not in metrics:
        close = difflib.get_close_matches(metric, sorted(metrics), 5, 0.5)
        hint = f"; did you mean {', '.join(close)}?" if close else ""
        raise ValueError(f"no metric {metric!r} of stage {stage!r} in the study{hint}")
    return known[row].get(metric)
