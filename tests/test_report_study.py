"""The report on studies that compare representations: structure, sweep, pictures."""

import re
import shutil

import handmade
import pytest
from handmade import NOT_RUN, OWN, OWN_ROW

from configs import digits
from experiments import report
from experiments.page import comparison
from wsjax import files


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    handmade.write(folder, digits.get_config("tiny"))
    return folder


@pytest.fixture
def folder(finished, tmp_path):
    """A copy that a test may damage."""
    return shutil.copytree(finished, tmp_path / "copy")


def _page(folder):
    return report.run(digits.get_config("tiny"), str(folder)).read_text()


def _section(page, name):
    """What a reader sees of one section."""
    _, _, rest = page.partition(f'<section aria-labelledby="{name}">')
    return handmade.text(rest.partition("</section>")[0])


def _line(row, values):
    cosine, *others, barrier, error = values
    others = " ".join(f"{value:.3f}" for value in others)
    barriers = f"{barrier:.2f} ± 0.12 {1000 * error:.2f} ± 125.00"
    return f"{row} {cosine:.3f} ± 0.125 {others} {barriers} 26.25"


def test_structure_has_a_line_per_row_and_perturbation(folder):
    text = _section(_page(folder), "structure")
    assert "30 validation instances were fitted for 300 steps" in text
    kept = {"d = 0.1": "displaced_0.1", "d = 0.3": "displaced_0.3"}
    kept |= {"d = 1": "displaced_1", "λ = 0.314": "lambda_0.314"}
    shown = {label: handmade.STRUCTURE[at] for label, at in kept.items()}
    *before, _, error = shown["d = 0.1"]
    shown["d = 0.1"] = (*before, 0.0, error)  # Rounds to 0, which has no sign.
    rows = [
        f"{label} {_line('lora', values)} {_line(OWN_ROW, values)}"
        for label, values in shown.items()
    ]
    assert text.endswith(f"PSNR of the fits, dB {' '.join(rows)}")


def test_structure_marks_the_start_that_the_recipe_fits_from(folder):
    page = _page(folder)
    _, _, rest = page.partition('<section aria-labelledby="structure">')
    marked = re.findall('<tr class="own"><th scope="row">(.*?)</th>', rest)
    assert marked[:4] == [OWN_ROW] * 4


def test_structure_shows_what_is_finished_and_dashes_for_what_is_absent(folder):
    shutil.rmtree(folder / "structure" / OWN_ROW)
    (folder / "structure" / "structure.png").unlink()
    path = folder / "structure" / "lora" / "metrics.json"
    metrics = files.read_json(path)
    del metrics["cosine_displaced_0.3_ci95"], metrics["cosine_moved_displaced_0.3"]
    metrics["barrier_displaced_0.3"] = None
    files.write_json(path, metrics)
    page = _page(folder)
    text = _section(page, "structure")
    assert "d = 0.3 lora 0.750 – 0.625 0.250 – 2.50 ± 125.00 26.25 d" in text
    assert OWN_ROW not in text and NOT_RUN not in text
    assert 'alt="Six panels' not in page


def test_structure_that_was_not_run_is_named(folder):
    shutil.rmtree(folder / "structure")
    page = _page(folder)
    notice = f"Structure study: {NOT_RUN}structure"
    assert _section(page, "structure") == f"Structure {notice}"
    assert handmade.text(page).count(NOT_RUN) == 1


def test_a_recipe_without_a_structure_study_says_so(tmp_path):
    config = digits.get_config("tiny")
    config.structure.n = 0
    files.write_json(tmp_path / "sweep" / OWN / "metrics.json", handmade.SWEEP)
    page = report.run(config, str(tmp_path)).read_text()
    assert _section(page, "structure") == "Structure The recipe has no structure study."


@pytest.mark.parametrize(
    "displaced, strengths, shown",
    [
        ("", "", ""),
        ("0.5", "", "displaced_0.5"),
        ("1 0.03 0.3 0.1", "0.5", "displaced_0.1 displaced_0.3 displaced_1 lambda_0.5"),
        ("", "0.707 0.314 0 0.218", "lambda_0.314"),
        ("", "0.4 0.2 1e-05", "lambda_0.2"),  # Of two equally near the lower.
    ],
)
def test_the_largest_displacements_and_the_usual_strength_are_shown(
    displaced, strengths, shown
):
    keys = [f"barrier_displaced_{x}" for x in displaced.split()]
    keys += [f"barrier_lambda_{x}" for x in strengths.split()]
    keys += [f"{key}_ci95" for key in keys]
    metrics = {"lora": dict.fromkeys(keys, 0.0), "mlp": {"n": 3}}
    found = comparison.perturbations(metrics)
    assert list(found.values()) == shown.split()


@pytest.mark.parametrize("part", ["train", "validation"])
def test_the_test_part_alone_counts_as_such(folder, part):
    metrics = dict.fromkeys(("lora", OWN), {})
    for name in metrics:
        path = folder / "fit" / name / "manifest.json"
        manifest = files.read_json(path)
        manifest["instances"][2]["part"] = part
        files.write_json(path, manifest)
    lora, own = comparison.fits(folder, metrics, {})
    assert lora["n_common"] == 3 and lora["n_common_test"] == 2
    assert lora["psnr_db_common"] == 29 and lora["psnr_db_common_test"] == 27.5
    assert own["psnr_db_common"] == 30.5 and own["psnr_db_common_test"] is None


def test_the_sweep_compares_at_equal_cpu_time(folder):
    text = _section(_page(folder), "representations")
    assert "sweep tried on 64 validation instances: for the steps of that" in text
    assert "held-out" not in text and "training instances" not in text
    later = "0.062 1,200 31.75 ± 0.25 28.50 ± 1.50"
    lora, own = (
        f"lora 392 0.08 300 – {later}",
        f"{OWN} 392 0.08 300 30.25 ± 0.50 {later}",
    )
    assert text.endswith(f"PSNR there, dB PCA, dB {lora} {own}")


def test_a_sweep_that_was_not_run_is_left_out(folder):
    shutil.rmtree(folder / "sweep")
    text = handmade.text(_page(folder))
    assert "Equal CPU time" not in text and NOT_RUN not in text


@pytest.mark.parametrize("name, alt", [("dimension", "Share of"), ("paths", "Rows of")])
def test_pictures_of_the_map_are_left_out_where_they_are_missing(folder, name, alt):
    assert f'alt="{alt}' in _page(folder)
    (folder / "analyze" / OWN / f"{name}.png").unlink()
    page = _page(folder)
    assert f'alt="{alt}' not in page
    assert page.count("<img") == 12 and NOT_RUN not in handmade.text(page)


def test_what_classes_are_read_off_stands_in_one_table(folder):
    text = _section(_page(folder), "map")
    ends = "± 25.0 {} ± 12.5 {}"
    rows = {
        "pixels": ("75.0", "87.5", "0.562"),
        "weights": ("62.5", "75.0", "0.438"),
        "start alone": ("68.8", "81.2", "0.500"),
        "fit minus start": ("37.5", "50.0", "0.188"),
        "fits from one common start": ("50.0", "62.5", "0.312"),
    }
    table = " ".join(
        f"{name} 38 10 {nearest} {ends.format(*others)}"
        for name, (nearest, *others) in rows.items()
    )
    assert f"k-means, ARI {table}" in text
    assert "without any prediction, reaching 29.75 dB on test pictures" in text


def test_fewer_refits_stand_beside_the_weights_of_the_same_instances(folder):
    path = folder / "analyze" / OWN / "metrics.json"
    again = {f"paired_{k}": x for k, x in handmade.PROBES.items()}
    metrics = files.read_json(path) | again | {"common_n": 28}
    files.write_json(path, metrics)
    text = _section(_page(folder), "map")
    scores = "18 10 62.5 ± 25.0 75.0 ± 12.5 0.438"
    assert f"weights, of the instances below {scores} fits from one common" in text


def test_where_nothing_was_predicted_no_start_is_probed(folder):
    path = folder / "analyze" / OWN / "metrics.json"
    prefixes = ("start_", "moved_", "common_")
    metrics = files.read_json(path)
    kept = {k: x for k, x in metrics.items() if not k.startswith(prefixes)}
    files.write_json(path, kept)
    text = _section(_page(folder), "map")
    assert "weights 38 10 62.5" in text
    assert "start alone" not in text and "ridge" not in text
