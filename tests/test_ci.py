"""What the CI's scripts name is there."""

import re

from tests import runs


def test_the_tests_for_the_newest_packages_exist():
    script = (runs.ROOT / ".ci" / "newest").read_text()
    names = re.findall(r"tests/\w+\.py", script)
    assert names
    assert [name for name in names if not (runs.ROOT / name).exists()] == []
