r"""The structure study: do fits from different starts end in one linear mode?

  python -m experiments.structure --config=configs/digits.py --workdir=runs/digits

Section 4.2 and Fig. 3 of the paper, for all six representations, mLoRA from each start
that the recipe lists. Fits validation instances from one start and from others, at
given distances from it and at the paper's strengths lambda; compares the weights of
each such fit with the first, and renders fields on the segment between the two. Reads
base/, writes structure/: structure.png, <row>/metrics.json, where a row is a
representation, such as lora, or one with its start, such as mlora_asym_skip. `analyze`
runs this too; finished rows are kept.
"""

import pathlib

import numpy as np
from ml_collections import ConfigDict

from experiments.domain.data import Data
from experiments.fitting.perturbed import Perturbation, refit
from experiments.judging import linear_mode
from experiments.page import figures
from experiments.recipe.fits import fit_options_of
from experiments.recipe.opening import opened
from experiments.recipe.planned import as_planned
from experiments.recipe.representation import representation_of
from experiments.recipe.structure import perturbations_of, rows_of
from experiments.running import launch, run_folder
from wsjax import costs, files
from wsjax.analysis import structure

_KINDS = {
    "displaced": "displacement of the start, relative to its norm",
    "lambda": "strength of the perturbation, λ",
}
_PANELS = {
    "cosine": "cosine similarity, free entries",
    "barrier": "barrier at the midpoint, dB",
    "barrier_error": "barrier, mean squared error",
}
_SURFACE = {"barrier_chamfer": "barrier, squared Chamfer distance"}
# Errors span decades, and a barrier may be below 0.
_SCALES = {
    "displaced": {"value": "log"},
    "barrier_error": {"value": "symlog", "linthresh": 1e-3},
}
_SEGMENT = 5  # Points on a segment at which the field is rendered, ends included.
_CHUNK = 8  # Fits at once; to measure the best takes longer than it saves so few.
_ENDS = 3  # The same for surfaces of shapes, which are slow: both ends and the middle.


def run(config: ConfigDict, workdir: str) -> dict[str, dict]:
    """Studies every row of the recipe; returns the metrics of each, `{}` if n is 0."""
    data, root = opened(config, workdir)
    if not config.structure.n:
        return {}
    rows = rows_of(config)
    metrics = {row: _study(own, root, data, row) for row, own in rows.items()}
    panels = _PANELS | ({} if data.domain.nearness is None else _SURFACE)
    known = perturbations_of(config)
    drawn = {row: curves(m, known, panels) for row, m in metrics.items()}
    figure = figures.bands(drawn, _KINDS, panels, _SCALES)
    files.write_bytes(root / "structure" / "structure.png", figures.png(figure))
    return metrics


def curves(
    metrics: dict, perturbations: tuple[Perturbation, ...], panels=_PANELS
) -> dict[str, dict[str, np.ndarray]]:
    """Extracts curves `[L, 3]` (size, mean, ci95) by kind of perturbation and panel."""
    found: dict[str, dict[str, np.ndarray]] = {}
    for kind in _KINDS:
        chosen = [p for p in perturbations if p.kind == kind]
        found[kind] = {}
        for name in panels:
            keys = [f"{name}_{p.key}" for p in chosen]
            lines = [
                [p.size, metrics[key], metrics[f"{key}_ci95"]]
                for p, key in zip(chosen, keys, strict=True)
            ]
            # NaN where a file has null.
            found[kind][name] = np.array(lines, float).reshape(-1, 3)
    return found


def _study(config: ConfigDict, root: pathlib.Path, data: Data, row: str) -> dict:
    folder = root / "structure" / row
    if (metrics := run_folder.finished(folder, f"structure {row}")) is not None:
        return metrics
    clock = costs.now()
    form = representation_of(config, root, data.shape)
    chosen = data.rows("validation")[: config.structure.n]
    options, perturbations = fit_options_of(config), perturbations_of(config)
    chunk = options.chunk or _CHUNK
    refits = refit(options, form, data, chosen, perturbations, chunk=chunk)
    score = linear_mode.scorer(form, data, chunk=chunk, group=options.group)
    qualities = linear_mode.segments(score, chosen, refits, places=_SEGMENT)
    distances = linear_mode.distances(form, refits)
    displaced = np.array([False, *(p.kind == "displaced" for p in perturbations)])
    means = linear_mode.quality_of_means(score, chosen, refits, displaced)
    metrics = {
        "n": len(chosen),
        "steps": config.fit.steps,
        "psnr_db_mean": float(qualities[:, 0, 0].mean()),
        "refits_mean_psnr_db": means,
        "travel": float(distances.pop("travel")[:, 0].mean()),
    }
    measured = linear_mode.cosines(form, refits) | linear_mode.barriers(qualities)
    measured |= distances
    if data.domain.nearness is not None:
        near = data.domain.nearness(form)
        nearness = linear_mode.segments(near, chosen, refits, places=_ENDS)
        measured["barrier_chamfer"] = structure.barrier(nearness)
        unmeasured = np.isnan(measured["barrier_chamfer"]).any(axis=1)
        metrics["n_unmeasured"] = int(unmeasured.sum())
    metrics |= linear_mode.summary(measured, [p.key for p in perturbations])
    return run_folder.close(
        folder, f"structure {row}", {**metrics, **costs.since(clock)}
    )


if __name__ == "__main__":
    launch.main(as_planned(run))
