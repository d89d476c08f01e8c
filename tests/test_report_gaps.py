"""The report where figures, labels, classes or verdicts are missing."""

import shutil

import handmade
import numpy as np
import pytest
from handmade import NOT_RUN, OWN, RIVAL

from configs import digits
from experiments import report
from wsjax import costs, files

CLAIM = "neither copied nor worse than what is trivial"
RATE = digits.get_config().fit.learning_rate


@pytest.fixture(scope="module")
def config():
    return digits.get_config("tiny")


@pytest.fixture
def folder(config, tmp_path):
    handmade.write(tmp_path / "run", config)
    return tmp_path / "run"


@pytest.mark.parametrize(
    ("labels", "share"),
    [(None, None), ([1, 2, 2, 1, 2], 0.4), ([-1, 7, 7, 7], 0.25), ([5, 5], 1.0)],
)
def test_the_smallest_class_is_one_that_occurs(labels, share):
    labels = None if labels is None else np.array(labels)
    assert report._smallest_class(labels) == share


def test_figures_that_are_null_show_as_dashes(config, folder):
    """All at once: no figure of an evaluation is needed for the page."""
    for name in ("metrics", "baselines"):
        path = folder / "evaluate" / OWN / f"{name}.json"
        nothing = {
            key: x
            if key in costs.KEYS
            else dict.fromkeys(x)
            if name != "metrics"
            else None
            for key, x in files.read_json(path).items()
        }
        files.write_json(path, nothing)
    text = handmade.text(report.run(config, str(folder)).read_text())
    assert f"Audit {'; '.join(handmade.REASONS)} –" in text
    assert "Novelty ratio" in text and "None" not in text and "nan" not in text


def test_rivals_are_shown_where_the_recipes_own_is_missing(config, folder):
    baselines = folder / "evaluate" / OWN / "baselines.json"
    shutil.move(baselines, folder / "evaluate" / RIVAL / "baselines.json")
    shutil.rmtree(folder / "evaluate" / OWN)
    words, table = handmade.generators(report.run(config, str(folder)).read_text())
    assert f"{NOT_RUN}evaluate" in words
    assert table.startswith(f"Trained on weights {RIVAL} passed 10.00 4.00×")
    assert "floor: more of them – 2.50" in table and "Gaussian in PCA" in table


def test_numbers_that_are_absent_or_not_finite_show_as_a_dash(config, folder):
    path = folder / "fit" / OWN / "metrics.json"
    metrics = files.read_json(path) | {"psnr_db_p05": None, "psnr_db_mean": np.nan}
    del metrics["components_90"], metrics["pca_psnr_db_test_mean"]
    files.write_json(path, metrics)
    text = handmade.text(report.run(config, str(folder)).read_text())
    assert f"{OWN} 49 4 8 {RATE[OWN]} – – 30.50 – 30.50 ± 0.25 – – 1,263.2 411" in text


def test_a_generator_that_passes_has_no_reason(config, folder):
    handmade.write_verdict(folder, OWN, [])
    path = folder / "evaluate" / OWN / "metrics.json"
    files.write_json(path, files.read_json(path) | {"audit_passed": 1.0})
    text = handmade.text(report.run(config, str(folder)).read_text())
    assert f"Audit {CLAIM} passed Recognised" in text
    assert not any(reason in text for reason in handmade.REASONS)


@pytest.mark.parametrize(
    ("verdict", "shown"),
    [
        ({}, "–"),
        ({"audit_passed": 0.0}, "failed"),
        ({"audit_passed": 0.0, "audit_undecided": 1.0}, "undecided"),
    ],
)
def test_without_a_reason_the_page_claims_nothing(config, folder, verdict, shown):
    (folder / "evaluate" / OWN / "audit.json").unlink()
    path = folder / "evaluate" / OWN / "metrics.json"
    metrics = files.read_json(path)
    for key in handmade.AUDITED:
        del metrics[key]
    files.write_json(path, metrics | verdict)
    words = report.run(config, str(folder)).read_text()
    text, (_, table) = handmade.text(words), handmade.generators(words)
    assert CLAIM not in text and f"worse than what is trivial {shown} Rec" in text
    assert "hundredth of test pictures – – the same by the ratio" in text
    assert f"{OWN} {shown} 8.00 3.20× – 68.8 % 75.0 % 50.0 % 0.75 – 0.50" in table


def test_a_generator_that_failed_is_named_with_its_reason(config, folder):
    rows = {OWN: {}, "paper_ddpm": {"failed": "diverged before step 4"}}
    files.write_json(folder / "generation.json", rows)
    text = handmade.text(report.run(config, str(folder)).read_text())
    assert "generation paper_ddpm diverged before step 4" in text


def test_reasons_are_text(config, folder):
    evil = "<img src=x onerror=hacked=1>"
    handmade.write_verdict(folder, OWN, [evil])
    page = report.run(config, str(folder)).read_text()
    assert "<img src=x" not in page
    assert f"Audit {evil} failed" in handmade.text(page)


def test_damaged_files_end_with_their_name_and_the_way_out(config, folder):
    path = folder / "analyze" / OWN / "metrics.json"
    whole = path.read_text()
    path.write_text("{")
    with pytest.raises(ValueError, match=r"analyze.*metrics\.json is not valid JSON"):
        report.run(config, str(folder))
    path.write_text(whole)
    verdict = folder / "evaluate" / OWN / "audit.json"
    shutil.move(verdict, folder / "kept.json")
    verdict.write_text("{")
    with pytest.raises(ValueError, match=r"evaluate.*audit\.json is not valid JSON"):
        report.run(config, str(folder))
    shutil.move(folder / "kept.json", verdict)
    (folder / "analyze" / OWN / "tsne.png").write_bytes(b"no picture")
    with pytest.raises(ValueError, match=r"tsne\.png is no readable picture; delete"):
        report.run(config, str(folder))


def test_an_unknown_representation_is_refused(tmp_path):
    config = digits.get_config("tiny")
    config.adapter.name = "mlra"
    with pytest.raises(ValueError, match=r"'mlra' is no representation.*mlora_asym"):
        report.run(config, str(tmp_path / "run"))
    assert not (tmp_path / "run").exists()
