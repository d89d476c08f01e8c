r"""Samples new weights with the trained denoiser and renders them.

  python -m experiments.sample --config=configs/digits.py --workdir=runs/digits

Reads base/, fit/ and diffusion/<generator>/, writes samples/<generator>/: weight shards
with a manifest, samples.png, metrics.json and, for shapes, meshes/.

`--config.sample.label=3` samples one class, if the generator is class-conditional;
`--config.sample.near=NAME` samples variations of the fitted instance NAME. Their
folders have names such as samples/<generator>-label-3/.
"""

import pathlib
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from chex import ArrayTree
from ml_collections import ConfigDict
from tqdm import tqdm

from experiments.domain.data import Data
from experiments.domain.representation import Representation, start
from experiments.domain.views import Views
from experiments.generator import conditions, request, trained
from experiments.generator.trained import Generator, Trained
from experiments.page import figures
from experiments.recipe.generator import chosen, drawing_of, generator_of
from experiments.recipe.opening import opened
from experiments.recipe.planned import as_planned
from experiments.recipe.representation import representation_of
from experiments.running import binding, launch, run_folder, weight_set
from experiments.running.keys import keys
from wsjax import costs, fit, store, tree

_GROUP = 250  # Samples per shard.
_PER_CLASS = 10  # Samples per class in samples.png.


def run(config: ConfigDict, workdir: str) -> dict[str, float]:
    """Draws the recipe's number of samples; returns the metrics."""
    data, root = opened(config, workdir)
    config = chosen(config)
    generator = generator_of(config)
    folder = root / "samples" / request.folder_name(generator)
    binding.bind(folder, drawing_of(config))
    weight_set.reopen(folder, generator.sampling.n)
    if (metrics := run_folder.finished(folder, "sample")) is not None:
        return metrics
    run_folder.need(root / "diffusion" / generator.name / "chosen", "train_diffusion")
    form = representation_of(config, root, data.shape)
    known = trained.load(generator, root, form, data)
    request.check(generator, known.shares)
    draw, labels = _drawing(generator, root, form, data, known)
    classes = conditions.classes(generator.conditional, labels)
    like = start(root / "fit" / form.name, form)
    _draw_all(generator, folder, draw, known.params, labels, classes, like)
    description = {"representation": form.name, "generator": generator.name}
    manifest = store.finish(folder, description | request.described(generator.sampling))

    weights, instances = store.load(folder, like=like)
    done = store.done(instances)
    good, view = tree.row(weights, done), data.domain.views(form)
    _save_sheet(folder / "samples.png", view, good, classes[done])
    clock = costs.now()
    made = data.domain.finish(form, folder, good)
    metrics = {
        "n": manifest["n"],
        "n_failed": int((~done).sum()),
        "denoiser_calls": request.calls(generator.sampling),
        **made,
        **costs.total([manifest["cost"], costs.since(clock)]),
        "fields_per_cpu_second": manifest["n"] / manifest["cost"]["cpu_seconds"],
    }
    return run_folder.close(folder, f"sample {folder.name}", metrics)


def _drawing(
    generator: Generator,
    root: pathlib.Path,
    form: Representation,
    data: Data,
    known: Trained,
) -> tuple[Callable, np.ndarray]:
    """Returns `draw(params, key, label) -> (adapter, finite [])`, and labels `[n]`."""
    options, near, begin = generator.sampling, None, 1.0
    labels = conditions.drawn(known.shares, options.n, seed=generator.seed)
    if options.near is not None:
        begin = options.strength
        row, adapter = _instance(root / "fit" / form.name, options.near, form)
        near = known.codec.encode(adapter), begin
        # The label of that instance, unless `options.label` overrides it below.
        labels[:] = _told(generator, known, data, row, near[0])
    if options.label is not None:
        labels[:] = options.label
    draw = trained.drawer(
        known,
        trained.sampler(options, known.process, begin=begin),
        weight=options.guidance,
        interval=tuple(options.interval),
        near=near,
    )
    return draw, labels


def _told(
    generator: Generator, known: Trained, data: Data, row: int, vector: jax.Array
) -> int:
    """The label of an instance for the generator: its cluster, class, or none."""
    if known.centres is not None:
        return int(conditions.cluster(vector[None], known.centres)[0])
    return data.labels[row] if generator.conditional else conditions.NONE


def _instance(folder: pathlib.Path, name: str, form: Representation):
    """Row and adapter of the fitted instance `name`; a ValueError if it has none."""
    instances = store.manifest(folder)["instances"]
    names = [instance["name"] for instance in instances]
    if name not in names:
        raise ValueError(
            f"sample.near={name!r} is no instance of {folder}/manifest.json; choose a "
            f"name from there, such as {names[0]!r} or {names[-1]!r}"
        )
    row = names.index(name)
    if instances[row]["status"] != store.DONE:
        raise ValueError(
            f"sample.near={name!r} has no fit ({instances[row]['status']}); choose "
            "another instance"
        )
    adapter, _ = store.load_row(folder, row, like=start(folder, form))
    return row, jax.tree.map(jnp.asarray, adapter)


def _draw_all(
    generator: Generator,
    folder: pathlib.Path,
    draw: Callable,
    params: ArrayTree,
    labels: np.ndarray,
    classes: np.ndarray,
    like: ArrayTree,
) -> None:
    """Draws the samples group by group, one shard each; keeps shards that are whole."""
    options = generator.sampling
    draw_many = fit.over_instances(draw, chunk=options.chunk, group=_GROUP)
    own = jax.random.split(keys(generator.seed)["sample"], options.n)
    groups = np.split(np.arange(options.n), range(_GROUP, options.n, _GROUP))
    with tqdm(total=options.n, desc="sample", unit="field") as bar:
        for rows in groups:
            if weight_set.kept(folder, rows, like) is None:
                clock = costs.now()
                weights, good = draw_many(params, own[rows], labels[rows])
                instances = [
                    {
                        "name": f"sample {i}",
                        "status": store.DONE if ok else "failed: weights not finite",
                        **({"label": int(label)} if label >= 0 else {}),
                    }
                    for i, ok, label in zip(rows, good, classes[rows], strict=True)
                ]
                cost, begin = costs.since(clock), int(rows[0])
                store.write_shard(folder, store.Shard(begin, weights, instances, cost))
            bar.update(len(rows))


def _save_sheet(path: pathlib.Path, view: Views, adapters, labels) -> None:
    """Writes samples.png: the first 100 samples, or a row per class if labelled."""
    classes = np.unique(labels[labels >= 0])
    rows = [np.flatnonzero(labels == label)[:_PER_CLASS] for label in classes]
    if not rows:
        shown = view.of_adapters(tree.row(adapters, slice(100)))
        figures.save_sheet(path, shown, zoom=view.zoom)
        return
    shown = view.of_adapters(tree.row(adapters, np.concatenate(rows)))
    places = [i * _PER_CLASS + np.arange(len(row)) for i, row in enumerate(rows)]
    sheet = np.ones((len(rows) * _PER_CLASS, *shown.shape[1:]), np.float32)
    sheet[np.concatenate(places)] = shown  # A class with fewer samples leaves white.
    figures.save_sheet(path, sheet, columns=_PER_CLASS, zoom=view.zoom)


if __name__ == "__main__":
    launch.main(as_planned(run))
