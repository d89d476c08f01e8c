r"""Measures how fits scale over devices and processes, with equal results.

  python -m experiments.scaling --config=configs/digits.py --workdir=runs/digits

Reads base/. Runs `experiments.fit` in subprocesses: with 1, 2 and 4 CPU devices, and as
two processes with one device each that connect over localhost. Every device gets the
same number of instances (weak scaling), and all fits have the same start. Writes
scaling/: a run folder per case, with a metrics.json. A second run measures again.
"""

import os
import pathlib
import shutil
import socket
import subprocess
import sys
from typing import NamedTuple

import numpy as np
from ml_collections import ConfigDict

from experiments.recipe.opening import opened
from experiments.recipe.planned import as_planned
from experiments.running import launch, run_folder
from wsjax import files, store, tree

_GROUPS = 4  # Groups per process; the first one compiles and is not timed.
_TOLERANCE = 1e-3  # Of a weight: a fit amplifies differences in rounding.
_RECIPE = '''"""The recipe beside this file."""

import json
import pathlib

from ml_collections import ConfigDict


def get_config() -> ConfigDict:
    """Returns it."""
    path = pathlib.Path(__file__).with_suffix(".json")
    return ConfigDict(json.loads(path.read_text()))
'''


class Case(NamedTuple):
    """A number of processes, and of CPU devices that each has."""

    devices: int
    processes: int = 1

    @property
    def total(self) -> int:
        """Devices of all processes."""
        return self.devices * self.processes


CASES = (Case(1), Case(2), Case(4), Case(1, processes=2))
"""The cases that are measured; the first is the reference for the others."""


def run(config: ConfigDict, workdir: str) -> list[dict]:
    """Fits in all cases, prints a table and returns its lines as dicts.

    Raises:
      ValueError: if a fit fails, there are too few instances, or a weight differs from
        that of the first case by more than 1e-3.
    """
    data, root = opened(config, workdir)
    run_folder.need(root / "base" / "folded", "train_base")
    n = min(filter(None, (config.fit.n, len(data.part))))
    share = n // max(case.total for case in CASES) // _GROUPS  # Per device and group.
    if not share:
        raise ValueError(
            f"{n} instances are too few to scale, expected at least "
            f"{_GROUPS * max(case.total for case in CASES)}; raise --config.fit.n"
        )
    folder = root / "scaling"
    shutil.rmtree(folder, ignore_errors=True)
    lines, first = [], None
    for case in CASES:
        place = folder / f"{case.processes}_of_{case.devices}"
        fitted = _fit(config, root, place, case, share, first)
        first = first or fitted
        lines.append(_line(case, fitted, first, lines))
        print(_shown(lines), flush=True)
        _check(case, lines[-1])
        files.write_json(place / "metrics.json", lines[-1])
    return lines


def _fit(config, root, place, case: Case, share: int, first) -> pathlib.Path:
    """Prepares a run folder in `place` and runs a case; returns the fits' folder."""
    own = config.copy_and_resolve_references()
    own.fit.n = case.total * share * _GROUPS
    own.fit.group = case.devices * share
    shutil.copytree(root / "base", place / "base")
    fitted = place / "fit" / config.adapter.name
    # Copies one start for all cases, if there is one: its cost does not scale.
    for name in ("start", "guess", "layout.json"):
        source = (first or root / "fit" / config.adapter.name) / name
        if source.is_dir():
            shutil.copytree(source, fitted / name)
        elif source.exists():
            shutil.copy(source, fitted / name)
    files.write_json(place / "config.json", own.to_dict())
    files.write_bytes(place / "config.py", _RECIPE.encode())
    _run(place, case)
    return fitted


def _run(place: pathlib.Path, case: Case) -> None:
    """Starts the processes of a case and waits; a ValueError if one fails."""
    with socket.socket() as server:
        server.bind(("localhost", 0))
        address = f"--coordinator=localhost:{server.getsockname()[1]}"
    command = [sys.executable, "-m", "experiments.fit"]
    command += [f"--config={place / 'config.py'}", f"--workdir={place}"]
    if case.processes > 1:
        command += [address, f"--processes={case.processes}"]
    devices = {"JAX_NUM_CPU_DEVICES": str(case.devices), "JAX_PLATFORMS": "cpu"}
    started = []
    for i in range(case.processes):
        own = [f"--process={i}"] if case.processes > 1 else []
        with (place / f"process_{i}.log").open("w") as log:
            streams = {"stdout": log, "stderr": subprocess.STDOUT}
            environment = {**os.environ, **devices}
            started.append(
                subprocess.Popen([*command, *own], env=environment, **streams)
            )
    codes = [process.wait() for process in started]
    for i, code in enumerate(codes):
        if code:
            log = place / f"process_{i}.log"
            last = log.read_text().strip().splitlines()[-1:] or ["it said nothing"]
            raise ValueError(f"the fit of {log} ended with code {code}: {last[0]}")


def _line(case: Case, fitted: pathlib.Path, first: pathlib.Path, lines) -> dict:
    """Table line of a case: speed, and difference to the weights in `first`."""
    n = store.manifest(fitted)["n"]
    speed = _speed(fitted, case.processes)
    common = slice(store.manifest(first)["n"])
    (ours, _), (theirs, _) = (store.load(x, rows=common) for x in (fitted, first))
    pairs = zip(tree.named(ours).values(), tree.named(theirs).values(), strict=True)
    away = [_away(*pair) for pair in pairs]
    return {
        "devices": case.devices,
        "processes": case.processes,
        "fields": n,
        "seconds": round(n / speed, 3),
        "fields_per_second": round(speed, 2),
        "ratio": round(speed / lines[0]["fields_per_second"], 3) if lines else 1.0,
        "difference": max(away),
        "identical": max(away) == 0.0,
    }


def _away(a: np.ndarray, b: np.ndarray) -> float:
    """Largest absolute difference; infinite if an entry is not finite and differs."""
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    with np.errstate(invalid="ignore"):
        away = np.where(same, 0.0, np.abs(a - b))
    return float(np.where(np.isnan(away), np.inf, away).max())


def _speed(fitted: pathlib.Path, processes: int) -> float:
    """Fields per second of all processes, without the first group, which compiles."""
    shards = [store.read_shard(p) for p in sorted(fitted.glob("weights_*.safetensors"))]
    speed = 0.0
    for i in range(processes):
        counted = shards[i::processes][1:]
        seconds = sum(shard.cost["seconds"] for shard in counted)
        speed += sum(len(shard.instances) for shard in counted) / max(seconds, 1e-3)
    return speed


def _check(case: Case, line: dict) -> None:
    """Raises a ValueError if weights differ by more than the tolerance."""
    if not line["difference"] <= _TOLERANCE:
        raise ValueError(
            f"weights from {case.processes} processes of {case.devices} devices differ "
            f"by {line['difference']:.3g} from those of one device, expected at most "
            f"{_TOLERANCE:g}: fits depend on how they are spread, which is a defect"
        )


def _shown(lines: list[dict]) -> str:
    """The newest table line as text; the first comes with a header."""
    shown = "  ".join(f"{value!s:>{len(key)}}" for key, value in lines[-1].items())
    return shown if len(lines) > 1 else "  ".join(lines[-1]) + "\n" + shown


if __name__ == "__main__":
    launch.main(as_planned(run))
