r"""Fits one adapter per instance, all from one consensus start.

  python -m experiments.fit --config=configs/digits.py --workdir=runs/digits \
      --config.adapter.name=mlora_asym

Reads base/, writes fit/<representation>/: the start, one shard of weights per group,
manifest.json, metrics.json. A second run of the command resumes behind the last shard;
memory does not grow with the number of instances.
"""

import pathlib
from collections.abc import Callable

import jax
import numpy as np
from absl import logging
from ml_collections import ConfigDict
from tqdm import tqdm

from experiments import launch, parts, run_folder
from wsjax import fit, latent, records, store, tree
from wsjax.analysis.interval import interval
from wsjax.analysis.spectrum import components_for
from wsjax.fit.consensus import consensus
from wsjax.fit.instance import finite


def run(
    config: ConfigDict, workdir: str, *, limit: int | None = None
) -> dict[str, float]:
    """Fits the recipe's data set with its representation; returns the metrics.

    Args:
      config: the recipe.
      workdir: the run folder.
      limit: fit the first instances only; a later run without it adds the others.
    """
    data = parts.data(config)
    root = run_folder.open_run(config, workdir, data)
    folder = root / "fit" / config.adapter.name
    n = min(filter(None, (limit, config.fit.n, len(data.heldout))))
    metrics = run_folder.finished(folder, f"fit {config.adapter.name}")
    if metrics is not None and metrics["n_fitted"] >= n and not _removed(folder):
        return metrics
    form = parts.representation(config, root, data.channels)
    fit_many = lifted(config, form)
    compiled = records.compile_seconds()
    first = _start(config, folder, form, data, fit_many)
    fit_all(config, folder, form, data, fit_many, first, n)
    manifest = store.finish(folder, _description(config, form, data))
    metrics = _metrics(config, folder, form, data, first, manifest)
    metrics["compile_seconds"] = round(records.compile_seconds() - compiled, 3)
    return run_folder.close(folder, f"fit {config.adapter.name}", metrics)


def _removed(folder: pathlib.Path) -> list[pathlib.Path]:
    """Deletes shards that were damaged after the fit; they are fitted again."""
    bad = store.damaged(folder)
    for path in bad:
        logging.warning("%s is damaged: fitting its instances again", path)
        path.unlink(missing_ok=True)
    return bad


def lifted(config: ConfigDict, form: parts.Representation) -> Callable:
    """The recipe's fit over instances: `(weights, psnr, whether finite)` of each."""
    fit_one = parts.fit_one(config, form)

    def fit_and_score(shared, key, signal):
        weights, _ = fit_one(shared, key, signal)
        quality = parts.quality(form, shared[0])(weights, signal)
        return weights, quality, finite(weights)

    return fit.over_instances(
        fit_and_score, chunk=config.fit.chunk, group=config.fit.group
    )


def _start(config, folder: pathlib.Path, form, data, fit_many):
    """Reads the consensus start, or makes it from training instances."""
    path = store.path_of(folder / "start", 0)
    if not path.exists():
        clock = records.now()
        rows = np.flatnonzero(~data.heldout)[: config.fit.consensus]
        first = form.adapter.init(parts.keys(config)["start"], form.base)
        first = consensus(
            fit_many,
            form.base,
            first,
            parts.keys_of(config, "fit", rows),
            data.signals(rows),
            rounds=config.fit.rounds,
        )
        stacked = jax.tree.map(lambda x: np.asarray(x)[None], first)
        instances = [{"name": "consensus start", "status": store.DONE}]
        cost = records.since(clock)
        store.write_shard(path.parent, store.Shard(0, stacked, instances, cost))
    return parts.start(folder, form)


def fit_all(config, folder, form, data, fit_many, first, n) -> None:
    """Fits the first `n` instances group by group, skipping what is there."""
    bar = tqdm(total=n, desc=f"fit {form.name}", unit="field")
    for begin in range(0, n, config.fit.group):
        rows = np.arange(begin, min(begin + config.fit.group, n))
        if _kept(folder, begin, len(rows), first):
            bar.update(len(rows))
            continue
        clock = records.now()
        weights, quality, good = fit_many(
            (form.base, first), parts.keys_of(config, "fit", rows), data.signals(rows)
        )
        instances = [
            _instance(data, row, float(db), bool(ok))
            for row, db, ok in zip(rows, quality, good, strict=True)
        ]
        shard = store.Shard(begin, weights, instances, records.since(clock))
        store.write_shard(folder, shard)
        bar.update(len(rows))
        bar.set_postfix(psnr_db=f"{np.mean(quality[good]):.1f}")
    bar.close()


def _kept(folder: pathlib.Path, begin: int, rows: int, like) -> bool:
    path = store.path_of(folder, begin)
    if not path.exists():
        return False
    try:
        shard = store.read_shard(path, like=like)
    except ValueError as error:
        logging.warning("fitting again: %s", error)
        return False
    return len(shard.instances) >= rows


def _instance(data: parts.Data, row: int, quality: float, good: bool) -> dict:
    labels = data.pictures.labels
    return {
        "name": data.pictures.names[row],
        "label": None if labels is None else int(labels[row]),
        "heldout": bool(data.heldout[row]),
        "status": store.DONE if good else "failed: diverged, weights not finite",
        "psnr_db": round(quality, 4) if good else None,
    }


def _description(config: ConfigDict, form: parts.Representation, data) -> dict:
    return {
        "representation": form.name,
        "base_fingerprint": tree.fingerprint(form.base),
        "adapter": config.adapter[form.name].to_dict(),
        "fit": config.fit.to_dict(),
        "skipped": data.pictures.skipped,
    }


def _metrics(config, folder, form, data, first, manifest) -> dict:
    instances = manifest["instances"]
    quality = np.array([i["psnr_db"] for i in instances if i["psnr_db"] is not None])
    if not len(quality):
        raise ValueError(
            f"all {len(instances)} fits diverged; lower --config.fit.learning_rate."
            f"{form.name}={config.fit.learning_rate[form.name]}"
        )
    heldout = [i["psnr_db"] for i in instances if i["heldout"] and i["psnr_db"]]
    start_cost = store.read_shard(store.path_of(folder / "start", 0)).cost
    cost = records.total([start_cost, manifest["cost"]])
    files = sum((folder / shard["file"]).stat().st_size for shard in manifest["shards"])
    skipped = len(data.pictures.skipped)
    return {
        "n": len(instances) + skipped,
        "n_fitted": len(instances),
        "n_done": len(quality),
        "n_failed": len(instances) - len(quality) + skipped,
        "numbers_per_field": len(latent.groups(form.adapter.free(form.base))),
        "steps": config.fit.steps,
        "psnr_db_mean": float(quality.mean()),
        "psnr_db_p05": float(np.quantile(quality, 0.05)),
        **_heldout(heldout),
        "components_90": components_for(_vectors(folder, form, first)),
        **cost,
        "fields_per_cpu_second": len(instances) / manifest["cost"]["cpu_seconds"],
        "peak_memory_mib": records.peak_memory_mib(),
        "bytes_per_field": round(files / len(instances)),
    }


def _heldout(quality: list[float]) -> dict[str, float]:
    """Mean and 95 % confidence interval over instances that the base never saw."""
    if len(quality) < 2:
        return {}
    mean, half = interval(np.array(quality))
    return {"psnr_db_heldout_mean": mean, "psnr_db_heldout_ci95": half}


def _vectors(folder: pathlib.Path, form: parts.Representation, first) -> np.ndarray:
    """Free entries of the fitted instances, at most the first 4,096."""
    weights, instances = store.load(folder, like=first, rows=slice(4096))
    weights = tree.row(weights, store.done(instances))
    encode = jax.jit(jax.vmap(parts.entries(form, first).encode))
    return np.asarray(encode(weights))


if __name__ == "__main__":
    launch.main(run)
