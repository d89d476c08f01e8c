r"""Kills fits at random moments; what they leave must end like an unbroken one.

  python -m tests.kills --kills=200 --seed=0

Every kill is a SIGKILL of a real process; the next one goes on in the same run folder
until it is whole. Then each instance must be there once, with the weights, bit for bit,
and the metrics of a run that nobody touched. `test_kills.py` runs a few of them.
"""

import argparse
import collections
import pathlib
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from tests import runs

# Many small shards of some 100 ms each.
N, GROUP = 160, 4
ALL = N // GROUP  # Shards.
FLAGS = (f"--config.data.n={N}", f"--config.fit.group={GROUP}")
FLAGS += ("--config.fit.steps=400",)
# What a kill waits for, and how often.
KINDS = {"start-up": 0.25, "shards": 0.3, "write": 0.3, "end": 0.15}
ENDED, METRICS = "too late", "after the metrics"
_POLL = 0.0005  # Seconds.


class Times(NamedTuple):
    """Seconds of a run until its first shard, between the first and the last, after."""

    begin: float
    shards: float
    end: float


def shards(folder: pathlib.Path) -> int:
    """How many shards there are."""
    return len(list((folder / "fit" / runs.NAME).glob("weights_*.safetensors")))


def _wait(process, ready) -> None:
    """Waits until `ready()` or until the process has ended."""
    while process.poll() is None and not ready():
        time.sleep(_POLL)


def timed(folder: pathlib.Path, env: dict) -> Times:
    """Runs a fit to its end."""
    begin, marks = time.perf_counter(), []
    process = runs.start("fit", folder, env, *FLAGS)
    for count in (1, ALL):
        _wait(process, lambda count=count: shards(folder) >= count)
        marks.append(time.perf_counter() - begin)
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output
    return Times(marks[0], marks[1] - marks[0], time.perf_counter() - begin - marks[1])


def kill(folder: pathlib.Path, env: dict, kind: str, share: float, times: Times) -> str:
    """Starts a fit and kills it; returns where that was, or ENDED if it was too late.

    Args:
      folder: the run folder, fresh or left by an earlier kill.
      env: environment of the process.
      kind: what to wait for first: of "start-up" nothing, of "shards" the first new
        one, of "write" a file that is being written, of "end" the last shard.
      share: how far into that part the kill falls, in [0, 1).
      times: of an unbroken run.
    """
    before = shards(folder)
    left = ALL - before
    enough = {"shards": before + 1, "write": before + int(share * left), "end": ALL}
    span = {"start-up": times.begin, "shards": times.shards * left / ALL}
    seconds = share * span.get(kind, times.end)
    if not left:
        enough, seconds = {}, share * (times.begin + times.end)
    process = runs.start("fit", folder, env, *FLAGS)
    _wait(process, lambda: shards(folder) >= enough.get(kind, 0))
    if kind == "write":
        _wait(process, lambda: _temporary(folder))
    else:
        until = time.perf_counter() + seconds
        _wait(process, lambda: time.perf_counter() > until)
    process.send_signal(signal.SIGKILL)  # Does nothing to one that has ended.
    output, _ = process.communicate()
    if process.returncode == 0:
        return ENDED
    assert process.returncode == -signal.SIGKILL, output
    return _place(folder, before)


def _temporary(folder: pathlib.Path) -> list[str]:
    return [path.name for path in (folder / "fit").rglob("*.tmp")]


def _place(folder: pathlib.Path, before: int) -> str:
    """Where a kill has fallen, from what it left."""
    place, count = folder / "fit" / runs.NAME, shards(folder)
    if (place / "metrics.json").exists():
        where = METRICS
    elif (place / "manifest.json").exists():
        where = "after the manifest"
    elif count == ALL:
        where = "after the last shard"
    else:
        where = "between shards" if count > before else "before the first new shard"
    names = {name.partition(".")[0].partition("_")[0] for name in _temporary(folder)}
    return f"{where}, {'+'.join(names)} half written" if names else where


def trials(
    root: pathlib.Path, env: dict, times: Times, moments: Iterable, kills: int
) -> tuple[collections.Counter, list[str]]:
    """Kills fits; returns where they fell, and in what any of them ended differently.

    Args:
      root: folder of the run "unbroken"; the others are made and removed there.
      env: environment of the processes.
      times: of the unbroken run.
      moments: pairs `(kind, share)`, as `kill` takes them.
      kills: how many there shall be; those that came too late do not count.
    """
    places, found, done = collections.Counter(), [], 0
    folder = runs.with_base(root / f"broken_{done}")
    for kind, share in moments:
        where = kill(folder, env, kind, share, times)
        places[where] += 1
        count = places.total() - places[ENDED]
        print(f"{count:4} {folder.name} {kind} {share:.3f}: {where}", flush=True)
        if count == kills:
            break
        if where.startswith((METRICS, ENDED)):
            found += check(root, folder, env)
            done += 1
            folder = runs.with_base(root / f"broken_{done}")
    return places, found + check(root, folder, env)


def check(root: pathlib.Path, folder: pathlib.Path, env: dict) -> list[str]:
    """Finishes a run folder, compares it with the unbroken one, and deletes it."""
    runs.finish("fit", folder, env, *FLAGS)
    found = [f"{folder.name}: {x}" for x in runs.differences(folder, root / "unbroken")]
    print(f"     {folder.name} finished: {found or 'no difference'}", flush=True)
    shutil.rmtree(folder)
    return found


def _drawn(seed: int) -> Iterator[tuple[str, float]]:
    generator = np.random.default_rng(seed)
    while True:
        kind = generator.choice(list(KINDS), p=list(KINDS.values()))
        yield str(kind), float(generator.uniform())


def main() -> int:
    """Kills as often as the flags say; returns 1 if there was any difference."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    begin = time.perf_counter()
    with tempfile.TemporaryDirectory() as name:
        root = pathlib.Path(name)
        env = runs.environment(root / "compiled")
        for folder in ("first", "unbroken"):  # The first compiles.
            times = timed(runs.with_base(root / folder), env)
        print(f"seed {options.seed}, {times}", flush=True)
        found = runs.differences(root / "first", root / "unbroken")
        places, more = trials(root, env, times, _drawn(options.seed), options.kills)
    for where, count in places.most_common():
        print(f"{count:4} {where}")
    for line in (found := found + more):
        print(line)
    verdict = f"{len(found)} DIFFERENCES" if found else "no difference"
    print(f"{options.kills} kills, {time.perf_counter() - begin:.0f} s: {verdict}")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
