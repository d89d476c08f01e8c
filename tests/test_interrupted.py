"""A pipeline killed again and again ends where an unbroken one does, bit for bit."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from wsjax import costs, store

ROOT = pathlib.Path(__file__).parents[1]
# Each is written in the middle of a stage of the tiny recipe.
MOMENTS = (
    "base/checkpoints/20/_CHECKPOINT_METADATA",
    "base/rehearsal/2/_CHECKPOINT_METADATA",
    "fit/mlora_asym/weights_00000016.safetensors",
    "diffusion/mlora_asym/checkpoints/20/_CHECKPOINT_METADATA",
    "samples/mlora_asym/weights_00000000.safetensors",
    "evaluate/mlora_asym/baselines.json",
    "structure/lora/metrics.json",
)


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """One compilation cache for all runs: they differ in nothing but the kills."""
    return {
        **os.environ,
        "JAX_COMPILATION_CACHE_DIR": str(tmp_path_factory.mktemp("compiled")),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "OMP_NUM_THREADS": "1",
    }


def _start(folder, environment):
    command = [sys.executable, "-m", "experiments.pipeline"]
    command += ["--config=configs/digits.py:tiny", f"--workdir={folder}"]
    command += ["--config.base.rehearsal.episodes=4"]
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _finish(folder, environment) -> str:
    process = _start(folder, environment)
    output, _ = process.communicate(timeout=400)
    assert process.returncode == 0, output
    return output


def _kill_when(path, folder, environment) -> None:
    process = _start(folder, environment)
    while process.poll() is None and not path.exists():
        time.sleep(0.002)
    assert process.poll() is None, f"ended before {path}: {process.stdout.read()}"
    process.send_signal(signal.SIGKILL)
    process.communicate()


def _metrics(folder) -> dict[str, dict]:
    found = {}
    for path in sorted(folder.rglob("metrics.json")) + sorted(
        folder.rglob("baselines.json")
    ):
        metrics = json.loads(path.read_text())
        name = str(path.relative_to(folder))
        found[name] = {k: v for k, v in metrics.items() if k not in costs.KEYS}
    return found


def test_killed_runs_end_like_an_unbroken_one(tmp_path, environment):
    unbroken, broken = tmp_path / "unbroken", tmp_path / "broken"
    output = _finish(unbroken, environment)
    assert str(unbroken / "report.html") in output
    for moment in MOMENTS:
        _kill_when(broken / moment, broken, environment)
    _finish(broken, environment)
    assert _metrics(broken) == _metrics(unbroken)
    for stage in ("fit", "samples"):
        ours, _ = store.load(broken / stage / "mlora_asym")
        theirs, _ = store.load(unbroken / stage / "mlora_asym")
        for layer, factors in theirs.items():
            for name, leaf in factors.items():
                np.testing.assert_array_equal(ours[layer][name], leaf)
