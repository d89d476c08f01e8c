"""A finished run folder, written by hand, and the words of its page."""

import html
import re

import numpy as np
from matplotlib.figure import Figure

from experiments.page import figures
from experiments.recipe.opening import opened
from wsjax import files

OWN, RIVAL = "mlora_asym", "one_step"
MMD = [f"mmd_{k}_pixel_pca4" for k in ("gaussian", "polynomial")]
ENDS = ("", "_floor", "_ceiling")
REASONS = [
    "C_T = -4.2 is below -3.1",
    "worse than <b>average_two</b> & co, which is trivial, by pixel_pca4",
]
# What the audit measures, of generators of weights and of values alike.
AUDITED = {
    "excess_pixel_pca4": 0.5,
    "excess_pixel_pca4_low": -0.25,
    "excess_pixel_pca4_high": 1.25,
    "novelty": 0.625,
    "ct": -4.25,
    "copy_fraction": 0.125,
    "single_fraction": 0.25,
    "fd_pixel_pca4_unlimited": 6.25,
    "audit_passed": 0.0,
}
GENERATED = {
    **{
        f"{measure}_pixel_pca4{kind}{end}": value
        for measure, kind, values in (
            ("fd", "", (6.0, 1.5, 2.0)),
            ("fd", "_test", (8.0, 2.5, 5.0)),
            ("precision", "_test", (0.75, 0.96875, 0.9375)),
            ("recall", "_test", (0.5, 0.90625, 0.84375)),
        )
        for end, value in zip(ENDS, values, strict=True)
    },
    **{key + end: 0.0125 for key in MMD for end in ("", "_floor")},
    "nn_function_median": 3.0,
    "nn_function_median_floor": 4.0,
    "novelty_function": 0.75,
    "nn_weights_median": 1.0,
    "nn_weights_median_floor": 2.0,
    "novelty_weights": 0.5,
    "confident_fraction": 0.875,
    "confident_fraction_floor": 0.95,
    "class_fraction_min": 0.0625,
    "failed_fraction": 0.0125,
    "two_sample_accuracy": 0.6875,
    "two_sample_accuracy_ci95": 0.09375,
    "two_sample_accuracy_floor": 0.5125,
    "octave_power_ratio_min": 0.75,
    "octave_power_ratio_max": 1.25,
    "octave_power_ratio_min_floor": 0.9375,
    "octave_power_ratio_max_floor": 1.0625,
    **AUDITED,
}
# What a rival changes of it.
OTHER = {
    "fd_pixel_pca4": 7.5,
    "fd_pixel_pca4_test": 10.0,
    "excess_pixel_pca4": 6.5,
    "excess_pixel_pca4_low": 5.75,
    "excess_pixel_pca4_high": 7.25,
    "copy_fraction": 0.0,
    "audit_passed": 1.0,
    "class_accuracy": 0.625,
    "class_accuracy_floor": 0.984375,
}
# By share, how often copies and noisy copies are refused.
NOTICED = {"0": (0.0, 0.0), "0.05": (0.75, 0.25), "0.5": (1.0, 0.9)}
TRAINING = "cpu_seconds_training"
COST = {"seconds": 61.25, "cpu_seconds": 100.5}
PROBES = {"one_nn_accuracy": 0.625, "logistic_accuracy": 0.75, "kmeans_ari": 0.4375}
PROBES |= {"one_nn_accuracy_ci95": 0.25, "logistic_accuracy_ci95": 0.125}
# In other features; scores differ by as much.
FEATURES = {"pixels": 0.125, "start": 0.0625, "moved": -0.25, "common": -0.125}
METRICS = {
    "base": {"n": 38, "steps": 40, "psnr_db_mean": 21.0, "psnr_db_folded_mean": 11.5},
    "diffusion": {"n_train": 38, "numbers_diffused": 6, "steps": 40, "parameters": 3},
    "samples": {"n": 20, "n_failed": 0, "denoiser_calls": 7},
    "evaluate": {"n_real": 48, "n_sampled": 20, **GENERATED}
    | {f"refused_copies_{share}": x for share, (x, _) in NOTICED.items()}
    | {f"refused_noisy_copies_{share}": x for share, (_, x) in NOTICED.items()}
    | {"copies_noticed_from": 0.05, "noisy_copies_noticed_from": 0.5},
    "analyze": {"n": 48, "n_heldout": 10, **PROBES}
    | {
        f"{features}_{name}": score if name.endswith("ci95") else score + more
        for features, more in FEATURES.items()
        for name, score in PROBES.items()
    }
    | {"common_n": 48, "common_n_heldout": 10, "common_psnr_db_test_mean": 29.75},
}
FIT = {"steps": 8, "numbers_per_field": 49, "psnr_db_p05": 28.5, "components_90": 10}
FIT |= {"psnr_db_test_mean": 30.5, "psnr_db_test_ci95": 0.25, "pca_components": 33}
FIT |= {"pca_psnr_db_test_mean": 26.5, "pca_psnr_db_test_ci95": 0.75}
# By perturbation: cosine, start subtracted, canonical form, other instances, barriers.
STRUCTURE = {
    "displaced_0.03": (1.0, 1.0, 1.0, 0.5, 0.0, 0.0),
    "displaced_0.1": (0.875, 0.75, 0.9375, 0.375, -0.0004, 0.00125),
    "displaced_0.3": (0.75, 0.5, 0.625, 0.25, 2.5, 0.0025),
    "displaced_1": (0.5, 0.25, 0.375, 0.125, 9.5, 0.25),
    "lambda_0.0786": (0.9375, 0.9375, 0.875, 0.25, 0.25, 0.0),
    "lambda_0.314": (0.625, 0.5, 0.6875, 0.25, 1.5, 0.005),
    "lambda_0.707": (0.3125, 0.1875, 0.375, 0.0625, 12.5, 0.125),
}
MEASURES = (
    *("cosine", "cosine_moved", "cosine_canonical", "cosine_between"),
    *("barrier", "barrier_error"),
)
OWN_ROW = f"{OWN}_ones"  # Of the structure study.
SWEEP = {
    "n": 64,
    "numbers_per_field": 392,
    "learning_rate": 0.08,
    "steps": 300,
    "psnr_db_mean": 30.25,
    "psnr_db_ci95": 0.5,
    "cpu_seconds_per_field": 0.0625,
    "equal_cpu_steps": 1200,
    "equal_cpu_psnr_db_mean": 31.75,
    "equal_cpu_psnr_db_ci95": 0.25,
    "pca_psnr_db_mean": 28.5,
    "pca_psnr_db_ci95": 1.5,
}
SPEED = {"fields_per_cpu_second": 1263.2, "bytes_per_field": 411, **COST}
NOT_RUN = "not run yet: run python -m experiments."


def write_manifest(place, instances):
    """What a page reads of a weight set: its instances, without their weights."""
    found = {"n": len(instances), "shards": [], "instances": instances}
    files.write_json(place / "manifest.json", found)


def write_verdict(folder, name, reasons):
    """What the audit says of a generator, and of a trivial one beside it."""
    alone = {"verdict": "trivial", "reasons": [], "leads": {}}
    lead = {"mean": -1.0, "low": -2.0, "high": -0.5}
    verdict = "failed" if reasons else "passed"
    own = {"verdict": verdict, "reasons": reasons}
    own["leads"] = {"pixel_pca4": {"gaussian_values": lead}}
    found = {name: own, "gaussian_values": alone}
    files.write_json(folder / "evaluate" / name / "audit.json", found)


def _write_fit(folder, name, qualities):
    """A fit in which those without a quality failed; all but 2 are of the test part."""
    instances = [
        {
            "name": str(i),
            "part": "train" if i == 2 else "test",
            "status": "done" if db else "failed: diverged",
            "psnr_db": db,
        }
        for i, db in enumerate(qualities)
    ]
    done, n = [db for db in qualities if db], len(qualities)
    counts = {"n": n, "n_fitted": n, "n_done": len(done), "n_failed": n - len(done)}
    counts["psnr_db_mean"] = float(np.mean(done))
    place = folder / "fit" / name
    write_manifest(place, instances)
    files.write_json(place / "metrics.json", FIT | SPEED | counts)


def _write_studies(folder):
    """The studies that compare representations, of two only."""
    structure = {"n": 30, "steps": 300, "psnr_db_mean": 26.25}
    for at, values in STRUCTURE.items():
        for measure, value in zip(MEASURES, values, strict=True):
            structure[f"{measure}_{at}"] = value
            structure[f"{measure}_{at}_ci95"] = 0.125
    for row in (OWN_ROW, "lora"):
        files.write_json(folder / "structure" / row / "metrics.json", structure)
    diverged = {"psnr_db_mean": None, "psnr_db_ci95": None}
    for name, sweep in {OWN: SWEEP, "lora": SWEEP | diverged}.items():
        files.write_json(folder / "sweep" / name / "metrics.json", sweep)


def _write_pictures(folder):
    noise = np.random.default_rng(0).random((20, 12, 12, 1), np.float32)
    evaluated = folder / "evaluate" / OWN
    for sheet in ("beside", "nearest"):
        figures.save_sheet(evaluated / f"{sheet}.png", noise)
    figures.save_sheet(folder / "samples" / OWN / "samples.png", noise)
    empty = figures.png(Figure())
    files.write_bytes(evaluated / "reconstructions.png", empty)
    figures.save_sheet(folder / "samples" / RIVAL / "samples.png", noise)
    files.write_bytes(evaluated / "baselines.png", empty)
    files.write_bytes(folder / "curves" / RIVAL / "curves.png", empty)
    for name in ("tsne", "dimension", "paths"):
        files.write_bytes(folder / "analyze" / OWN / f"{name}.png", empty)
    files.write_bytes(folder / "structure" / "structure.png", empty)


def _write_rival(folder):
    """Another generator, judged like the first, what learns nothing, and verdicts."""
    judged = METRICS["evaluate"] | OTHER
    files.write_json(folder / "evaluate" / RIVAL / "metrics.json", judged | COST)
    drawn = folder / "samples" / RIVAL
    files.write_json(drawn / "metrics.json", METRICS["samples"] | COST)
    write_manifest(drawn, [])
    rows = {"gaussian_pca": GENERATED, "add_noise_0.25": GENERATED}
    rows |= {"gaussian_values": AUDITED, "noise_values_0.5": AUDITED, RIVAL: judged}
    files.write_json(folder / "evaluate" / OWN / "baselines.json", rows)
    for name, reasons in {OWN: REASONS, RIVAL: []}.items():
        write_verdict(folder, name, reasons)
    files.write_json(folder / "generation.json", {RIVAL: {TRAINING: 1234.4}})


def write(folder, config):
    """A finished run folder, by hand."""
    opened(config, str(folder))
    _write_fit(folder, OWN, [None, 30.0, 31.0, 33.0])
    _write_fit(folder, "lora", [27.0, 28.0, 32.0])
    for stage, metrics in METRICS.items():
        place = folder / stage if stage == "base" else folder / stage / OWN
        files.write_json(place / "metrics.json", metrics | COST)
    write_manifest(folder / "samples" / OWN, [])
    _write_rival(folder)
    lines = [
        {"step": s, "loss_train": 1 / s, "loss_validation": 2 / s} for s in (10, 20)
    ]
    files.write_lines(folder / "base" / "train.jsonl", lines)
    lines[0]["chosen"] = True
    files.write_lines(folder / "diffusion" / OWN / "train.jsonl", lines)
    _write_studies(folder)
    _write_pictures(folder)


def generators(page):
    """What a reader sees of the generators, and of the rows of their first table."""
    _, _, rest = page.partition('<section aria-labelledby="generators">')
    words = text(rest.partition("</section>")[0])
    rows = words.partition(" CPU-seconds of training ")[2]
    return words, rows.partition(" Which share ")[0].partition(" Distances ")[0]


def text(page):
    """What a reader sees, in one line."""
    words = re.sub(r"(?s)<style>.*?</style>|<[^>]*>", " ", page)
    return " ".join(html.unescape(words).split())
