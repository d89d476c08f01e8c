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
from it.
"""

import pathlib
from collections.abc import Sequence

from absl import flags
from ml_collections import ConfigDict

from experiments import generation, pipeline, reconstruction
from experiments.page import results
from experiments.running import compiled, launch, run_folder
from wsjax import files

_SEEDS = flags.DEFINE_list("seeds", ["0", "1", "2"], "Seeds, whole numbers.")
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
      ValueError: if a seed is given twice, or there is none; if `also` names no study.
    """
    if not seeds or len(set(seeds)) < len(seeds):
        raise ValueError(f"--seeds={seeds}: expected different whole numbers")
    if unknown := set(also) - {"generation", "reconstruction"}:
        raise ValueError(f"--also={min(unknown)}: expected generation, reconstruction")
    names = generation.rows()
    if names and "generation" not in also:
        raise ValueError(f"--rows={','.join(names)} needs --also=generation")
    generation.check(config, names)
    root, folders = pathlib.Path(workdir), []
    for seed in seeds:
        one = config.copy_and_resolve_references()
        one.seed, folder = seed, root / f"seed-{seed}"
        print(f"seed {seed}", flush=True)
        with run_folder.held(str(folder)):
            pipeline.run(one, str(folder))
            if "reconstruction" in also:
                first = str(folders[0]) if folders else ""
                reconstruction.run(one, str(folder), like=first)
            if "generation" in also:
                generation.run(one, str(folder), names=names)
        folders.append(folder)
        compiled.forget()
    found = results.summary(folders, seeds)
    path = root / "study" / "metrics.json"
    files.write_json(path, files.finite(found))
    print(path, flush=True)
    return found


def _whole(text: str) -> int:
    if not text.strip().isdigit():
        raise ValueError(f"--seeds={text}: expected whole numbers, such as 0,1,2")
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
