r"""Fits every instance of a data set with one representation.

  python -m experiments.fit --config=configs/digits.py --workdir=runs/digits \
      --config.adapter.name=mlora_asym

Reads base/, writes fit/<representation>/: the common start, one shard of weights per
group of instances, manifest.json, metrics.json and TensorBoard events. A second run
resumes after the last shard. Only one group of weights is in memory at a time.

Several processes on a shared file system can split the work. Start each with the flags
that tell it about the others; this one is the first of two (on a TPU pod,
`--distributed` is enough):

  python -m experiments.fit --config=configs/digits.py --workdir=runs/digits \
      --coordinator=localhost:12321 --processes=2 --process=0
"""

import json
import pathlib
from collections.abc import Callable

import jax
import numpy as np
from chex import ArrayTree
from ml_collections import ConfigDict

from experiments.domain import surfaces
from experiments.domain.data import Data
from experiments.domain.representation import Representation, entries
from experiments.fitting import engine, groups, layout, linear, start
from experiments.fitting.engine import FitOptions
from experiments.recipe.fits import fit_options_of
from experiments.recipe.opening import opened
from experiments.recipe.planned import as_planned
from experiments.recipe.representation import representation_of
from experiments.running import launch, processes, run_folder, weight_set
from experiments.running.progress import table
from wsjax import costs, files, latent, store, tree
from wsjax.analysis.dimension import components_for
from wsjax.analysis.interval import interval


def run(
    config: ConfigDict, workdir: str, *, limit: int | None = None
) -> dict[str, float]:
    """Fits all instances with the recipe's representation; returns the metrics.

    Args:
      config: the recipe.
      workdir: the run folder.
      limit: fit only the first `limit` instances; a later run without it adds the rest.

    Raises:
      ValueError: if no fit succeeds.
    """
    options = fit_options_of(config)
    with processes.in_turn():
        data, root = opened(config, workdir)
        n = min(filter(None, (limit, config.fit.n, len(data.part))))
        folder = root / "fit" / config.adapter.name
        if processes.first():
            weight_set.reopen(folder, n, beside=_shared(folder))
    stage = f"fit {config.adapter.name}"
    metrics = run_folder.finished(folder, stage)
    if metrics is not None:
        return metrics
    compiled = costs.compile_seconds()
    form = representation_of(config, root, data.shape)
    many, shared = _begin(options, folder, form, data)
    begins = list(range(0, n, options.group))
    work = groups.Work(options, folder, form, data, many, shared)
    groups.fit_all(work, processes.own(begins), n)
    if not processes.first():
        processes.wait_for(folder / "metrics.json")
        return files.read_json(folder / "metrics.json")
    for rows in groups.rows_of(options, set(begins) - set(processes.own(begins)), n):
        processes.wait_until(lambda rows=rows: weight_set.kept(folder, rows, shared[1]))
    description = _description(config, form, data, folder)
    manifest = store.finish(folder, description, starts=begins)
    print(table(manifest["instances"], data.unreadable), flush=True)
    metrics = _metrics(config, folder, form, data, shared[1], manifest)
    metrics["compile_seconds"] = round(costs.compile_seconds() - compiled, 3)
    return run_folder.close(folder, stage, metrics)


def _shared(folder: pathlib.Path) -> list[pathlib.Path]:
    """Files of what all instances begin with."""
    return [store.path_of(folder / name, 0) for name in ("guess", "start")]


def _begin(
    options: FitOptions, folder: pathlib.Path, form: Representation, data: Data
) -> tuple[Callable, tuple]:
    """The compiled fit and `(base, start, guess)`.

    The first process computes start and guess once; all others, and later runs, read
    them.
    """
    paths = _shared(folder)
    if not processes.first():
        processes.wait_for(*paths, folder / "layout.json")
    chosen = layout.choose(options, folder, form, data)
    many = engine.lifted(options, form, data, chosen)
    if not all(path.exists() for path in paths):
        clock = costs.now()
        rows = data.rows("train")
        _, first, guess = start.common_start(options, form, data, many, rows)
        _write_one(folder / "guess", guess, {})
        _write_one(folder / "start", first, costs.since(clock))
    return many, start.read(folder, form)


def _write_one(folder: pathlib.Path, leaves: ArrayTree, cost: dict) -> None:
    """Writes weights that all instances share, as a shard with a single instance."""
    stacked = jax.tree.map(lambda x: np.asarray(x)[None], leaves)
    instances = [{"name": folder.name, "status": store.DONE}]
    store.write_shard(folder, store.Shard(0, stacked, instances, cost))


def _description(config: ConfigDict, form: Representation, data, folder) -> dict:
    """Entries of the manifest from which the weights can be reproduced."""
    options = config.adapter[form.name].to_dict()
    return {
        "representation": form.name,
        "base_fingerprint": tree.fingerprint(form.base),
        "data_fingerprint": data.fingerprint,
        "mask_seed": options.get("mask_seed", 0) if form.masked else None,
        "adapter": options,
        "fit": config.fit.to_dict(),
        "layout": files.read_json(folder / "layout.json"),
        "recipe": json.loads(config.to_json()),
        "versions": run_folder.versions(),
        "skipped": data.skipped,
    }


def _metrics(config, folder, form, data, first, manifest) -> dict:
    """Metrics of the finished set; raises a ValueError if not one fit succeeded."""
    instances = manifest["instances"]
    fitted = [i for i in instances if i["psnr_db"] is not None]
    quality = np.array([i["psnr_db"] for i in fitted])
    done = int(store.done(instances).sum())
    if not done:
        raise ValueError(
            f"not one of {len(instances)} fits is done, the first: "
            f"{instances[0]['status']}; lower --config.fit.learning_rate."
            f"{form.name}={config.fit.learning_rate[form.name]}, or fit.floor"
        )
    test = [
        row
        for row, i in enumerate(instances)
        if i["psnr_db"] is not None and i["part"] == "test"
    ]
    numbers = len(latent.groups(form.adapter.free(form.base)))
    start_cost = store.read_shard(store.path_of(folder / "start", 0)).cost
    cost = costs.total([start_cost, manifest["cost"]])
    files = sum((folder / shard["file"]).stat().st_size for shard in manifest["shards"])
    skipped = len(data.unreadable)
    return {
        "n": len(instances) + skipped,
        "n_fitted": len(instances),
        "n_done": done,
        "n_failed": len(instances) - done + skipped,
        "n_retried": sum(i["rate"] < 1 for i in instances),
        "numbers_per_field": numbers,
        "steps": fit_options_of(config).steps,
        "steps_mean": float(np.mean([i["steps"] for i in instances])),
        "psnr_db_mean": float(quality.mean()),
        "psnr_db_p05": float(np.quantile(quality, 0.05)),
        **_test([instances[row] for row in test]),
        **surfaces.means(instances),
        "components_90": components_for(_vectors(folder, form, first)),
        **cost,
        "fields_per_cpu_second": len(instances) / manifest["cost"]["cpu_seconds"],
        "peak_memory_mib": costs.peak_memory_mib(),
        "bytes_per_field": round(files / len(instances)),
        **linear.measure(data, np.array(test, int), numbers=numbers, part="test"),
    }


def _test(instances: list[dict]) -> dict[str, float]:
    """Means over the test part: PSNR with 95 % confidence interval, and surfaces."""
    if len(instances) < 2:
        return {}
    mean, half = interval(np.array([i["psnr_db"] for i in instances]))
    means = surfaces.means(instances)
    near = {"_test_".join(key.rsplit("_", 1)): x for key, x in means.items()}
    return {"psnr_db_test_mean": mean, "psnr_db_test_ci95": half, **near}


def _vectors(folder: pathlib.Path, form: Representation, first) -> np.ndarray:
    """Free entries `[n, K]` of the good fits among the first 4,096 instances."""
    weights, instances = store.load(folder, like=first, rows=slice(4096))
    weights = tree.row(weights, store.done(instances))
    encode = jax.jit(jax.vmap(entries(form, first).encode))
    return np.asarray(encode(weights))


if __name__ == "__main__":
    launch.main(as_planned(run), many_processes=True)
