r"""Draws new weights from the denoiser and renders them.

  python -m experiments.sample --config=configs/digits.py --workdir=runs/digits

Reads base/, fit/ and diffusion/<representation>/, writes samples/<representation>/:
weight shards with a manifest, samples.png, of shapes their meshes/, metrics.json.
"""

import pathlib
from collections.abc import Callable

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict
from tqdm import tqdm

from experiments import (
    dataset,
    encoding,
    figures,
    generated,
    launch,
    parts,
    run_folder,
    train_diffusion,
    views,
)
from wsjax import checkpoint, fit, latent, records, store, tree
from wsjax.diffusion import SAMPLERS
from wsjax.fit.instance import finite

_GROUP = 250  # Samples per shard.


def run(config: ConfigDict, workdir: str) -> dict[str, float]:
    """Draws the recipe's number of samples; returns the metrics."""
    data = dataset.load(config)
    root = run_folder.open_run(config, workdir, data)
    folder = root / "samples" / config.adapter.name
    if (metrics := run_folder.finished(folder, "sample")) is not None:
        return metrics
    parts.need(root / "diffusion" / config.adapter.name / "chosen", "train_diffusion")
    form = parts.representation(config, root, data.channels)
    draw, shared = _drawing(config, root, form)
    _draw_all(config, folder, draw, shared)
    manifest = store.finish(folder, {"representation": form.name})

    first = parts.start(root / "fit" / form.name, form)
    weights, instances = store.load(folder, like=first)
    done = store.done(instances)
    good, view = tree.row(weights, done), views.make(config, form, data)
    shown = view.of_adapters(tree.row(good, slice(100)))
    figures.save_sheet(folder / "samples.png", shown, zoom=view.zoom)
    clock = records.now()
    made = {} if data.shapes is None else generated.mesh_all(config, form, folder, good)
    metrics = {
        "n": manifest["n"],
        "n_failed": int((~done).sum()),
        "denoiser_calls": _calls(config),
        **made,
        **records.total([manifest["cost"], records.since(clock)]),
        "fields_per_cpu_second": manifest["n"] / manifest["cost"]["cpu_seconds"],
    }
    return run_folder.close(folder, f"sample {form.name}", metrics)


def _calls(config: ConfigDict) -> int:
    steps = config.sample.steps
    return 2 * steps - 1 if config.sample.sampler == "heun" else steps


def _drawing(
    config: ConfigDict, root: pathlib.Path, form: parts.Representation
) -> tuple[Callable, dict]:
    """`draw(shared, key) -> (adapter, whether finite)` and its shared arrays."""
    name = config.sample.sampler
    if name not in SAMPLERS:
        raise ValueError(f"sample.sampler={name!r}; choose one of {sorted(SAMPLERS)}")
    if name == "heun" and config.diffusion.process != "flow":
        raise ValueError(
            'sample.sampler="heun" follows the straight paths of "flow"; take "ddim" '
            f"for diffusion.process={config.diffusion.process!r}"
        )
    folder = root / "diffusion" / form.name
    code = encoding.restore(config, folder, form)
    first = parts.start(root / "fit" / form.name, form)
    decode = encoding.codec(form, first, code).decode
    size = latent.size(code)
    module, apply = parts.denoiser(config, form)
    like = jax.jit(module.init, static_argnames="train")(
        jax.random.key(0), jnp.zeros(size), jnp.zeros(()), train=False
    )
    params = checkpoint.restore(folder / "chosen", 0, like)
    sampler = SAMPLERS[name](train_diffusion.process(config), steps=config.sample.steps)

    def draw(params, key):
        start = jax.random.normal(key, (size,))
        adapter = decode(sampler(lambda x, t: apply(params, x, t, None), start))
        return adapter, finite(adapter)

    return draw, params


def _draw_all(config: ConfigDict, folder: pathlib.Path, draw, shared) -> None:
    draw_many = fit.over_instances(draw, chunk=config.sample.chunk, group=_GROUP)
    keys = jax.random.split(parts.keys(config)["sample"], config.sample.n)
    bar = tqdm(total=len(keys), desc="sample", unit="field")
    for begin in range(0, len(keys), _GROUP):
        part = keys[begin : begin + _GROUP]
        if not store.path_of(folder, begin).exists():
            clock = records.now()
            weights, good = draw_many(shared, part)
            instances = [
                {
                    "name": f"sample {begin + i}",
                    "status": store.DONE if ok else "failed: weights not finite",
                }
                for i, ok in enumerate(good)
            ]
            cost = records.since(clock)
            store.write_shard(folder, store.Shard(begin, weights, instances, cost))
        bar.update(len(part))
    bar.close()


if __name__ == "__main__":
    launch.main(run)
