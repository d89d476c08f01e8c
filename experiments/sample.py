r"""Draws new weights from the denoiser and renders them.

  python -m experiments.sample --config=configs/digits.py --workdir=runs/digits

Reads base/, fit/ and diffusion/<generator>/, writes samples/<generator>/: weight shards
with a manifest, samples.png, of shapes their meshes/, metrics.json.

`--config.sample.label=3` draws one class of a generator that knows labels,
`--config.sample.near=17` what resembles a fitted instance; their folders are called
after the generator and these.
"""

import pathlib
import re
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict
from tqdm import tqdm

from experiments import (
    conditions,
    dataset,
    figures,
    generated,
    generators,
    launch,
    parts,
    run_folder,
    trained,
    views,
)
from wsjax import costs, fit, store, tree
from wsjax.diffusion.sample import call_times

_GROUP = 250  # Samples per shard.
_PER_CLASS = 10  # Pictures of a class on the sheet.


def run(config: ConfigDict, workdir: str) -> dict[str, float]:
    """Draws the recipe's number of samples; returns the metrics."""
    data = dataset.load(config)
    root = run_folder.open_run(config, workdir, data)
    config = generators.chosen(config)
    folder = root / "samples" / folder_name(config)
    if (metrics := run_folder.finished(folder, "sample")) is not None:
        return metrics
    name = generators.folder(config)
    parts.need(root / "diffusion" / name / "chosen", "train_diffusion")
    form = parts.representation(config, root, data.channels)
    generator = trained.load(config, root, form, data)
    check(config, generator.shares)
    draw, labels = _drawing(config, root, form, data, generator)
    classes = conditions.classes(config, labels)
    _draw_all(config, folder, draw, generator.params, labels, classes)
    description = {"representation": form.name, "generator": name}
    manifest = store.finish(folder, description | _asked(config))

    first = parts.start(root / "fit" / form.name, form)
    weights, instances = store.load(folder, like=first)
    done = store.done(instances)
    good, view = tree.row(weights, done), views.make(config, form, data)
    _save_sheet(folder / "samples.png", view, good, classes[done])
    clock = costs.now()
    made = {} if data.shapes is None else generated.mesh_all(config, form, folder, good)
    metrics = {
        "n": manifest["n"],
        "n_failed": int((~done).sum()),
        "denoiser_calls": _calls(config),
        **made,
        **costs.total([manifest["cost"], costs.since(clock)]),
        "fields_per_cpu_second": manifest["n"] / manifest["cost"]["cpu_seconds"],
    }
    return run_folder.close(folder, f"sample {folder.name}", metrics)


def folder_name(config: ConfigDict) -> str:
    """Name of the folder of a chosen generator's samples, by what they are drawn to be.

    Samples of one class, or near one instance, are no fair draw of the generator, and
    lie beside those that are.
    """
    options, name = config.sample, generators.folder(config)
    if options.label is not None:
        name += f"-label-{options.label}"
    if options.near is not None:
        plain = re.sub(r"\W+", "_", options.near).strip("_")
        name += f"-near-{plain}-{options.strength:g}"
    return name


def check(config: ConfigDict, shares: np.ndarray) -> None:
    """Refuses what a generator told labels of these shares, or none, cannot draw.

    Raises:
      ValueError: naming the option, and the way out.
    """
    options, classes = config.sample, len(shares)
    wanting = {
        "label": options.label is not None and not config.diffusion.conditional,
        "guidance": options.guidance != 1.0 and not classes,
    }
    for name in [name for name, wants in wanting.items() if wants]:
        raise ValueError(
            f"sample.{name}={options[name]} needs a generator that was told labels, "
            f"found diffusion.conditional=False; train one with "
            f"diffusion.conditional=True, or leave sample.{name} out"
        )
    if options.label is not None and not 0 <= options.label < classes:
        raise ValueError(
            f"sample.label={options.label} is no label of the data; choose one of 0 to "
            f"{classes - 1}"
        )
    low, high = options.interval
    if not 0.0 <= low <= high <= 1.0:
        raise ValueError(
            f"sample.interval={tuple(options.interval)} should be two times, "
            "0 <= first <= last <= 1"
        )
    if options.near is not None and not 0.0 < options.strength <= 1.0:
        raise ValueError(
            f"sample.strength={options.strength} is the time at which samples near an "
            "instance begin; choose it above 0, and at most 1"
        )


def _asked(config: ConfigDict) -> dict:
    """What the manifest says of samples that were drawn to be something."""
    options, asked = config.sample, {}
    if options.guidance != 1.0:
        asked |= {"guidance": options.guidance, "interval": tuple(options.interval)}
    if options.near is not None:
        asked |= {"near": options.near, "strength": options.strength}
    return asked


def _calls(config: ConfigDict) -> int:
    """Calls of the denoiser per sample, those without the label among them."""
    options = config.sample
    begin = 1.0 if options.near is None else options.strength
    times = call_times(
        options.sampler, steps=options.steps, begin=begin, spacing=options.spacing
    )
    if options.guidance == 1.0:
        return len(times)
    low, high = options.interval
    return len(times) + int(((low <= times) & (times <= high)).sum())


def _drawing(
    config: ConfigDict, root: pathlib.Path, form, data, generator: trained.Trained
) -> tuple[Callable, np.ndarray]:
    """`draw(params, key, label) -> (adapter, whether finite)` and the labels `[n]`."""
    options, near, begin = config.sample, None, 1.0
    labels = conditions.spread(generator.shares, options.n, seed=config.seed)
    if options.near is not None:
        begin = options.strength
        row, adapter = _instance(root / "fit" / form.name, options.near, form)
        near = generator.codec.encode(adapter), begin
        # What it is, unless the recipe wants something else.
        labels[:] = _told(config, generator, data, row, near[0])
    if options.label is not None:
        labels[:] = options.label
    draw = trained.drawer(
        generator,
        trained.sampler(config, generator.process, begin=begin),
        weight=options.guidance,
        interval=tuple(options.interval),
        near=near,
    )
    return draw, labels


def _told(config: ConfigDict, generator, data, row: int, vector: jax.Array) -> int:
    """What the generator was told of an encoded instance."""
    if generator.centres is not None:
        return int(conditions.cluster(vector[None], generator.centres)[0])
    return data.labels[row] if config.diffusion.conditional else conditions.NONE


def _instance(folder: pathlib.Path, name: str, form: parts.Representation):
    """Row and adapter of a fitted instance by its name."""
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
    adapter, _ = store.load_row(folder, row, like=parts.start(folder, form))
    return row, jax.tree.map(jnp.asarray, adapter)


def _draw_all(
    config: ConfigDict, folder: pathlib.Path, draw, params, labels, classes
) -> None:
    draw_many = fit.over_instances(draw, chunk=config.sample.chunk, group=_GROUP)
    keys = jax.random.split(parts.keys(config)["sample"], config.sample.n)
    bar = tqdm(total=len(keys), desc="sample", unit="field")
    for begin in range(0, len(keys), _GROUP):
        part = slice(begin, begin + _GROUP)
        if not store.path_of(folder, begin).exists():
            clock = costs.now()
            weights, good = draw_many(params, keys[part], labels[part])
            instances = [
                {
                    "name": f"sample {begin + i}",
                    "status": store.DONE if ok else "failed: weights not finite",
                    **({"label": int(label)} if label >= 0 else {}),
                }
                for i, (ok, label) in enumerate(zip(good, classes[part], strict=True))
            ]
            cost = costs.since(clock)
            store.write_shard(folder, store.Shard(begin, weights, instances, cost))
        bar.update(len(keys[part]))
    bar.close()


def _save_sheet(path: pathlib.Path, view: views.Views, adapters, labels) -> None:
    """The first samples, or a row of each class."""
    classes = np.unique(labels[labels >= 0])
    rows = [np.flatnonzero(labels == label)[:_PER_CLASS] for label in classes]
    if not rows:
        shown = view.of_adapters(tree.row(adapters, slice(100)))
        figures.save_sheet(path, shown, zoom=view.zoom)
        return
    shown = view.of_adapters(tree.row(adapters, np.concatenate(rows)))
    places = [i * _PER_CLASS + np.arange(len(row)) for i, row in enumerate(rows)]
    sheet = np.ones((len(rows) * _PER_CLASS, *shown.shape[1:]), np.float32)
    sheet[np.concatenate(places)] = shown  # White where a class has fewer samples.
    figures.save_sheet(path, sheet, columns=_PER_CLASS, zoom=view.zoom)


if __name__ == "__main__":
    launch.main(run)
