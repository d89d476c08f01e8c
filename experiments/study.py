r"""Repeats a recipe for several seeds; writes means with intervals.

  python -m experiments.study --config=configs/digits.py --workdir=runs/digits_seeds \
      --seeds=0,1,2,3,4 --also=generation,reconstruction

Each seed chooses its own validation part, trains and draws anew; the test part is the
same for all. Runs the pipeline for every seed in a folder of its own, such as seed-3/;
with `--also`, the named studies as well (`--rows` is the flag of
`experiments.generation`); representations are tuned on the validation part of the first
seed, for all seeds. Finished stages are kept: a second run resumes, a longer list of
seeds adds to it. Writes study/metrics.json, of the seeds that are named: by stage and
row (such as `fit`, `lora`) each metric's mean, half the width of its 95 % Student
interval over seeds, and the values. `experiments.tables` writes tables of results pages
from it. A seed that fails stops no other: the file has the reason as `failed`, and the
binary ends with an error.
"""

import pathlib
import re
from collections.abc import Sequence

from absl import flags
from ml_collections import ConfigDict

from experiments import generation, pipeline, reconstruction
from experiments.page import results
from experiments.recipe import ranges
from experiments.running import launch, parts, run_folder
from wsjax import files

_SEEDS = flags.DEFINE_list("seeds", ["0", "1", "2"], "Seeds, whole numbers.")
_SEED = f"whole numbers from 0 to {ranges.MOST_SEED}, such as 0,1,2"
_ALSO = flags.DEFINE_list("also", [], "Of generation and reconstruction, any.")


def run(
    config: ConfigDict, workdir: str, *, seeds: list[int], also: Sequence[str] = ()
) -> dict[str, dict]:
    """Runs all seeds; returns what study/metrics.json holds.

    Args:
      config: the recipe; its own seed does not matter.
      workdir: the folder of the study.
      seeds: one run each.
      also: "generation", "reconstruction", or both, to be run after the pipeline.

    Raises:
      ValueError: if a seed is given twice or is none that a recipe may have, or there
        is none; if `also` names no study; at the end, if seeds failed, with reasons.
    """
    _check(config, seeds, also)
    root, finished = pathlib.Path(workdir), set()
    like = _reference(root, seeds) if "reconstruction" in also else None

    def one(name: str) -> None:
        nonlocal like
        own, folder = config.copy_and_resolve_references(), root / f"seed-{name}"
        own.seed = int(name)
        if "plan" in own:
            own.plan.first = (
                False  # All seeds are of one recipe, the one that is given.
            )
        print(f"seed {name}", flush=True)
        with run_folder.held(str(folder)):
            pipeline.run(own, str(folder))
            finished.add(own.seed)
            if "reconstruction" in also:
                like = like or folder
            _run_also(own, folder, also, "" if like == folder else str(like or ""))

    # The one that has chosen the trials comes first: the others judge them.
    order = sorted(seeds, key=lambda seed: root / f"seed-{seed}" != like)
    _, failed = parts.each(map(str, order), one)
    done = [seed for seed in seeds if seed in finished]
    if not done:
        parts.refuse(failed, "seeds")
    found = results.summary([root / f"seed-{seed}" for seed in done], done)
    if failed:
        found["failed"] = failed
    path = root / "study" / "metrics.json"
    files.write_json(path, files.finite(found))
    print(path, flush=True)
    parts.refuse(failed, "seeds")
    return found


def _check(config: ConfigDict, seeds: list[int], also: Sequence[str]) -> None:
    """Refuses what no seed could be run with, before hours of work."""
    if not seeds or len(set(seeds)) < len(seeds):
        raise ValueError(f"--seeds={seeds}: expected different whole numbers")
    for seed in seeds:
        if not 0 <= seed <= ranges.MOST_SEED:
            raise ValueError(f"--seeds={seed}: expected {_SEED}")
    if unknown := set(also) - {"generation", "reconstruction"}:
        raise ValueError(f"--also={min(unknown)}: expected generation, reconstruction")
    names = generation.rows()
    if names and "generation" not in also:
        raise ValueError(f"--rows={','.join(names)} needs --also=generation")
    generation.check(config, names)


def _reference(root: pathlib.Path, seeds: list[int]) -> pathlib.Path | None:
    """Folder of the seed that has chosen the trials for all; None if none has begun."""
    folders = [root / f"seed-{seed}" for seed in seeds]
    folders += sorted(root.glob("seed-*"), key=lambda path: files.natural(path.name))
    found = map(reconstruction.reference, folders)
    return next((folder for folder in found if folder is not None), None)


def _run_also(
    config: ConfigDict, folder: pathlib.Path, also: Sequence[str], like: str
) -> None:
    """Runs further studies of a seed; one that fails stops no other.

    `like`: of `reconstruction.run`.
    """
    place, names = str(folder), generation.rows()
    studies = {
        "reconstruction": lambda: reconstruction.run(config, place, like=like),
        "generation": lambda: generation.run(config, place, names=names),
    }
    _, failed = parts.each([x for x in studies if x in also], lambda x: studies[x]())
    if failed:
        raise ValueError("; ".join(f"{name}: {why}" for name, why in failed.items()))


def _whole(text: str) -> int:
    if not re.fullmatch("0*[0-9]{1,10}", text.strip()):
        raise ValueError(f"--seeds={text}: expected {_SEED}")
    return int(text)


if __name__ == "__main__":
    launch.main(
        lambda config, workdir: run(
            config,
            workdir,
            seeds=[_whole(text) for text in _SEEDS.value],
            also=_ALSO.value,
        )
    )
