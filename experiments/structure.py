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

from experiments.domain.data import Data
from experiments.domain.representation import Representation, quality
from experiments.fitting import engine, layout
from experiments.fitting.engine import FitOptions
from experiments.page import figures
from experiments.recipe.fits import fit_options_of
from experiments.recipe.opening import opened
from experiments.recipe.representation import representation_of, with_name
from experiments.running import launch, run_folder
from experiments.running.keys import keys, keys_of
from wsjax import adapters, costs, files, merging, symmetry, tree
from wsjax.analysis import structure
from wsjax.fit import over_instances

_PANELS = {
    "cosine": "cosine similarity, free entries",
    "cosine_moved": "the same, start subtracted",
    "cosine_canonical": "the same, canonical form",
    "barrier": "barrier at the midpoint, dB",
}
_SURFACE = {"barrier_chamfer": "barrier at the midpoint, squared Chamfer distance"}
_SEGMENT = 5  # Places between two fits at which the field is rendered,
_ENDS = 3  # and at which the surface of a shape is: both ends and the middle.


def run(config: ConfigDict, workdir: str) -> dict[str, dict]:
    """Studies every representation; returns the metrics of each, `{}` if n is 0."""
    data, root = opened(config, workdir)
    if not config.structure.n:
        return {}
    metrics = {}
    for name in adapters.ADAPTERS:
        metrics[name] = _study(_with(config, name), root, data)
    panels = _PANELS | ({} if data.domain.nearness is None else _SURFACE)
    drawn = {name: curves(m, panels) for name, m in metrics.items()}
    figure = figures.bands(drawn, panels)
    files.write_bytes(root / "structure" / "structure.png", figures.png(figure))
    return metrics


def _with(config: ConfigDict, name: str) -> ConfigDict:
    """The recipe of one representation, with the study's own values in place."""
    own = with_name(config, name)
    own.fit.points = config.structure.points
    if name.startswith("mlora"):
        own.fit.learning_rate[name] = config.structure.learning_rate
        with own.adapter[name].unlocked():
            own.adapter[name].start = config.structure.start
            own.adapter[name].spread = config.structure.spread
    return own


def curves(metrics: dict, panels: dict[str, str] = _PANELS) -> dict[str, np.ndarray]:
    """`lambda` `[L]` and by measure `[L, 2]`, mean and std, off flat metrics."""
    texts = [k.split("_")[2] for k in metrics if k.startswith("barrier_lambda_")]
    drawn = {"lambda": np.array([float(text) for text in texts])}
    for measure in (*panels, "cosine_between"):
        keys = [(f"{measure}_lambda_{x}", f"{measure}_std_lambda_{x}") for x in texts]
        pairs = [[metrics[mean], metrics[std]] for mean, std in keys]
        drawn[measure] = np.array(pairs, float)  # NaN where a file says null.
    return drawn


def _study(config: ConfigDict, root: pathlib.Path, data: Data) -> dict:
    name = config.adapter.name
    folder = root / "structure" / name
    if (metrics := run_folder.finished(folder, f"structure {name}")) is not None:
        return metrics
    clock = costs.now()
    form = representation_of(config, root, data.channels)
    chosen = np.flatnonzero(data.heldout)[: config.structure.n]
    # Row by row: the unperturbed fit of every instance, then one per strength.
    strengths = (0.0, *structure.LAMBDAS)
    options = fit_options_of(config)
    spread = layout.choose(options, folder, form, data)
    starts, weights = _fits(options, form, data, chosen, strengths, spread.chunk)
    shape = (len(chosen), len(strengths))
    score = _scorer(form, data, chunk=spread.chunk, group=options.group)
    qualities = _segments(score, chosen, weights, shape)
    measured = _measured(form, starts, weights, shape)
    measured |= {
        "barrier": structure.barrier(qualities),
        "worst_drop": structure.worst_drop(qualities),
    }
    distances = {}
    if data.domain.nearness is not None:
        near = data.domain.nearness(form)
        nearness = _segments(near, chosen, weights, shape, places=_ENDS)
        distances = of_distances(structure.barrier(nearness))
    metrics = {
        "n": len(chosen),
        "steps": config.fit.steps,
        "psnr_db_mean": float(qualities[:, 0, 0].mean()),
        "refits_mean_psnr_db": _quality_of_means(score, chosen, weights, shape),
    }
    for measure, values in measured.items():
        for strength, column in zip(structure.LAMBDAS, values.T, strict=True):
            at = f"lambda_{strength:.3g}"
            metrics[f"{measure}_{at}"] = float(column.mean())
            metrics[f"{measure}_std_{at}"] = float(column.std())
    return run_folder.close(
        folder, f"structure {name}", {**metrics, **distances, **costs.since(clock)}
    )


def of_distances(barriers: np.ndarray) -> dict[str, float]:
    """Metrics of the barriers `[n, L]` in squared Chamfer distance.

    Returns:
      Mean and std per strength over the instances that could be measured, NaN if there
      is none, and `n_unmeasured`, how many could not at some strength.
    """
    metrics: dict[str, float] = {"n_unmeasured": int(np.isnan(barriers).any(1).sum())}
    for strength, column in zip(structure.LAMBDAS, barriers.T, strict=True):
        known = column[np.isfinite(column)]
        mean, std = (known.mean(), known.std()) if len(known) else (np.nan, np.nan)
        metrics[f"barrier_chamfer_lambda_{strength:.3g}"] = float(mean)
        metrics[f"barrier_chamfer_std_lambda_{strength:.3g}"] = float(std)
    return metrics


def draw(form: Representation, key: jax.Array):
    """One random start; a standalone field draws its own weights."""
    if not form.standalone:
        return form.adapter.init(key, form.base)
    base = {**form.field.init(key), "fourier": form.base["fourier"]}
    return form.adapter.init(key, base)


def _fits(
    options: FitOptions, form: Representation, data: Data, chosen, strengths, chunk: int
):
    """Starts and fits, `[n * S, ...]`, instance by instance."""
    first = draw(form, keys(options.seed)["start"])
    fit_one = engine.make_fit_one(options, form, data, precision="float32")

    def from_perturbed(shared, key, signal, strength):
        base, first = shared
        draw_key, fit_key = jax.random.split(key)
        second = draw(form, draw_key)
        start = structure.perturbed(form.adapter.centre(base), first, second, strength)
        return start, fit_one((base, start), fit_key, signal)[0]

    rows = np.repeat(chosen, len(strengths))
    many = over_instances(from_perturbed, chunk=chunk, group=options.group)
    return many(
        (form.base, first),
        keys_of(options.seed, "structure", rows),
        data.signals(rows),
        np.tile(np.float32(strengths), len(chosen)),
    )


def _scorer(form: Representation, data: Data, *, chunk: int, group: int):
    """`score(stacked [N, ...], rows [N]) -> PSNR [N]`, compiled once."""
    many = over_instances(
        lambda base, adapter, signal: quality(form, base)(adapter, signal),
        chunk=chunk,
        group=group,
    )
    return lambda stacked, rows: many(form.base, stacked, data.signals(rows))


def _segments(score, chosen, weights, shape, *, places=_SEGMENT) -> np.ndarray:
    """Quality `[n, L, T]` on the segments between the first fit and the others."""
    pairs = np.arange(np.prod(shape)).reshape(shape)
    first = tree.row(weights, np.repeat(pairs[:, 0], shape[1] - 1))
    second = tree.row(weights, pairs[:, 1:].reshape(-1))
    rows = np.repeat(chosen, shape[1] - 1)
    found = [
        score(jax.device_get(merging.lerp(first, second, t)), rows)
        for t in np.linspace(0.0, 1.0, places)
    ]
    return np.stack(found, axis=-1).reshape(len(chosen), -1, places)


def _quality_of_means(score, chosen, weights, shape) -> float:
    """Mean PSNR in dB of the means of all fits of one instance."""
    # Strengths first, as `mean` is over the leading axis.
    refits = jax.tree.map(
        lambda x: x.reshape(*shape, *x.shape[1:]).swapaxes(0, 1)[1:], weights
    )
    return float(score(merging.mean(refits), chosen).mean())


def _measured(form, starts, weights, shape) -> dict[str, np.ndarray]:
    """Cosine similarities `[n, L]` of the first fit and the others."""
    free = form.adapter.free(form.base)
    flat = {
        "cosine_raw": _vectors(weights),
        "cosine": _vectors(weights, free),
        "cosine_moved": _vectors(weights, free) - _vectors(starts, free),
        "cosine_canonical": _vectors(_canonical(form, weights, shape), free),
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


def _canonical(form: Representation, weights, shape):
    """Fits in the form that no symmetry of their representation can change.

    Neurons of a standalone field have no such form: those of every other fit are
    matched to the first fit's.
    """
    if not form.standalone or form.masked:
        free = form.adapter.free(form.base)
        canonical = symmetry.canonicaliser(free, tree.row(weights, 0))
        return jax.device_get(jax.jit(jax.vmap(canonical))(weights))
    n, strengths = shape
    matched = []
    for i in range(n * strengths):
        first = tree.row(weights, i - i % strengths)
        matched.append(symmetry.neurons_to(tree.row(weights, i), first, form.wiring))
    return jax.tree.map(lambda *leaves: np.stack(leaves), *matched)


def _vectors(stacked, chosen=None) -> np.ndarray:
    """Entries of every instance `[N, K]`, those that `chosen` marks or all."""
    if chosen is None:
        chosen = jax.tree.map(lambda x: np.ones(x.shape[1:], bool), stacked)
    found = jax.tree.map(lambda x, c: np.asarray(x)[:, np.asarray(c)], stacked, chosen)
    return np.concatenate(jax.tree.leaves(found), axis=1)


if __name__ == "__main__":
    launch.main(run)
