"""The report: one page that stands alone, whatever the run folder holds."""

import base64
import html
import re
import shutil

import browser
import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from configs import digits, images
from experiments import figures, parts, report, run_folder
from wsjax import records

OWN = "mlora_asym"
RATE = digits.get_config().fit.learning_rate
MMD = [f"mmd_{k}_pixel_pca4" for k in ("gaussian", "polynomial")]
FD = [f"fd_pixel_pca4{end}" for end in ("", "_floor", "_ceiling")]
GENERATED = {
    **dict(zip(FD, (6.0, 1.5, 2.0), strict=True)),
    **{key + end: 0.0125 for key in MMD for end in ("", "_floor")},
    "nn_function_median": 3.0,
    "nn_function_heldout_median": 4.0,
    "nn_weights_median": 1.0,
    "nn_weights_heldout_median": 2.0,
    "confident_fraction": 0.875,
    "confident_fraction_heldout": 0.95,
    "class_fraction_min": 0.0625,
}
COST = {"seconds": 61.25, "cpu_seconds": 100.5}
PROBES = {"one_nn_accuracy": 0.625, "logistic_accuracy": 0.75, "kmeans_ari": 0.4375}
METRICS = {
    "base": {"n": 38, "steps": 40, "psnr_db_mean": 21.0, "psnr_db_folded_mean": 11.5},
    "diffusion": {"n_train": 38, "numbers_diffused": 6, "steps": 40, "parameters": 3},
    "samples": {"n": 20, "n_failed": 0, "denoiser_calls": 7},
    "evaluate": {"n_real": 48, "n_sampled": 20, **GENERATED},
    "analyze": {"n": 48, "n_heldout": 10, **PROBES}
    | {f"pixels_{name}": score + 0.125 for name, score in PROBES.items()},
}
FIT = {"steps": 8, "numbers_per_field": 49, "psnr_db_p05": 28.5, "components_90": 10}
SPEED = {"fields_per_cpu_second": 1263.2, "bytes_per_field": 411, **COST}
HEADINGS = "run figures pictures curves map representations generators failures recipe"
NOT_RUN = "not run yet: run python -m experiments."


def _write_fit(folder, name, qualities):
    """A fit in which the instances without a quality failed."""
    instances = [
        {"name": str(i), "status": "done" if db else "failed: diverged", "psnr_db": db}
        for i, db in enumerate(qualities)
    ]
    done, n = [db for db in qualities if db], len(qualities)
    counts = {"n": n, "n_fitted": n, "n_done": len(done), "n_failed": n - len(done)}
    counts["psnr_db_mean"] = float(np.mean(done))
    place = folder / "fit" / name
    records.write_json(place / "manifest.json", {"instances": instances})
    records.write_json(place / "metrics.json", FIT | SPEED | counts)


def _write_pictures(folder):
    noise = np.random.default_rng(0).random((20, 12, 12, 1), np.float32)
    evaluated = folder / "evaluate" / OWN
    figures.save_sheet(evaluated / "nearest.png", noise)
    figures.save_sheet(folder / "samples" / OWN / "samples.png", noise)
    records.write_bytes(evaluated / "reconstructions.png", figures.png(Figure()))
    records.write_bytes(folder / "analyze" / OWN / "tsne.png", figures.png(Figure()))


def _write(folder, config):
    """A finished run folder, by hand."""
    run_folder.open_run(config, str(folder), parts.data(config))
    _write_fit(folder, OWN, [None, 30.0, 31.0, 33.0])
    _write_fit(folder, "lora", [27.0, 28.0])
    for stage, metrics in METRICS.items():
        place = folder / stage if stage == "base" else folder / stage / OWN
        records.write_json(place / "metrics.json", metrics | COST)
    records.write_json(folder / "samples" / OWN / "manifest.json", {"instances": []})
    evaluated = folder / "evaluate" / OWN
    records.write_json(evaluated / "baselines.json", {"gaussian_pca": GENERATED})
    lines = [{"step": s, "loss_train": 1 / s, "loss_heldout": 2 / s} for s in (10, 20)]
    records.write_lines(folder / "base" / "train.jsonl", lines)
    lines[0]["chosen"] = True
    records.write_lines(folder / "diffusion" / OWN / "train.jsonl", lines)
    _write_pictures(folder)


def _text(page):
    """What a reader sees, in one line."""
    words = re.sub(r"(?s)<style>.*?</style>|<[^>]*>", " ", page)
    return " ".join(html.unescape(words).split())


def _without_policy(page):
    return re.sub(r"<meta http-equiv[^>]*>", "", page)


@pytest.fixture(scope="module")
def config():
    return digits.get_config("tiny")


@pytest.fixture(scope="module")
def finished(config, tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    _write(folder, config)
    report.run(config, str(folder))
    return folder


@pytest.fixture(scope="module")
def page(finished):
    return (finished / "report.html").read_text()


@pytest.fixture
def folder(finished, tmp_path):
    """A copy that a test may damage."""
    return shutil.copytree(finished, tmp_path / "copy")


def test_the_page_stands_alone(page, finished):
    links = re.findall(r"""\b(?:src|href|srcset|action)\s*=\s*["']?([^"'\s>]*)""", page)
    assert links and all(link.startswith(("data:", "#")) for link in links)
    assert not re.search(r"https?://|<script|@import|url\(", page)
    targets = re.findall(r'href="#(\w+)"', page)
    assert set(targets) == set(HEADINGS.split())
    assert all(page.count(f'id="{target}"') == 1 for target in targets)
    assert [path.name for path in finished.glob("report*")] == ["report.html"]


def test_numbers_stand_beside_their_references(page):
    text = _text(page)
    for words in (
        "Total 428.8 703.5",
        "PSNR, mean higher is better 31.33 dB 11.50 dB the base field alone",
        "Failed instances skipped or diverged 1 4 instances in all",
        "lower is better 6.00 1.50 floor: real against real pictures 2.00 ceiling",
        "FD over its floor 1 means as near as more real pictures 4.00×",
        "means copies 0.75 3.00 median distance of the samples 4.00 median",
        "at least 90 % sure 87.5 % 95.0 % of held-out real pictures",
        "means a class is lost 6.2 % 6.2 % smallest class in the data",
        "higher is better 62.5 % 75.0 % on pixels",
        "1 is perfect 0.438 0.562 on pixels",
        "Gaussian in PCA space 6.00 1.50 2.00 4.00× 12.50 12.50 12.50 12.50",
        "samples, mlora_asym 0.75 0.50 87.5 % 6.2 %",
    ):
        assert words in text, words
    assert NOT_RUN not in text


def test_curves_mark_the_chosen_step(page):
    encoded = re.findall(r'"data:image/svg\+xml;base64,([^"]*)"', page)
    base, denoiser = (base64.b64decode(text).decode() for text in encoded)
    assert "train" in base and "held-out" not in base and "chosen" not in base
    assert "held-out" in denoiser and "chosen: step 10" in denoiser


def test_representations_compare_on_the_instances_that_all_have(page):
    # Instances 0 and 1 are common; 0 failed with the study's own representation.
    text = _text(page)
    assert f"lora 49 2 8 {RATE.lora} 27.50 28.50 27.50 10 1,263.2 411" in text
    assert f"{OWN} 49 4 8 {RATE[OWN]} 31.33 28.50 30.00 10 1,263.2 411" in text
    assert "fit mlora_asym 0 failed: diverged" in text


@pytest.mark.parametrize("stage", report._STAGES)
def test_a_stage_that_is_missing_is_named(stage, config, folder):
    place = folder / stage if stage == "base" else folder / stage / OWN
    for path in place.iterdir():
        path.unlink()
    text = _text(report.run(config, str(folder)).read_text())
    named = re.findall(rf"{re.escape(NOT_RUN)}(\w+)", text)
    assert set(named) == {report._STAGES[stage]}


def test_an_empty_folder_names_every_stage_in_order(config, tmp_path):
    text = _text(report.run(config, str(tmp_path)).read_text())
    named = re.findall(rf"{re.escape(NOT_RUN)}(\w+)", text)
    assert named[:6] == list(report._STAGES.values())
    assert "Total 0.0 0.0" in text


def test_numbers_that_are_absent_or_not_finite_show_as_a_dash(config, folder):
    path = folder / "fit" / OWN / "metrics.json"
    metrics = records.read_json(path) | {"psnr_db_p05": None, "psnr_db_mean": np.nan}
    del metrics["components_90"]
    records.write_json(path, metrics)
    text = _text(report.run(config, str(folder)).read_text())
    assert f"{OWN} 49 4 8 {RATE[OWN]} – – 30.00 – 1,263.2 411" in text


def test_damaged_files_end_with_their_name_and_the_way_out(config, folder):
    path = folder / "analyze" / OWN / "metrics.json"
    whole = path.read_text()
    path.write_text("{")
    with pytest.raises(ValueError, match=r"analyze.*metrics\.json is not valid JSON"):
        report.run(config, str(folder))
    path.write_text(whole)
    (folder / "analyze" / OWN / "tsne.png").write_bytes(b"no picture")
    with pytest.raises(ValueError, match=r"tsne\.png is no readable picture; delete"):
        report.run(config, str(folder))


def test_an_unknown_representation_is_refused(tmp_path):
    config = digits.get_config("tiny")
    config.adapter.name = "mlra"
    with pytest.raises(ValueError, match=r"'mlra' is no representation.*mlora_asym"):
        report.run(config, str(tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def test_hostile_names_are_text(tmp_path):
    evil = "<img src=x onerror=hacked=1>"
    source = tmp_path / f"{evil}&amp;"
    source.mkdir()
    for i in range(6):
        Image.fromarray(np.full((12, 12), 40 * i, np.uint8)).save(source / f"{i}.png")
    (source / f"{evil}.png").write_bytes(b"broken")
    config = images.get_config("tiny")
    config.data.path = str(source)
    folder = tmp_path / "<script>hacked=1<"
    _write(folder, config)
    page = report.run(config, str(folder)).read_text()
    assert "<img src=x" not in page and "<script" not in page
    assert f"from {source}, fingerprint" in _text(page)
    assert f"data {evil}.png" in _text(page)
    found = browser.look(_without_policy(page), tmp_path, width=1000)
    assert not found["hacked"] and found["broken"] == 0
    assert f"{evil}.png" in found["text"]


@pytest.mark.parametrize("width", [360, 1000])
def test_a_browser_shows_every_picture_and_nothing_sticks_out(page, tmp_path, width):
    found = browser.look(page, tmp_path, width=width)
    assert found["title"] == f"digits as {OWN} weights" and found["broken"] == 0
    assert [alt.split()[0] for alt in found["alts"]] == (
        ["Two", "Sheet", "Sheet", "Training", "Training", "t-SNE"]
    )
    assert found["overflow"] == 0
    assert '"start": "ones"' in found["text"]


def test_no_script_runs_in_the_page_even_if_one_gets_in(page, tmp_path):
    page = page.replace("</main>", "<script>hacked = 1</script></main>")
    assert not browser.look(page, tmp_path, width=1000)["hacked"]
    # The probe does see it where the policy is missing.
    assert browser.look(_without_policy(page), tmp_path, width=1001)["hacked"]
