"""What the machine allows this process."""

import os
import subprocess
import sys

import pytest

PROCESSORS = "from wsjax.machine import processors; print(processors())"


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs Linux")
def test_a_process_counts_only_the_processors_that_it_may_use():
    allowed = sorted(os.sched_getaffinity(0))

    def counted(processors):
        made = subprocess.run(
            [sys.executable, "-c", PROCESSORS],
            preexec_fn=lambda: os.sched_setaffinity(0, processors),
            capture_output=True,
            check=True,
        )
        return int(made.stdout)

    assert counted(allowed) == len(allowed)
    assert counted(allowed[:1]) == 1
