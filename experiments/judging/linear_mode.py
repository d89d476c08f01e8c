"""Measures of whether two fits of an instance lie in one linear mode."""

from collections.abc import Callable, Sequence

import jax
import numpy as np
from chex import ArrayTree

from experiments.domain.data import Data
from experiments.domain.representation import Representation, quality
from experiments.fitting.perturbed import PerturbedFits
from wsjax import merging, symmetry, tree
from wsjax.analysis import structure
from wsjax.analysis.interval import interval
from wsjax.fit import over_instances
from wsjax.metrics.reconstruction import mean_squared_error

__all__ = [
    "barriers",
    "cosines",
    "distances",
    "quality_of_means",
    "scorer",
    "segments",
    "summary",
]

Score = Callable[[ArrayTree, np.ndarray], np.ndarray]
"""`score(stacked adapters [N, ...], rows [N]) -> [N]`, higher is better."""


def scorer(form: Representation, data: Data, *, chunk: int, group: int) -> Score:
    """Returns the score by PSNR in dB, over all points of an instance."""
    many = over_instances(
        lambda base, adapter, signal: quality(form, base)(adapter, signal),
        chunk=chunk,
        group=group,
    )
    return lambda stacked, rows: many(form.base, stacked, data.signals(rows))


def segments(
    score: Score, rows: np.ndarray, refits: PerturbedFits, *, places: int
) -> np.ndarray:
    """Scores on the straight lines from the first fit to each perturbed one.

    Args:
      score: of fields.
      rows: n numbers of the instances.
      refits: of these instances, S each.
      places: T, evenly spaced points of a line, both ends among them.

    Returns:
      `[n, S - 1, T]`.
    """
    n, fits = refits.shape
    ends = score(refits.weights, np.repeat(rows, fits)).reshape(refits.shape)
    pairs = np.arange(n * fits).reshape(refits.shape)
    first = tree.row(refits.weights, np.repeat(pairs[:, 0], fits - 1))
    second = tree.row(refits.weights, pairs[:, 1:].reshape(-1))
    between = [
        score(
            jax.device_get(merging.lerp(first, second, t)), np.repeat(rows, fits - 1)
        ).reshape(n, -1)
        for t in np.linspace(0.0, 1.0, places)[1:-1]
    ]
    start = np.broadcast_to(ends[:, :1], (n, fits - 1))
    return np.stack([start, *between, ends[:, 1:]], axis=-1)


def barriers(qualities: np.ndarray) -> dict[str, np.ndarray]:
    """Barriers of segments in dB and in squared error.

    Args:
      qualities: `[n, L, T]` PSNRs in dB along segments, T odd.

    Returns:
      Arrays `[n, L]`, positive where the middle is worse: `barrier` and `worst_drop` in
      dB; `barrier_error`, the mean squared error of the middle minus the mean of both
      ends, of values in [-1, 1]; `barrier_error_relative`, the same over the mean of
      both ends.
    """
    errors = mean_squared_error(np.asarray(qualities, np.float64))
    rise = structure.barrier(-errors)
    return {
        "barrier": structure.barrier(qualities),
        "worst_drop": structure.worst_drop(qualities),
        "barrier_error": rise,
        "barrier_error_relative": rise / errors[..., [0, -1]].mean(axis=-1),
    }


def distances(form: Representation, refits: PerturbedFits) -> dict[str, np.ndarray]:
    """Displacements of the starts `[n, S - 1]`, and `travel` of the fits `[n, S]`.

    All are relative to the norm of the start: `displacement` of its free entries,
    `displacement_kernels` of the kernels that the field is given, and `travel` from a
    start to its fit, of free entries.
    """
    free = form.adapter.free(form.base)
    starts = _vectors(refits.starts, free).reshape(*refits.shape, -1)
    weights = _vectors(refits.weights, free).reshape(*refits.shape, -1)
    norms = np.linalg.norm(starts, axis=-1)
    moved = np.linalg.norm(starts[:, 1:] - starts[:, :1], axis=-1) / norms[:, :1]
    return {
        "displacement": moved,
        "displacement_kernels": refits.kernels,
        "travel": np.linalg.norm(weights - starts, axis=-1) / norms,
    }


def cosines(form: Representation, refits: PerturbedFits) -> dict[str, np.ndarray]:
    """Cosine similarities `[n, S - 1]` of the first fit with each perturbed one."""
    free = form.adapter.free(form.base)
    flat = {
        "cosine_raw": _vectors(refits.weights),
        "cosine": _vectors(refits.weights, free),
        "cosine_moved": _vectors(refits.weights, free) - _vectors(refits.starts, free),
        "cosine_canonical": _vectors(_canonical(form, refits), free),
    }
    found = {}
    for name, vectors in flat.items():
        vectors = vectors.reshape(*refits.shape, -1)
        found[name] = structure.cosine(vectors[:, :1], vectors[:, 1:])
    # Baseline: the fit of another instance, from an equally perturbed start.
    vectors = flat["cosine"].reshape(*refits.shape, -1)
    others = np.roll(vectors[:, 1:], 1, axis=0)
    found["cosine_between"] = structure.cosine(vectors[:, :1], others)
    return found


def quality_of_means(
    score: Score, rows: np.ndarray, refits: PerturbedFits, chosen: np.ndarray
) -> float:
    """Mean score of the averaged weights of an instance's fits.

    Args:
      score: of fields.
      rows: n numbers of the instances.
      refits: of these instances, S each.
      chosen: `[S]` booleans, which fits are averaged.
    """
    # `mean` is over the leading axis: fits first.
    fits = jax.tree.map(
        lambda x: x.reshape(*refits.shape, *x.shape[1:]).swapaxes(0, 1)[chosen],
        refits.weights,
    )
    return float(score(merging.mean(fits), rows).mean())


def summary(
    measured: dict[str, np.ndarray], keys: Sequence[str]
) -> dict[str, float | None]:
    """Metrics of measures `[n, L]` over the n instances, NaN where unmeasured.

    Args:
      measured: by name.
      keys: L ends of the metrics' keys.

    Returns:
      For each name and key, such as `barrier_lambda_0.314`, the mean over the instances
      that could be measured, and as `..._ci95` half the width of its 95 % interval; NaN
      if there are none, or fewer than two.
    """
    metrics = {}
    for name, values in measured.items():
        for key, column in zip(keys, values.T, strict=True):
            known = column[np.isfinite(column)]
            mean = known.mean() if len(known) else np.nan
            half = interval(known)[1] if len(known) > 1 else np.nan
            metrics[f"{name}_{key}"] = float(mean)
            metrics[f"{name}_{key}_ci95"] = float(half)
    return metrics


def _canonical(form: Representation, refits: PerturbedFits) -> ArrayTree:
    """Fits in canonical form: equal for weights that differ only by a symmetry.

    Neurons of an unmasked standalone field have no canonical order: those of each
    perturbed fit are matched to those of the first fit of the instance.
    """
    weights, (n, fits) = refits.weights, refits.shape
    if not form.standalone or form.masked:
        free = form.adapter.free(form.base)
        canonical = symmetry.canonicaliser(free, tree.row(weights, 0))
        return jax.device_get(jax.jit(jax.vmap(canonical))(weights))
    matched = []
    for i in range(n * fits):
        first = tree.row(weights, i - i % fits)
        matched.append(symmetry.neurons_to(tree.row(weights, i), first, form.wiring))
    return jax.tree.map(lambda *leaves: np.stack(leaves), *matched)


def _vectors(stacked: ArrayTree, chosen: ArrayTree | None = None) -> np.ndarray:
    """Stacked weights as vectors `[N, K]`: the entries marked in `chosen`, or all."""
    if chosen is None:
        chosen = jax.tree.map(lambda x: np.ones(x.shape[1:], bool), stacked)
    parts = jax.tree.map(lambda x, c: np.asarray(x)[:, np.asarray(c)], stacked, chosen)
    return np.concatenate(jax.tree.leaves(parts), axis=1)
