"""Tables of results pages are what the kept figures of their studies say."""

import pathlib
import re

import pytest

from experiments.page import results
from wsjax import files

CONFIGS = pathlib.Path(__file__).parents[1] / "configs"
_STUDY = re.compile(r"<!-- table (?:[^>]* )?study=(\S+)")


def _studies() -> list[tuple[pathlib.Path, str, pathlib.Path]]:
    """Each page, the studies that its tables name, and the files of their figures."""
    found = []
    for page in sorted(CONFIGS.glob("*.md")):
        text = page.read_text()
        names = set(_STUDY.findall(text))
        if text.count("<!-- table ") > len(_STUDY.findall(text)):
            names.add("")
        for name in sorted(names):
            kept = CONFIGS / "results" / f"{name or page.stem}.json"
            found.append(pytest.param(page, name, kept, id=f"{page.name}-{kept.name}"))
    return found


@pytest.mark.parametrize("page,name,kept", _studies())
def test_no_table_is_written_by_hand(page, name, kept):
    study, text = files.read_json(kept, keys=("rows", "seeds")), page.read_text()
    assert results.filled(text, study, name=name) == text
