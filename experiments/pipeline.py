r"""Runs every stage of a study in order, from data to the report.

  python -m experiments.pipeline --config=configs/digits.py --workdir=runs/digits

The same command resumes: finished stages are kept, and an interrupted stage continues
where it stopped. With `plan.first=True` in the recipe it plans before anything else
(`experiments.plan`) and goes on with the recipe that the plan chose; a run folder that
was begun without a plan goes on without one.
"""

import pathlib
import time

from ml_collections import ConfigDict

from experiments import (
    analyze,
    evaluate,
    fit,
    plan,
    report,
    sample,
    train_base,
    train_diffusion,
)
from experiments.recipe import checks, dataset
from experiments.recipe.planned import begun_without, planned, wanted
from experiments.recipe.representation import needs_base, representations_of, with_name
from experiments.running import launch

# Metrics in the closing table: prefixes by stage.
_SHOWN = {
    "fit": ("psnr", "pca", "iou", "chamfer_squared", "numbers", "n_failed", "seconds"),
    "evaluate": (
        ("fd_pixel", "fd_grid", "nn_function", "confident", "class")
        + ("mmd_cd", "cov_cd", "one_nna_cd")
    ),
    "analyze": (
        ("one_nn", "logistic", "kmeans")
        + ("pixels_one_nn", "pixels_logistic", "grid_one_nn", "grid_logistic")
        + ("start_", "moved_", "common_", "paired_")
    ),
}


def run(config: ConfigDict, workdir: str) -> dict[str, dict]:
    """Runs the stages, base to report, and prints a table; returns metrics by stage.

    Raises:
      ValueError: before any stage starts, if the data cannot serve the recipe.
    """
    begin = time.perf_counter()
    checks.check(config, dataset.load(config))
    if wanted(config) and not begun_without(pathlib.Path(workdir)):
        plan.run(config, workdir, names=config.plan.choose_from)
        config = planned(config, workdir)
    metrics = {}
    if needs_base(config):
        metrics["base"] = train_base.run(config, workdir)
    metrics["fit"] = fit.run(config, workdir)
    for name in representations_of(config):
        if config.fit.compare and name != config.adapter.name:
            fit.run(with_name(config, name), workdir, limit=config.fit.compare)
    metrics["diffusion"] = train_diffusion.run(config, workdir)
    metrics["sample"] = sample.run(config, workdir)
    metrics["evaluate"] = evaluate.run(config, workdir)
    metrics["analyze"] = analyze.run(config, workdir)
    page = report.run(config, workdir)
    _print_table(metrics)
    print(f"{time.perf_counter() - begin:.0f} s in all\n{page}", flush=True)
    return metrics


def _print_table(metrics: dict[str, dict]) -> None:
    for stage, beginnings in _SHOWN.items():
        for key, value in metrics[stage].items():
            if key.startswith(beginnings) and value is not None:
                print(f"  {stage:9} {key:32} {value:.4g}")


if __name__ == "__main__":
    launch.main(run)
