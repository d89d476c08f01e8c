"""What a plan predicted beside what other instances give, and curves of these."""

import pathlib
from collections.abc import Callable

from experiments.fitting import front
from experiments.running import run_folder
from wsjax import files

__all__ = ["curves", "predictions"]

Again = Callable[[dict], dict]
"""`again(line) -> line`: the trial of a line of the plan, on other instances."""


def predictions(folder: pathlib.Path, part: str, again: Again, quality: str) -> None:
    """Fits the front again and writes check.json, by part.

    Args:
      folder: plan/ of the run folder.
      part: of the other instances, a key of the file.
      again: fits them.
      quality: `psnr_db` or `iou`.
    """
    best = files.read_lines(folder / "front.jsonl")
    rows = [front.compared(line, again(line), quality) for line in best]
    path = folder / "check.json"
    known = files.read_json(path) if path.exists() else {}
    files.write_json(path, known | {part: front.summary(rows, quality)})
    for row in rows:
        run_folder.told(f"check on {part}", row)


def curves(
    folder: pathlib.Path,
    again: Again,
    base_seconds: Callable[[dict], float],
    quality: str,
) -> None:
    """Fits the best setting of each representation and size again.

    Writes <representation>/metrics.json; the keys of a size, the nearest power of two,
    end with it: the numbers, the quality and its interval, what a fit and its base
    cost, and how smooth the weights are. The setting is the best on the instances of
    the plan.

    Args:
      folder: plan/ of the run folder.
      again: fits a line to the instances that judge.
      base_seconds: CPU-seconds that the base of a line took.
      quality: `psnr_db` or `iou`.
    """
    measure = f"{quality}_mean"
    found: dict[str, dict] = {}
    for path in sorted(folder.glob("*/trials.jsonl")):
        lines = front.settings(files.read_lines(path), measure)
        for line in front.best_of(lines, measure):
            judged, size = again(line), front.about(line)
            own = found.setdefault(path.parent.name, {"n": judged["n"]})
            own |= {
                f"numbers_{size}": line["numbers_per_field"],
                f"{quality}_{size}": judged.get(measure),
                f"{quality}_{size}_ci95": judged.get(f"{quality}_ci95"),
                f"cpu_milliseconds_{size}": 1e3 * judged["cpu_seconds_per_field"],
                f"base_cpu_seconds_{size}": base_seconds(line),
                f"components_90_{size}": judged.get("components_90"),
                f"fd_gaussian_{size}": judged.get("fd_gaussian"),
            }
    for name, metrics in found.items():
        files.write_json(folder / name / "metrics.json", metrics)
