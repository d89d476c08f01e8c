r"""The structure study: do fits from different starts end in one linear mode?

  python -m experiments.structure --config=configs/digits.py --workdir=runs/digits

Section 4.2 and Fig. 3 of the paper, for all six representations. Fits validation
instances from one start and from ever more perturbed ones; compares the weights of each
perturbed fit with the first, and renders fields on the segment between the two. Reads
base/, writes structure/: structure.png, <representation>/metrics.json. `analyze` runs
this too; finished studies are kept.
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
_SEGMENT = 5  # Points on a segment at which the field is rendered, ends included.
_ENDS = 3  # The same for surfaces of shapes, which are slow: both ends and the middle.


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
    """The recipe for one representation, with the values of `config.structure`."""
    own = with_name(config, name)
    own.fit.points = config.structure.points
    if name.startswith("mlora"):
        own.fit.learning_rate[name] = config.structure.learning_rate
        with own.adapter[name].unlocked():
            own.adapter[name].start = config.structure.start
            own.adapter[name].spread = config.structure.spread
    return own


def curves(metrics: dict, panels: dict[str, str] = _PANELS) -> dict[str, np.ndarray]:
    """Extracts curves from metrics: `lambda` `[L]`, others `[L, 2]` (mean, std)."""
    texts = [k.split("_")[2] for k in metrics if k.startswith("barrier_lambda_")]
    drawn = {"lambda": np.array([float(text) for text in texts])}
    for measure in (*panels, "cosine_between"):
        keys = [(f"{measure}_lambda_{x}", f"{measure}_std_lambda_{x}") for x in texts]
        pairs = [[metrics[mean], metrics[std]] for mean, std in keys]
        drawn[measure] = np.array(pairs, float)  # NaN where a file has null.
    return drawn


def _study(config: ConfigDict, root: pathlib.Path, data: Data) -> dict:
    name = config.adapter.name
    folder = root / "structure" / name
    if (metrics := run_folder.finished(folder, f"structure {name}")) is not None:
        return metrics
    clock = costs.now()
    form = representation_of(config, root, data.channels)
    chosen = data.rows("validation")[: config.structure.n]
    # Fits are ordered by instance; the first fit of each is unperturbed.
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
    """Metrics of barriers `[n, L]` in squared Chamfer distance, NaN if unmeasured.

    Returns:
      Mean and std per strength, over the instances that could be measured (NaN if there
      are none), and `n_unmeasured`: instances with a NaN at one strength or more.
    """
    metrics: dict[str, float] = {"n_unmeasured": int(np.isnan(barriers).any(1).sum())}
    for strength, column in zip(structure.LAMBDAS, barriers.T, strict=True):
        known = column[np.isfinite(column)]
        mean, std = (known.mean(), known.std()) if len(known) else (np.nan, np.nan)
        metrics[f"barrier_chamfer_lambda_{strength:.3g}"] = float(mean)
        metrics[f"barrier_chamfer_std_lambda_{strength:.3g}"] = float(std)
    return metrics


def draw(form: Representation, key: jax.Array):
    """Draws one random start; that of a standalone field is a new initialisation."""
    if not form.standalone:
        return form.adapter.init(key, form.base)
    base = {**form.field.init(key), "fourier": form.base["fourier"]}
    return form.adapter.init(key, base)


def _fits(
    options: FitOptions, form: Representation, data: Data, chosen, strengths, chunk: int
):
    """Starts and fits `[n * S, ...]`, S per instance, ordered by instance."""
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
    """Returns `score(stacked [N, ...], rows [N]) -> PSNR [N]` in dB."""
    many = over_instances(
        lambda base, adapter, signal: quality(form, base)(adapter, signal),
        chunk=chunk,
        group=group,
    )
    return lambda stacked, rows: many(form.base, stacked, data.signals(rows))


def _segments(score, chosen, weights, shape, *, places=_SEGMENT) -> np.ndarray:
    """Quality `[n, L, T]` at T points from the first fit to each perturbed one."""
    pairs = np.arange(np.prod(shape)).reshape(shape)
    first = tree.row(weights, np.repeat(pairs[:, 0], shape[1] - 1))
    second = tree.row(weights, pairs[:, 1:].reshape(-1))
    rows = np.repeat(chosen, shape[1] - 1)
    qualities = [
        score(jax.device_get(merging.lerp(first, second, t)), rows)
        for t in np.linspace(0.0, 1.0, places)
    ]
    return np.stack(qualities, axis=-1).reshape(len(chosen), -1, places)


def _quality_of_means(score, chosen, weights, shape) -> float:
    """PSNR in dB of the mean weights of an instance's perturbed fits, averaged."""
    # `mean` is over the leading axis: strengths first, without the unperturbed fit.
    refits = jax.tree.map(
        lambda x: x.reshape(*shape, *x.shape[1:]).swapaxes(0, 1)[1:], weights
    )
    return float(score(merging.mean(refits), chosen).mean())


def _measured(form, starts, weights, shape) -> dict[str, np.ndarray]:
    """Cosine similarities `[n, L]` of the first fit with each perturbed one."""
    free = form.adapter.free(form.base)
    flat = {
        "cosine_raw": _vectors(weights),
        "cosine": _vectors(weights, free),
        "cosine_moved": _vectors(weights, free) - _vectors(starts, free),
        "cosine_canonical": _vectors(_canonical(form, weights, shape), free),
    }
    cosines = {}
    for name, vectors in flat.items():
        vectors = vectors.reshape(*shape, -1)
        cosines[name] = structure.cosine(vectors[:, :1], vectors[:, 1:])
    # Baseline: the fit of another instance, from an equally perturbed start.
    vectors = flat["cosine"].reshape(*shape, -1)
    others = np.roll(vectors[:, 1:], 1, axis=0)
    cosines["cosine_between"] = structure.cosine(vectors[:, :1], others)
    return cosines


def _canonical(form: Representation, weights, shape):
    """Fits in canonical form: equal for weights that differ only by a symmetry.

    Neurons of an unmasked standalone field have no canonical order: those of each
    perturbed fit are matched to those of the first fit of the instance.
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
    """Stacked weights as vectors `[N, K]`: the entries marked in `chosen`, or all."""
    if chosen is None:
        chosen = jax.tree.map(lambda x: np.ones(x.shape[1:], bool), stacked)
    parts = jax.tree.map(lambda x, c: np.asarray(x)[:, np.asarray(c)], stacked, chosen)
    return np.concatenate(jax.tree.leaves(parts), axis=1)


if __name__ == "__main__":
    launch.main(run)
