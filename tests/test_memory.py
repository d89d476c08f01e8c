"""The suite's own bound on memory, seen from a run of pytest in a fresh process."""

import os
import subprocess
import sys

import pytest

from tests import memory, runs

CONFTEST = """
from tests import memory
memory.LIMIT_MIB = {limit}
def pytest_configure(config):
    config.pluginmanager.register(memory.Peaks())
"""


def run(folder, limit, *flags, body="pass"):
    """Return code and output of a suite of one passing test."""
    (folder / "conftest.py").write_text(CONFTEST.format(limit=limit))
    (folder / "test_it.py").write_text(f"def test_it():\n    {body}\n")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *flags, "."]
    env = os.environ | {"PYTHONPATH": str(runs.ROOT)}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)
    return done.returncode, done.stdout


@pytest.mark.parametrize("flags", [(), ("-n1",)], ids=["one process", "worker"])
def test_a_process_above_the_limit_fails_a_run_whose_tests_pass(tmp_path, flags):
    code, output = run(tmp_path, 1, *flags)
    assert "1 passed" in output
    assert code == pytest.ExitCode.TESTS_FAILED
    assert f"{'gw0' if flags else 'this process'} took more than 1 MiB" in output


@pytest.mark.parametrize("flags", [(), ("-n1",)], ids=["one process", "worker"])
def test_a_process_below_the_limit_passes_and_says_its_peak(tmp_path, flags):
    code, output = run(tmp_path, memory.LIMIT_MIB, *flags)
    assert code == pytest.ExitCode.OK
    assert f"peak memory: {'gw0' if flags else 'this process'} " in output


def test_the_peak_of_a_process_that_a_test_starts_counts(tmp_path):
    command = [sys.executable, "-c", "x = b'x' * (400 << 20)"]
    body = f"import subprocess; subprocess.run({command}, check=True)"
    assert run(tmp_path, 300)[0] == pytest.ExitCode.OK
    assert run(tmp_path, 300, body=body)[0] == pytest.ExitCode.TESTS_FAILED


def test_failures_keep_their_own_exit_code(tmp_path):
    code, output = run(tmp_path, 1, "-k", "nothing")
    assert code == pytest.ExitCode.NO_TESTS_COLLECTED
    assert "took more than" in output
