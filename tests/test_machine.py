"""What the machine allows this process."""

import os
import subprocess
import sys

import pytest

COUNT = """
import os
from wsjax.machine import processors
os.sched_setaffinity(0, {})
print(processors())
"""


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs Linux")
def test_a_process_counts_only_the_processors_that_it_may_use():
    allowed = sorted(os.sched_getaffinity(0))
    for some in (allowed, allowed[:1]):
        command = [sys.executable, "-c", COUNT.format(set(some))]
        made = subprocess.run(command, capture_output=True, check=True)
        assert int(made.stdout) == len(some)
