"""Fits of the tiny recipe in real processes, and what they leave behind."""

import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys

import jax
import numpy as np
from threadpoolctl import threadpool_limits

from configs import digits
from experiments.domain import representation as forms
from experiments.recipe import dataset, representation
from experiments.recipe.fits import fit_options_of
from experiments.running import compiled, run_folder
from experiments.running.keys import keys
from wsjax import adapters, checkpoint, costs, fields, store, tree

ROOT = pathlib.Path(__file__).parents[1]
NAME = "mlora_asym"


def environment(cache: pathlib.Path, *, devices: int = 2) -> dict[str, str]:
    """For processes that share what they compiled, fast, and differ in nothing else."""
    return {
        **os.environ,
        "JAX_COMPILATION_CACHE_DIR": str(cache),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",
        "JAX_NUM_CPU_DEVICES": str(devices),
        "OMP_NUM_THREADS": "1",
    }


def through(folder: pathlib.Path, config, *binaries) -> pathlib.Path:
    """Runs binaries in this process, one after the other; returns the folder.

    Compiled programs of one are forgotten before the next, as those of a process.
    """
    with threadpool_limits(1):
        for binary in binaries:
            binary.run(config, str(folder))
            compiled.forget()
    return folder


def start(binary: str, folder, env: dict, *flags: str, recipe="digits", **options):
    """Starts a binary on the tiny recipe."""
    command = [sys.executable, "-m", f"experiments.{binary}", f"--workdir={folder}"]
    command += [f"--config=configs/{recipe}.py:tiny", *flags]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT} | options
    return subprocess.Popen(command, cwd=ROOT, env=env, text=True, **streams)


def finish(binary: str, folder, env: dict, *flags: str, **options) -> str:
    """Runs a binary to its end; returns what it said."""
    return ended([start(binary, folder, env, *flags, **options)])[0]


def pair(folder, envs: tuple[dict, dict], *flags: str) -> list[subprocess.Popen]:
    """Starts one fit in two processes that meet over loopback."""
    with socket.socket() as server:
        server.bind(("localhost", 0))
        port = server.getsockname()[1]
    common = [f"--coordinator=localhost:{port}", "--processes=2", *flags]
    return [
        start("fit", folder, env, f"--process={i}", *common)
        for i, env in enumerate(envs)
    ]


def kill(processes: list[subprocess.Popen]) -> None:
    """Kills what still runs."""
    for process in processes:
        process.send_signal(signal.SIGKILL)
    for process in processes:
        process.communicate(timeout=60)


def ended(processes: list[subprocess.Popen]) -> list[str]:
    """What processes say that have to end well."""
    try:
        said = [process.communicate(timeout=600)[0] for process in processes]
    finally:
        kill([process for process in processes if process.poll() is None])
    assert not any(process.returncode for process in processes), said
    return said


def with_base(folder: pathlib.Path) -> pathlib.Path:
    """A run folder with a base that never was trained: here any will do."""
    config = digits.get_config("tiny")
    base = representation.network(config, 1).field.init(jax.random.key(0))
    checkpoint.save(folder / "base" / "folded", 0, base)
    return folder


def untrained():
    """Options, representation and data of the tiny digits, on an untrained base."""
    config = digits.get_config("tiny")
    data = dataset.load(config)
    network = representation.network(config, data.channels)
    base = network.field.init(keys(config.seed)["base"])
    wiring = fields.residual_wiring(base)
    form = forms.Representation(
        "mlora", network.field, adapters.mlora(rank=2), base, wiring, False
    )
    return fit_options_of(config), form, data


def begun(other: pathlib.Path, folder: pathlib.Path) -> pathlib.Path:
    """A run folder with the base of another one, and the start of its fit."""
    shutil.copytree(other / "base", folder / "base")
    for kept in ("start", "guess"):
        shutil.copytree(other / "fit" / NAME / kept, folder / "fit" / NAME / kept)
    shutil.copy(other / "fit" / NAME / "layout.json", folder / "fit" / NAME)
    return folder


def differences(folder: pathlib.Path, other: pathlib.Path) -> list[str]:
    """In what a finished fit differs from another one of the same recipe and data."""
    found = []
    ours, theirs = ((x / "fit" / NAME) for x in (folder, other))
    (weights, instances), (same, expected) = store.load(ours), store.load(theirs)
    names = [i["name"] for i in instances]
    if sorted(set(names)) != sorted(names):
        found.append("an instance is there twice")
    if instances != expected:
        found.append("the instances differ")
    for (name, leaf), wanted in zip(
        tree.named(weights).items(), tree.named(same).values(), strict=True
    ):
        if not np.array_equal(leaf, wanted, equal_nan=True):
            found.append(f"{name} differs")
    if store.damaged(ours):
        found.append("the sums of the manifest do not hold")
    if metrics(ours) != metrics(theirs):
        found.append(f"metrics differ: {metrics(ours)}, {metrics(theirs)}")
    return found + leftovers(folder)


def leftovers(folder: pathlib.Path) -> list[str]:
    """What a finished run should not leave: temporary files, a lock that is held."""
    found = [f"{path} is left" for path in folder.rglob("*.tmp")]
    try:
        with run_folder.held(str(folder)):
            return found
    except ValueError as error:
        return [*found, str(error)]


def metrics(folder: pathlib.Path) -> dict:
    """The metrics of a stage that do not depend on the speed of the machine."""
    content = json.loads((folder / "metrics.json").read_text())
    return {k: v for k, v in content.items() if k not in costs.KEYS}
