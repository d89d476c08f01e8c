"""A pytest plugin: reports the peak memory of each test process, and fails above 2 GiB.

With pytest-xdist a test process is a worker; what a test starts counts as its own.
"""

import ctypes
import pathlib
import re
import resource
import sys

import pytest

LIMIT_MIB = 2048
_UNIT = 2**20 if sys.platform == "darwin" else 2**10  # macOS counts bytes, others KiB.


def peak_mib() -> float:
    """Largest resident set of this process, or of one it started and waited for."""
    of_children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / _UNIT
    return max(_own_peak_mib(), of_children)


def _own_peak_mib() -> float:
    """Linux hands `ru_maxrss` down from parent to child, but not this mark."""
    try:
        status = pathlib.Path("/proc/self/status").read_text()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _UNIT
    [kib] = re.findall(r"VmHWM:\s+(\d+) kB", status)
    return int(kib) / 2**10


def trim() -> None:
    """Has the C library hand back what is free; only that of Linux keeps much of it."""
    if sys.platform == "linux" and hasattr(library := ctypes.CDLL(None), "malloc_trim"):
        library.malloc_trim(0)


class Peaks:
    """Collects peaks, from the workers if there are any, else from this process."""

    def __init__(self):
        """Starts without any."""
        self.peaks: dict[str, float] = {}  # MiB by the name of the process.

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node, error):
        """Takes the peak that a worker sent; one that crashed sent none."""
        if "peak_mib" in getattr(node, "workeroutput", {}):
            self.peaks[node.gateway.id] = node.workeroutput["peak_mib"]

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session):
        """Sends the peak of a worker; elsewhere judges all of them."""
        if hasattr(session.config, "workeroutput"):
            session.config.workeroutput["peak_mib"] = peak_mib()
            return
        self.peaks = self.peaks or {"this process": peak_mib()}
        if self.too_large() and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def too_large(self) -> list[str]:
        """Names of the processes above the limit."""
        return sorted(k for k, v in self.peaks.items() if v > LIMIT_MIB)

    def pytest_terminal_summary(self, terminalreporter):
        """Writes a line of peaks, and an error for those above the limit."""
        lines = (f"{name} {mib:.0f} MiB" for name, mib in sorted(self.peaks.items()))
        terminalreporter.write_line(f"peak memory: {', '.join(lines)}")
        if names := self.too_large():
            text = f"ERROR: {', '.join(names)} took more than {LIMIT_MIB} MiB of memory"
            terminalreporter.write_line(text, red=True)
