"""The README does what it says."""

import pathlib
import re

ROOT = pathlib.Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text()


def test_the_twelve_lines_fit_sixteen_fields():
    (block,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    assert len([line for line in block.splitlines() if line]) == 12
    names = {}
    exec(compile(block, "README.md", "exec"), names)
    losses = names["losses"]
    assert len(losses) == 16
    assert losses[:, -1].mean() < 0.05 * losses[:, 0].mean()


def test_every_file_it_names_exists():
    paths = re.findall(
        r"[`(]((?:wsjax|tests|colabs|configs|experiments)/[\w/.]*)", TEXT
    )
    assert len(paths) > 20
    assert not [path for path in paths if not (ROOT / path).exists()]
