r"""The structure study: do fits from different starts end in one linear mode?

  python -m experiments.structure --config=configs/digits.py --workdir=runs/digits

Section 4.2 and Fig. 3 of the paper, for all six representations: every instance is
fitted from one start and from ever more perturbed ones; then the two weights are
compared and the fields on the segment between them are rendered. Reads base/, writes
structure/: metrics.json of each representation, and the figure. `analyze` runs this
too; what is finished is kept.
"""

import pathlib

import jax
import numpy as np
from ml_collections import ConfigDict

from experiments import figures, launch, parts, run_folder
from wsjax import adapters, latent, merging, records, symmetry, tree
from wsjax.analysis import structure
from wsjax.fit import over_instances

_PANELS = {
    "cosine": "cosine similarity, free entries",
    "cosine_moved": "the same, start subtracted",
    "cosine_canonical": "the same, canonical form",
    "barrier": "barrier at the midpoint, dB",
}
_SEGMENT = 5  # Places between two fits at which the field is rendered.


def run(config: ConfigDict, workdir: str) -> dict[str, dict]:
    """Studies every representation; returns the metrics of each, `{}` if n is 0."""
    data = parts.data(config)
    root = run_folder.open_run(config, workdir, data)
    if not config.structure.n:
        return {}
    metrics = {}
    for name in adapters.ADAPTERS:
        own = config.copy_and_resolve_references()
        own.adapter.name = name
        own.fit.points = config.structure.points
        metrics[name] = _study(own, root, data)
    figure = figures.bands({name: curves(m) for name, m in metrics.items()}, _PANELS)
    records.write_bytes(root / "structure" / "structure.png", figures.png(figure))
    return metrics


def curves(metrics: dict) -> dict[str, np.ndarray]:
    """`lambda` `[L]` and by measure `[L, 2]`, mean and std, off flat metrics."""
    prefix = "barrier_lambda_"
    texts = [k.removeprefix(prefix) for k in metrics if k.startswith(prefix)]
    found = {"lambda": np.array([float(text) for text in texts])}
    for measure in (*_PANELS, "cosine_between"):
        keys = [(f"{measure}_lambda_{x}", f"{measure}_std_lambda_{x}") for x in texts]
        found[measure] = np.array([[metrics[mean], metrics[std]] for mean, std in keys])
    return found


def _study(config: ConfigDict, root: pathlib.Path, data: parts.Data) -> dict:
    name = config.adapter.name
    folder = root / "structure" / name
    if (metrics := run_folder.finished(folder, f"structure {name}")) is not None:
        return metrics
    clock = records.now()
    form = parts.representation(config, root, data.channels)
    chosen = np.flatnonzero(data.heldout)[: config.structure.n]
    # Row by row: the unperturbed fit of every instance, then one per strength.
    strengths = (0.0, *structure.LAMBDAS)
    starts, weights = _fits(config, form, data, chosen, strengths)
    shape = (len(chosen), len(strengths))
    qualities = _segments(config, form, data, chosen, weights, shape)
    measured = _measured(form, starts, weights, shape)
    measured |= {
        "barrier": structure.barrier(qualities),
        "worst_drop": structure.worst_drop(qualities),
    }
    metrics = {
        "n": len(chosen),
        "steps": config.fit.steps,
        "psnr_db_mean": float(qualities[:, 0, 0].mean()),
    }
    for measure, values in measured.items():
        for strength, column in zip(structure.LAMBDAS, values.T, strict=True):
            at = f"lambda_{strength:.3g}"
            metrics[f"{measure}_{at}"] = float(column.mean())
            metrics[f"{measure}_std_{at}"] = float(column.std())
    return run_folder.close(
        folder, f"structure {name}", {**metrics, **records.since(clock)}
    )


def draw(form: parts.Representation, key: jax.Array):
    """One random start; a standalone field draws its own weights."""
    if not form.standalone:
        return form.adapter.init(key, form.base)
    base = {**form.field.init(key), "fourier": form.base["fourier"]}
    return form.adapter.init(key, base)


def _fits(config, form, data, chosen, strengths):
    """Starts and fits, `[n * S, ...]`, instance by instance."""
    keys = parts.keys(config)
    first = draw(form, keys["start"])
    fit_one = parts.fit_one(config, form)

    def from_perturbed(shared, key, signal, strength):
        base, first = shared
        draw_key, fit_key = jax.random.split(key)
        second = draw(form, draw_key)
        start = structure.perturbed(form.adapter.centre(base), first, second, strength)
        return start, fit_one((base, start), fit_key, signal)[0]

    rows = np.repeat(chosen, len(strengths))
    many = over_instances(
        from_perturbed, chunk=config.fit.chunk, group=config.fit.group
    )
    return many(
        (form.base, first),
        jax.vmap(jax.random.fold_in, in_axes=(None, 0))(keys["structure"], rows),
        data.signals(rows),
        np.tile(np.float32(strengths), len(chosen)),
    )


def _segments(config, form, data, chosen, weights, shape):
    """PSNR `[n, L, T]` on the segments between the first fit and the others."""
    n, strengths = shape
    pairs = np.arange(n * strengths).reshape(shape)
    first, second = np.repeat(pairs[:, 0], strengths - 1), pairs[:, 1:].reshape(-1)

    def along(base, x, y, signal):
        quality = parts.quality(form, base)
        places = merging.path(x, y, _SEGMENT)
        return jax.lax.map(lambda place: quality(place, signal), places)

    many = over_instances(along, chunk=config.fit.chunk, group=config.fit.group)
    found = many(
        form.base,
        tree.row(weights, first),
        tree.row(weights, second),
        data.signals(np.repeat(chosen, strengths - 1)),
    )
    return found.reshape(n, strengths - 1, _SEGMENT)


def _measured(form, starts, weights, shape) -> dict[str, np.ndarray]:
    """Cosine similarities `[n, L]` of the first fit and the others."""
    flat = {
        "cosine_raw": _flattened(weights),
        "cosine": _free(form, weights),
        "cosine_moved": _free(form, weights) - _free(form, starts),
        "cosine_canonical": _free(form, _canonical(form, weights, shape)),
    }
    found = {}
    for name, vectors in flat.items():
        vectors = vectors.reshape(*shape, -1)
        found[name] = structure.cosine(vectors[:, :1], vectors[:, 1:])
    # Another instance, from a start that is as far away: the baseline.
    vectors = flat["cosine"].reshape(*shape, -1)
    others = np.roll(vectors[:, 1:], 1, axis=0)
    found["cosine_between"] = structure.cosine(vectors[:, :1], others)
    return found


def _canonical(form: parts.Representation, weights, shape):
    """Fits in the form that no symmetry of their representation can change.

    Neurons of a standalone field have no such form: those of every other fit are
    matched to the first fit's.
    """
    free = form.adapter.free(form.base)
    frozen = any(not np.all(leaf) for leaf in jax.tree.leaves(free))
    if not form.standalone or frozen:
        canonical = symmetry.canonicaliser(free, tree.row(weights, 0))
        return jax.device_get(jax.jit(jax.vmap(canonical))(weights))
    n, strengths = shape
    matched = []
    for i in range(n * strengths):
        first = tree.row(weights, i - i % strengths)
        matched.append(symmetry.neurons_to(tree.row(weights, i), first, form.wiring))
    return jax.tree.map(lambda *leaves: np.stack(leaves), *matched)


def _flattened(stacked) -> np.ndarray:
    return np.concatenate(
        [x.reshape(len(x), -1) for x in jax.tree.leaves(stacked)], axis=1
    )


def _free(form: parts.Representation, stacked) -> np.ndarray:
    """Free entries, `[N, K]`."""
    entries = latent.free_entries(form.adapter.free(form.base), tree.row(stacked, 0))
    return np.asarray(jax.jit(jax.vmap(entries.encode))(stacked))


if __name__ == "__main__":
    launch.main(run)
