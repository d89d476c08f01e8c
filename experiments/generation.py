r"""The generation study: trains and judges all generators of a recipe alike.

  python -m experiments.generation --config=configs/digits.py --workdir=runs/digits

Runs train_base, fit, train_diffusion, sample and evaluate for the recipe's own
generator and for each in `config.generators` but those that end in `_long`, or for
those that `--rows` names; finished stages are kept. The recipe's own representation is
fitted first, as trivial generators that see its weights are the bar of all. Writes
generation.json (metrics and CPU-seconds of each generator) and the report. A generator
that fails stops no other: generation.json has the reason as `failed`, and the binary
ends with an error.
"""

import pathlib
from collections.abc import Sequence

from absl import flags
from ml_collections import ConfigDict

from experiments import (
    evaluate,
    fit,
    report,
    sample,
    train_base,
    train_diffusion,
)
from experiments.domain.data import Data
from experiments.recipe.generator import (
    OURS,
    chosen,
    generator_name,
    short,
    with_generator,
)
from experiments.recipe.opening import opened
from experiments.recipe.planned import as_planned
from experiments.recipe.representation import standalone, with_name
from experiments.running import launch, parts
from wsjax import costs, files

_ROWS = flags.DEFINE_list("rows", [], "Generators, such as ours,paper_ddpm_long.")

# Metrics in the closing table, by prefix.
_SHOWN = ("fd_pixel", "fd_grid", "novelty_function", "audit", "class_acc", "cpu_sec")


def run(
    config: ConfigDict, workdir: str, *, names: Sequence[str] = ()
) -> dict[str, dict[str, float]]:
    """Trains and judges generators; returns metrics and costs by generator.

    `names`: "ours" and keys of `config.generators`; (): all that are not long.

    Raises:
      ValueError: if the recipe has no such generator; if generation.json has another
        form; at the end, if generators failed, naming them and the reasons.
    """
    path = pathlib.Path(workdir) / "generation.json"
    check(config, names)
    rows = files.read_rows(path) if path.exists() else {}
    data, _ = opened(config, workdir)  # No folder of another recipe gets any row.
    listed = served(config, names, data)
    # If this fails, others are still judged: each by a bar of its own weights.
    parts.each([OURS], lambda name: fits(with_generator(config, name), workdir))

    def judge(name: str) -> None:
        one = with_generator(config, name)
        rows[generator_name(one)] = _judged(one, workdir)
        files.write_json(path, rows)

    _, failed = parts.each(listed, judge)
    for name, reason in failed.items():
        own = generator_name(with_generator(config, name))
        rows[own] = rows.get(own, {}) | {"failed": reason}
    files.write_json(path, rows)
    if len(failed) < len(listed):
        report.run(config, workdir)
    _print_table(rows)
    parts.refuse(failed, "generators")
    return rows


def check(config: ConfigDict, names: Sequence[str]) -> None:
    """Refuses names that are no generators, before hours of work; a ValueError."""
    for name in names:
        chosen(with_generator(config, name))


def served(config: ConfigDict, names: Sequence[str], data: Data) -> list[str]:
    """The generators of these names that need no labels, or all if there are labels.

    `names`: as of `run`.
    """
    listed = []
    for name in names or short(config):
        needs = chosen(with_generator(config, name)).diffusion.conditional
        if needs and data.labels is None:
            print(f"{name}: left out, the data have no labels", flush=True)
        else:
            listed.append(name)
    return listed


def rows() -> Sequence[str]:
    """The generators that the flag `--rows` names."""
    return _ROWS.value


def fits(config: ConfigDict, workdir: str) -> dict[str, dict[str, float]]:
    """Runs the stages before a generator learns; returns the metrics of each."""
    form = with_name(config, chosen(config).adapter.name)
    stages = {} if standalone(form) else {"base": train_base.run(form, workdir)}
    return stages | {"fit": fit.run(form, workdir)}


def _judged(config: ConfigDict, workdir: str) -> dict[str, float]:
    """Runs all stages of one generator; returns its metrics and CPU-seconds."""
    stages = fits(config, workdir)
    if teacher := chosen(config).diffusion.teacher:
        taught = with_generator(config, teacher)
        stages |= {"teacher": train_diffusion.run(taught, workdir)}
    stages["denoiser"] = train_diffusion.run(config, workdir)
    sample.run(config, workdir)
    verdict = evaluate.run(config, workdir)
    spent = {f"cpu_seconds_{stage}": m["cpu_seconds"] for stage, m in stages.items()}
    spent["cpu_seconds_training"] = sum(spent.values())
    spent["compile_seconds_denoiser"] = stages["denoiser"]["compile_seconds"]
    kept = {key: x for key, x in verdict.items() if key not in costs.KEYS}
    return kept | spent


def _print_table(rows: dict[str, dict[str, float]]) -> None:
    for name, row in rows.items():
        for key, value in row.items():
            ends = key.endswith(("_floor", "_ceiling", "_ci95"))
            number = isinstance(value, int | float)
            if key.startswith(_SHOWN) and not ends and number:
                print(f"  {name:20} {key:32} {value:.4g}")
        if "failed" in row:
            print(f"  {name:20} failed: {row['failed']}")


if __name__ == "__main__":
    launch.main(as_planned(lambda config, workdir: run(config, workdir, names=rows())))
