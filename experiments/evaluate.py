r"""Judges generated weights: quality beside novelty, floors and trivial baselines.

  python -m experiments.evaluate --config=configs/digits.py --workdir=runs/digits

Reads fit/, diffusion/ and samples/<representation>/, writes evaluate/<representation>/:
metrics.json, baselines.json with the same keys for trivial generators, and pictures.
"""

from typing import NamedTuple

import jax
import numpy as np
from ml_collections import ConfigDict

from experiments import (
    dataset,
    encoding,
    generated,
    launch,
    parts,
    run_folder,
    sheets,
    views,
)
from wsjax import fit, records, store, tree
from wsjax.analysis import spectrum
from wsjax.metrics import features, generation
from wsjax.metrics.reconstruction import ssim

_DISTANCES = {
    "fd": generation.frechet,
    "mmd_gaussian": generation.mmd_gaussian,
    "mmd_polynomial": generation.mmd_polynomial,
}


class Judge(NamedTuple):
    """The real things that samples are held against.

    `real`, `rebuilt` `[N, H, W, C]`: pictures, and the same through fit and latent;
    `vectors` `[N, M]` encoded weights; `heldout` `[N]`; `features`: by name;
    `reader`: classifier trained on the training part, None without labels.
    """

    real: np.ndarray
    rebuilt: np.ndarray
    vectors: np.ndarray
    heldout: np.ndarray
    features: dict
    reader: features.Classifier | None


def run(config: ConfigDict, workdir: str) -> dict[str, float]:
    """Evaluates the samples of the recipe's representation and the baselines."""
    data = dataset.load(config)
    root = run_folder.open_run(config, workdir, data)
    folder = root / "evaluate" / config.adapter.name
    if (metrics := run_folder.finished(folder, "evaluate")) is not None:
        return metrics
    clock = records.now()
    form = parts.representation(config, root, data.channels)
    parts.need(root / "samples" / form.name / "manifest.json", "sample")
    fits = encoding.fitted(root, form, data)
    code = encoding.restore(config, root / "diffusion" / form.name, form)
    codec = encoding.codec(form, fits.first, code)
    show = _renderer(form, data)
    encode = jax.jit(jax.vmap(codec.encode))
    decode = jax.jit(jax.vmap(codec.decode))
    entries = jax.jit(jax.vmap(parts.entries(form, fits.first).decode))

    fitted = entries(fits.vectors)
    vectors = np.asarray(encode(fitted))
    judge = _judge(config, data, fits, vectors, show(decode(vectors)))
    weights, instances = store.load(root / "samples" / form.name, like=fits.first)
    sampled = tree.row(weights, store.done(instances))
    pictures = show(sampled)
    metrics = _evaluate(config, judge, pictures, np.asarray(encode(sampled)))
    if data.shapes is None:
        metrics["ssim_mean"] = _mean_ssim(judge.real, show(fitted))
    else:
        folders = root / "samples" / form.name, fits.rows
        metrics |= generated.compare(config, data, *folders, fits.heldout)
    baselines = {}
    for name, rows in _trivial(config, fits).items():
        made = entries(rows)
        seen = np.asarray(encode(made))
        baselines[name] = _evaluate(config, judge, show(made), seen)
    records.write_json(folder / "baselines.json", baselines)
    _draw(config, root, form, data, judge, fits, sampled, pictures)
    metrics = {"n_real": len(judge.real), "n_sampled": len(pictures), **metrics}
    return run_folder.close(
        folder, f"evaluate {form.name}", {**metrics, **records.since(clock)}
    )


def _mean_ssim(real: np.ndarray, rebuilt: np.ndarray) -> float:
    if min(real.shape[1:3]) < 11:  # The window of the measure.
        return np.nan
    return float(np.mean([ssim(a, b) for a, b in zip(real, rebuilt, strict=True)]))


def _renderer(form: parts.Representation, data: dataset.Data):
    """Pictures `[n, H, W, C]` of stacked adapters."""
    render = parts.renderer(form, data.grid)
    many = fit.over_instances(lambda _, adapter: render(adapter), chunk=4)

    def show(adapters) -> np.ndarray:
        return data.shown(many((), jax.tree.map(np.asarray, adapters)))

    return show


def _judge(config, data: dataset.Data, fits, vectors, rebuilt) -> Judge:
    real = data.shown(data.values(fits.rows))
    k = config.evaluate.components
    name = f"{data.view.removesuffix('s')}_pca{k}"
    sets = {name: features.pixel_pca(real, components=k)}
    reader = None
    if data.labels is not None:
        labels = data.labels[fits.rows]
        train = ~fits.heldout
        reader = features.classifier(real[train], labels[train], seed=config.seed)
        sets["classifier"] = reader.features
    return Judge(real, rebuilt, vectors, fits.heldout, sets, reader)


def _evaluate(config, judge: Judge, pictures, vectors) -> dict[str, float]:
    """All figures of one generator."""
    metrics = {}
    for name, feature in judge.features.items():
        real, ours, rebuilt = map(feature, (judge.real, pictures, judge.rebuilt))
        for label, distance in _DISTANCES.items():
            found = generation.at_equal_count(
                distance,
                real,
                ours,
                rebuilt=rebuilt,
                repeats=config.evaluate.repeats,
                seed=config.seed,
            )
            metrics[f"{label}_{name}"] = found["value"]
            metrics[f"{label}_{name}_floor"] = found["floor"]
            metrics[f"{label}_{name}_ceiling"] = found["ceiling"]
    return metrics | _novelty(judge, pictures, vectors) | _read(config, judge, pictures)


def _novelty(judge: Judge, pictures, vectors) -> dict[str, float]:
    """Median distance to the nearest training instance, samples against held-out.

    Held-out instances went through the same fit and the same latent as the samples.
    """
    train, out = ~judge.heldout, judge.heldout
    flat = [x.reshape(len(x), -1) for x in (judge.real[train], judge.rebuilt[out])]

    def median(queries, candidates):
        return float(np.median(generation.nearest(queries, candidates)[0]))

    rows = pictures.reshape(len(pictures), -1)
    return {
        "nn_function_median": median(rows, flat[0]),
        "nn_function_heldout_median": median(flat[1], flat[0]),
        "nn_weights_median": median(vectors, judge.vectors[train]),
        "nn_weights_heldout_median": median(judge.vectors[out], judge.vectors[train]),
    }


def _read(config, judge: Judge, pictures) -> dict[str, float]:
    """What an independent classifier makes of the pictures."""
    if judge.reader is None:
        return {}
    seen = judge.reader.probabilities(pictures)
    unseen = judge.reader.probabilities(judge.real[judge.heldout])
    classes = np.bincount(seen.argmax(axis=1), minlength=seen.shape[1])
    sure = config.evaluate.confident
    return {
        "confident_fraction": float(np.mean(seen.max(axis=1) >= sure)),
        "confident_fraction_heldout": float(np.mean(unseen.max(axis=1) >= sure)),
        "class_fraction_min": float(classes.min() / len(pictures)),
    }


def _trivial(config, fits: encoding.Fitted) -> dict[str, np.ndarray]:
    """Free entries `[n, K]` from generators that learn nothing."""
    key = parts.keys(config)["trivial"]
    gaussian_key, noise_key, two_key, row_key = jax.random.split(key, 4)
    train, out = fits.vectors[~fits.heldout], fits.vectors[fits.heldout]
    n = config.sample.n
    rows = np.asarray(jax.random.randint(row_key, (n,), 0, len(out)))
    made = {
        "gaussian_pca": spectrum.gaussian_samples(gaussian_key, train, n=n),
        "add_noise": spectrum.add_noise(noise_key, train, n=n, scale=0.5),
        "average_two": spectrum.average_two(two_key, train, n=n),
        "resample_heldout": out[rows],
    }
    return {name: np.asarray(x, np.float32) for name, x in made.items()}


def _draw(config, root, form, data, judge: Judge, fits, sampled, pictures) -> None:
    """Samples beside their nearest training instances; originals beside their fits."""
    folder, view = root / "evaluate" / form.name, views.make(config, form, data)
    train = ~judge.heldout
    near = pictures, fits.rows[train], judge.real[train]
    sheets.nearest(folder, view, sampled, *near)
    chosen = np.flatnonzero(judge.heldout)[:12]
    decode = jax.vmap(parts.entries(form, fits.first).decode)
    instances = store.manifest(root / "fit" / form.name)["instances"]
    rows = fits.rows[chosen]
    fitted = decode(fits.vectors[chosen])
    described = [instances[row] for row in rows]
    sheets.reconstructions(folder, view, fitted, rows, described)
    if data.shapes is not None:
        generated.write_meshes(config, form, folder, fitted, rows)


if __name__ == "__main__":
    launch.main(run)
