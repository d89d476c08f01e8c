"""Several processes on one run folder: together they share it, uninvited they wait."""

import resource
import signal
import time

import pytest

from tests import kills, runs


@pytest.fixture(scope="module")
def environments(environment):
    """Of two processes with other numbers of devices."""
    return environment, {**environment, "JAX_NUM_CPU_DEVICES": "1"}


@pytest.fixture
def folder(tmp_path):
    return runs.with_base(tmp_path / "run")


def until(processes, folder, count):
    """Waits until there are so many shards."""
    while kills.shards(folder) < count:
        if any(process.poll() is not None for process in processes):
            runs.kill(processes)
            raise AssertionError("ended too early")
        time.sleep(0.001)


def test_two_processes_write_what_one_does(folder, unbroken, environments):
    said = runs.ended(runs.pair(folder, environments, *kills.FLAGS))
    assert not runs.differences(folder, unbroken)
    assert f"n_done {kills.N}" in said[0]
    halves = [f"{kills.N // 2}/{kills.N // 2}" in text for text in said]
    assert halves == [True, True]  # Each has fitted its own.


def test_what_two_began_until_one_failed_one_finishes(folder, unbroken, environments):
    processes = runs.pair(folder, environments, *kills.FLAGS)
    until(processes, folder, 5)
    # From now on every file of the second is too large, as on a disk without space.
    resource.prlimit(processes[1].pid, resource.RLIMIT_FSIZE, (512, 512))
    output, _ = processes[1].communicate(timeout=30)  # It does not wait for the first.
    assert processes[1].returncode == 1 and "Traceback" not in output
    assert "error: " in output.splitlines()[-1]
    assert "cannot be written: File too large" in output.splitlines()[-1]
    runs.kill(processes[:1])
    assert kills.shards(folder) < kills.ALL
    runs.finish("fit", folder, environments[1], *kills.FLAGS)
    assert not runs.differences(folder, unbroken)


def test_what_one_began_two_finish_and_mend(folder, unbroken, environments):
    process = runs.start("fit", folder, environments[0], *kills.FLAGS)
    until([process], folder, 5)
    runs.kill([process])
    done = sorted((folder / "fit" / runs.NAME).glob("weights_*.safetensors"))
    done[1].write_bytes(done[1].read_bytes()[:-40])  # Of the second process.
    runs.ended(runs.pair(folder, environments, *kills.FLAGS))
    assert not runs.differences(folder, unbroken)
    for path in done[2:4]:  # One of each.
        flip(path)
    runs.ended(runs.pair(folder, environments, *kills.FLAGS))
    assert not runs.differences(folder, unbroken)


def flip(path):
    """Turns over one bit of the weights."""
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def test_a_second_run_is_refused_while_the_first_one_lives(
    folder, unbroken, environment
):
    first = runs.start("fit", folder, environment, *kills.FLAGS)
    until([first], folder, 1)
    first.send_signal(signal.SIGSTOP)  # Alive, and not done before the second begins.
    second = runs.start("fit", folder, environment, *kills.FLAGS)
    output, _ = second.communicate(timeout=60)
    assert second.returncode == 1
    (line,) = [x for x in output.splitlines() if not x.startswith("fit ")]
    assert line.startswith(f"error: {folder} is in use by process {first.pid} on ")
    assert line.endswith("; wait for it to end, or choose another --workdir")
    runs.kill([first])
    runs.finish("fit", folder, environment, *kills.FLAGS)
    assert not runs.differences(folder, unbroken)


def test_flags_that_name_processes_by_half_are_refused(tmp_path, environment):
    wrong = {
        "several processes need --coordinator, --processes, --process; --processes, "
        "--process not given": ["--coordinator=localhost:1"],
        "--process=2 should be one of 0 to 1, for --processes=2; correct one of them": [
            "--coordinator=localhost:1",
            "--processes=2",
            "--process=2",
        ],
    }
    started = {
        line: runs.start("fit", tmp_path / "run", environment, *flags)
        for line, flags in wrong.items()
    }
    for line, process in started.items():
        output, _ = process.communicate(timeout=60)
        assert (process.returncode, output) == (1, f"error: {line}\n")
    assert not (tmp_path / "run").exists()
