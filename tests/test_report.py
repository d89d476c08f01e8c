"""The report: one page that stands alone, whatever the run folder holds."""

import base64
import re
import shutil

import browser
import handmade
import numpy as np
import pytest
from handmade import NOT_RUN, OWN, RIVAL
from PIL import Image

from configs import digits, images
from experiments import report
from wsjax import files

RATE = digits.get_config().fit.learning_rate
HEADINGS = (
    "run figures pictures curves map structure representations generators failures "
    "recipe"
)


def _without_policy(page):
    return re.sub(r"<meta http-equiv[^>]*>", "", page)


def with_base_alone(folder):
    metrics = {"n": 1, "steps": 1, "seconds": 0.0, "cpu_seconds": 0.0}
    files.write_json(folder / "base" / "metrics.json", metrics)
    return str(folder)


@pytest.fixture(scope="module")
def config():
    return digits.get_config("tiny")


@pytest.fixture(scope="module")
def finished(config, tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    handmade.write(folder, config)
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
    contents = page[page.index("<nav") : page.index("</nav>")]
    assert re.findall(r'href="#(\w+)"', contents) == HEADINGS.split()
    assert re.findall(r'<h2 id="(\w+)"', page) == HEADINGS.split()
    assert all(page.count(f'id="{target}"') == 1 for target in targets)
    assert [path.name for path in finished.glob("report*")] == ["report.html"]


def test_numbers_stand_beside_their_references(page):
    text = handmade.text(page)
    for words in (
        "Total 551.2 904.5",
        "PSNR, mean higher is better 31.33 dB 11.50 dB the base field alone",
        "PSNR, test pictures mean ± its 95 % confidence interval; higher is better "
        "30.50 ± 0.25 dB 26.50 ± 0.75 dB from 33 principal components of the pixels",
        "Failed instances skipped or diverged 1 4 instances in all",
        "48 weight sets, 10 of them of the test part",
        "to test pictures, on 4 principal components of the pixels; lower is better "
        "8.00 2.50 floor: training pictures 5.00 ceiling: real pictures after",
        "FD over its floor 1 means as near as more real pictures 3.20× 2.00× ceiling "
        "Told from pictures by a network share of samples and of rebuilt test pictures "
        "that it tells apart; 50 % is chance 68.8 % ± 9.4 % 51.2 % floor: rebuilt "
        "training pictures Power of the octaves least and most of all octaves of the "
        "spectrum, over that of rebuilt test pictures; 1 is as much detail 0.75 to "
        "1.25 0.94 to 1.06 floor Novelty",
        "means copies 0.75 3.00 median distance of the samples 4.00 median",
        "Copies share of samples nearer to a training picture than the nearest "
        "hundredth of test pictures 12.5 % 25.0 % the same by the ratio to the second "
        "nearest 5.0 % the least share that the audit notices Audit",
        f"Audit {'; '.join(handmade.REASONS)} failed Recognised",
        "Share of copies 0.0 % 5.0 % 50.0 % Copies 0.0 % 75.0 % 100.0 % "
        "Noisy copies 0.0 % 25.0 % 90.0 %",
        "at least 90 % sure 87.5 % 95.0 % of held-out real pictures",
        "means a class is lost 6.2 % 6.2 % smallest class in the data",
        "higher is better 62.5 % 75.0 % on pixels",
        "1 is perfect 0.438 0.562 on pixels",
        "Gaussian in PCA space 6.00 1.50 2.00 4.00× 12.50 12.50 12.50 12.50",
        "Smallest class mlora_asym 87.5 % 6.2 % one_step 87.5 % 6.2 % Gaussian in "
        "PCA space 87.5 % 6.2 % training weights + noise, 0.25 87.5 % 6.2 % Samples of",
    ):
        assert words in text, words
    assert NOT_RUN not in text


def test_every_generator_has_a_row_in_its_group(page):
    """Of its own, of the rival, of four that learn nothing, of what is real."""
    words, table = handmade.generators(page)
    assert (
        "Generator Audit FD, test × floor Excess Told apart Precision Recall Novelty, "
        "pictures Copies Novelty, weights Failed Recognised as asked CPU-seconds"
    ) in words
    middle, end = "68.8 % 75.0 % 50.0 % 0.75", "0.50 1.2 %"
    own = f"failed 8.00 3.20× 0.50 (−0.25 to 1.25) {middle} 12.5 % {end} – –"
    other = f"passed 10.00 4.00× 6.50 (5.75 to 7.25) {middle} 0.0 % {end} 62.5 % 1,234"
    values = "failed – – 0.50 (−0.25 to 1.25) – – – 0.62 12.5 % – – – –"
    assert table == (
        f"Trained on weights, the recipe’s own first {OWN} {own} {RIVAL} {other} "
        f"Learn nothing Gaussian in PCA space {own} training weights + noise, 0.25 "
        f"{own} Gaussian of values {values} training values + noise, 0.5 {values} "
        "Real pictures "
        "floor: more of them – 2.50 1.00× – 51.2 % 96.9 % 90.6 % – – – – – – "
        "ceiling: after fit and latent – 5.00 2.00× – – 93.8 % 84.4 % – – – – – –"
    )
    assert "on 4 principal components of the pixels to the test pictures. “×" in words
    assert words.count("Distances on") == 1 and "_test" not in words
    assert "must not lie nearer to training pictures than test pictures do" in words
    assert "lower in one feature space at least, and higher in none" in words
    assert "refused as they are" not in words


def test_a_curve_that_starts_with_refused_samples_is_said_to_say_nothing(
    config, folder
):
    path = folder / "evaluate" / OWN / "metrics.json"
    files.write_json(path, files.read_json(path) | {"refused_copies_0": 1.0})
    words, _ = handmade.generators(report.run(config, str(folder)).read_text())
    assert "The samples are refused as they are, so the table says nothing" in words


def test_in_a_space_stand_those_that_were_judged_in_it(config, folder):
    path = folder / "evaluate" / OWN / "metrics.json"
    found = files.read_json(path)
    again = {k.replace("pixel_pca4", "random_conv"): v for k, v in found.items()}
    files.write_json(path, found | again)
    report.run(config, str(folder))
    text = handmade.text((folder / "report.html").read_text())
    table = text[text.index("Distances on features of a random") :]
    table = table[: table.index("Classes")]
    assert OWN in table and RIVAL not in table and "training weights" not in table


def test_a_generator_that_knows_labels_is_set_beside_real_ones(config, folder):
    path = folder / "evaluate" / OWN / "metrics.json"
    files.write_json(path, files.read_json(path) | handmade.OTHER)
    (folder / "generation.json").unlink()
    _, table = handmade.generators(report.run(config, str(folder)).read_text())
    assert table.count("passed 10.00") == table.count("1.2 % 62.5 % –") == 2
    assert "96.9 % 90.6 % – – – – 98.4 % – ceiling" in table
    assert table.endswith("93.8 % 84.4 % – – – – – –")


def test_curves_mark_the_chosen_step(page):
    encoded = re.findall(r'"data:image/svg\+xml;base64,([^"]*)"', page)
    base, denoiser = (base64.b64decode(text).decode() for text in encoded)
    assert "train" in base and "validation" not in base and "chosen" not in base
    assert "validation" in denoiser and "chosen: step 10" in denoiser
    assert "on training and on validation weights" in handmade.text(page)


def test_representations_compare_on_the_instances_that_all_have(page):
    # Instances 0, 1 and 2 are common, 2 is no test one, 0 failed with our own form.
    text = handmade.text(page)
    linear = "30.50 ± 0.25 26.50 ± 0.75"
    lora, own = f"lora 49 3 8 {RATE.lora} 29.00", f"{OWN} 49 4 8 {RATE[OWN]} 31.33"
    assert f"{lora} 28.50 29.00 27.50 ± 6.35 {linear} 10 1,263.2 411" in text
    assert f"{own} 28.50 30.50 – {linear} 10 1,263.2 411" in text
    assert "numbers, or as there are: lora 33, mlora_asym 33." in text
    assert "the 3 that all of them have" in text
    assert "the 2 of these in the test part" in text
    assert "fit mlora_asym 0 failed: diverged" in text


@pytest.mark.parametrize("stage", report._STAGES)
def test_a_stage_that_is_missing_is_named(stage, config, folder):
    place = folder / stage if stage == "base" else folder / stage / OWN
    for path in place.iterdir():
        path.unlink()
    text = handmade.text(report.run(config, str(folder)).read_text())
    named = re.findall(rf"{re.escape(NOT_RUN)}(\w+)", text)
    assert set(named) == {report._STAGES[stage]}


def test_a_folder_without_a_stage_ends_with_what_to_run_first(config, tmp_path):
    """The base alone is enough for a page, which names every other stage in order."""
    with pytest.raises(ValueError, match=r"no finished stage.*experiments\.train_base"):
        report.run(config, str(tmp_path))
    assert not (tmp_path / "report.html").exists()
    text = handmade.text(report.run(config, with_base_alone(tmp_path)).read_text())
    named = re.findall(rf"{re.escape(NOT_RUN)}(\w+)", text)
    assert named[:5] == list(report._STAGES.values())[1:]
    assert "Total 0.0 0.0" in text


def test_changed_copies_are_not_counted_as_pictures(tmp_path):
    config = digits.get_config("tiny")
    config.data.augment = {"copies": 1, "flip": True}
    text = handmade.text(report.run(config, with_base_alone(tmp_path)).read_text())
    assert "48 pictures of 12 × 12 pixels" in text


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
    handmade.write(folder, config)
    page = report.run(config, str(folder)).read_text()
    assert "<img src=x" not in page and "<script" not in page
    assert f"from {source}, fingerprint" in handmade.text(page)
    assert f"data {evil}.png" in handmade.text(page)
    found = browser.look(_without_policy(page), tmp_path, width=1000)
    assert not found["hacked"] and found["broken"] == 0
    assert f"{evil}.png" in found["text"]


@pytest.mark.parametrize("width", [360, 1000])
def test_a_browser_shows_every_picture_and_nothing_sticks_out(page, tmp_path, width):
    found = browser.look(page, tmp_path, width=width)
    assert found["title"] == f"digits as {OWN} weights" and found["broken"] == 0
    assert [alt.split()[0] for alt in found["alts"]] == (
        ["Two", "Two", "Sheet", "Sheet", "Training", "Training", "t-SNE"]
        + ["Share", "Rows", "Six", "Sheet", "A", "Quality"]
    )
    assert found["overflow"] == 0
    assert '"start": "ones"' in found["text"]
    assert "λ = 0.314" in found["text"] and "Equal CPU time" in found["text"]


def test_no_script_runs_in_the_page_even_if_one_gets_in(page, tmp_path):
    page = page.replace("</main>", "<script>hacked = 1</script></main>")
    assert not browser.look(page, tmp_path, width=1000)["hacked"]
    # The probe does see it where the policy is missing.
    assert browser.look(_without_policy(page), tmp_path, width=1001)["hacked"]
