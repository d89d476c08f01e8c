"""A plan that is killed ends like one that nobody touched."""

import signal
import subprocess
import sys

import pytest

from tests import runs, waves
from wsjax import costs, files

NAMES = ("gains", "mlp")
TIMES = (*costs.KEYS, "cpu_seconds_per_field", "start_cpu_seconds")
CODE = """
import pathlib, sys
from experiments import plan
from experiments.running import run_folder
from tests import waves

config = waves.recipe(pathlib.Path(sys.argv[1]))
with run_folder.held(sys.argv[2]):
    plan.run(config, sys.argv[2], names=("gains", "mlp"))
"""


@pytest.fixture
def start(tmp_path, environment):
    path = waves.write(tmp_path / "waves.npz")
    return lambda folder: subprocess.Popen(
        [sys.executable, "-c", CODE, str(path), str(folder)],
        cwd=runs.ROOT,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def lines(folder, name):
    return files.read_lines(folder / "plan" / name / "trials.jsonl")


def timeless(content):
    return [{k: x for k, x in line.items() if k not in TIMES} for line in content]


def test_a_killed_plan_ends_like_one_that_nobody_touched(tmp_path, start):
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    process = start(killed)
    while not (killed / "plan" / "mlp").exists():
        assert process.poll() is None, process.communicate()
    process.send_signal(signal.SIGKILL)
    process.communicate()
    first = killed / "plan" / "gains" / "trials.jsonl"
    times = first.stat().st_mtime_ns
    assert not (killed / "recipe.json").exists() and not lines(killed, "mlp")
    runs.ended([start(killed), start(whole)])
    assert first.stat().st_mtime_ns == times
    for name in NAMES:
        assert timeless(lines(killed, name)) == timeless(lines(whole, name)) != []
    for name in ("recipe.json", "plan/recipe.json"):
        assert files.read_json(killed / name) == files.read_json(whole / name)
    assert not runs.leftovers(killed)
