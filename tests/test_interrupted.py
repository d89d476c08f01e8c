"""A pipeline killed again and again ends where an unbroken one does, bit for bit."""

import json
import time

import numpy as np

from tests import runs
from wsjax import costs, store

# Each is written in the middle of a stage of the tiny recipe. Fits and the training of
# denoisers are killed by tests of their own.
MOMENTS = (
    "base/checkpoints/20/_CHECKPOINT_METADATA",
    "base/rehearsal/2/_CHECKPOINT_METADATA",
    "samples/mlora_asym/weights_00000000.safetensors",
    "evaluate/mlora_asym/baselines.json",
)
FLAGS = (
    "--config.base.rehearsal.episodes=4",
    *("--config.fit.compare=0", "--config.structure.n=0"),
)


def _kill_when(path, folder, environment) -> None:
    process = runs.start("pipeline", folder, environment, *FLAGS)
    while process.poll() is None and not path.exists():
        time.sleep(0.002)
    assert process.poll() is None, f"ended before {path}: {process.stdout.read()}"
    runs.kill([process])


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
    output = runs.finish("pipeline", unbroken, environment, *FLAGS)
    assert str(unbroken / "report.html") in output
    for moment in MOMENTS:
        _kill_when(broken / moment, broken, environment)
    runs.finish("pipeline", broken, environment, *FLAGS)
    assert _metrics(broken) == _metrics(unbroken)
    for stage in ("fit", "samples"):
        ours, _ = store.load(broken / stage / "mlora_asym")
        theirs, _ = store.load(unbroken / stage / "mlora_asym")
        for layer, factors in theirs.items():
            for name, leaf in factors.items():
                np.testing.assert_array_equal(ours[layer][name], leaf)
