"""A pytest plugin: reports the peak memory of each test process, and fails above 2 GiB.

With pytest-xdist a test process is a worker; what a test starts counts as its own.
"""

import resource
import sys

import pytest

LIMIT_MIB = 2048
_UNIT = 2**20 if sys.platform == "darwin" else 2**10  # macOS counts bytes, others KiB.


def peak_mib() -> float:
    """Largest resident set of this process, or of one it started and waited for."""
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return max(resource.getrusage(x).ru_maxrss for x in who) / _UNIT


class Peaks:
    """Collects peaks, from the workers if there are any, else from this process."""

    def __init__(self):
        """Starts without any; `found` holds MiB by the name of the process."""
        self.found = {}

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node, error):
        """Takes the peak that a worker sent; one that crashed sent none."""
        if "peak_mib" in getattr(node, "workeroutput", {}):
            self.found[node.gateway.id] = node.workeroutput["peak_mib"]

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session):
        """Sends the peak of a worker; elsewhere judges all of them."""
        if hasattr(session.config, "workeroutput"):
            session.config.workeroutput["peak_mib"] = peak_mib()
            return
        self.found = self.found or {"this process": peak_mib()}
        if self.too_large() and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def too_large(self) -> list[str]:
        """Names of the processes above the limit."""
        return sorted(k for k, v in self.found.items() if v > LIMIT_MIB)

    def pytest_terminal_summary(self, terminalreporter):
        """Writes a line of peaks, and an error for those above the limit."""
        peaks = (f"{name} {mib:.0f} MiB" for name, mib in sorted(self.found.items()))
        terminalreporter.write_line(f"peak memory: {', '.join(peaks)}")
        if names := self.too_large():
            text = f"ERROR: {', '.join(names)} took more than {LIMIT_MIB} MiB of memory"
            terminalreporter.write_line(text, red=True)
