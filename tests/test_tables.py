"""A page is rewritten whole, or refused by page, study and place."""

import pytest

from experiments import tables
from experiments.page import results
from tests.test_results import HEAD, PAGE, runs
from wsjax import files

__all__ = ["runs"]


@pytest.fixture
def page(tmp_path):
    path = tmp_path / "page.md"
    path.write_text(PAGE)
    return path


@pytest.fixture
def study(runs, tmp_path):
    path = tmp_path / "study.json"
    files.write_json(path, results.summary(runs, [0, 1, 2]))
    return path


@pytest.mark.parametrize(
    ("name", "content", "line"),
    [
        ("generation.json", {"ours": {}}, "expected a number cpu_seconds_training"),
        ("generation.json", {"ours": 3}, "expected an object in 'ours', found 3"),
        ("evaluate/ours/baselines.json", {"a": 3}, "expected an object in 'a'"),
        ("recipe.json", {"recipe": {}}, "expected the name of a representation"),
        ("recipe.json", {"recipe": 3}, "expected the name of a representation"),
        ("recipe.json", {}, "expected an object with 'recipe'"),
    ],
)
def test_a_run_with_a_file_of_another_form_is_refused_by_file(
    runs, page, name, content, line
):
    files.write_json(runs[0] / name, content)
    with pytest.raises(ValueError, match=f"{runs[0] / name}: {line}"):
        tables.run(str(page), str(runs[0]))
    assert page.read_text() == PAGE


def test_a_generator_that_failed_costs_nothing_and_hides_no_other(runs):
    path = runs[0] / "generation.json"
    files.write_json(path, files.read_json(path) | {"a_rival": {"failed": "why"}})
    rows = results.summary(runs[:1], [0])["rows"]["evaluate"]
    assert rows["ours"]["cpu_seconds_training"]["values"] == [0.0]
    assert "a_rival" not in rows


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o755])
def test_a_page_keeps_its_permissions(page, study, mode):
    page.chmod(mode)
    tables.run(str(page), str(study))
    assert page.stat().st_mode & 0o777 == mode and page.read_text() != PAGE


def test_a_page_that_may_not_be_written_is_refused(page, study):
    page.chmod(0o444)
    with pytest.raises(PermissionError, match=rf"--page={page} is read-only; permit"):
        tables.run(str(page), str(study))
    assert page.read_text() == PAGE and page.stat().st_mode & 0o777 == 0o444


def test_a_page_that_is_none_is_refused_by_name(page, study, tmp_path):
    page.write_bytes("caf\xe9".encode("latin-1"))
    line = rf"--page={page}: expected UTF-8, found the byte 0xe9 at 3"
    with pytest.raises(ValueError, match=line):
        tables.run(str(page), str(study))
    with pytest.raises(
        OSError, match=f"--page={tmp_path}: expected a Markdown file, n"
    ):
        tables.run(str(tmp_path), str(study))
    with pytest.raises(FileNotFoundError, match=f"--page={tmp_path}/x: expected a Mar"):
        tables.run(f"{tmp_path}/x", str(study))


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"mean": "x"}, "'mean': 'x'"),
        ({"values": [1.0]}, r"'values': \[1.0\]"),
        ({"seeds": 3}, "'seeds': 3"),
        ({"ci95": [1]}, r"'ci95': \[1\]"),
    ],
)
def test_an_entry_of_another_form_is_refused_by_page_study_and_place(
    page, study, change, found
):
    kept = files.read_json(study)
    kept["rows"]["fit"]["mlp"]["psnr"] |= change
    files.write_json(study, kept)
    line = rf"{page}, from {study}: expected what .* in rows.fit.mlp.psnr .*{found}"
    with pytest.raises(ValueError, match=line):
        tables.run(str(page), str(study))


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        (
            ":0% -->",
            ":16% -->",
            "line 3: column 'share:done:16%': .* at most 15 digits",
        ),
        (":0% -->", ":999999999 -->", "line 3: column 'share:done:9.* at most 15"),
        ("stage=fit", "stage=fits", "line 3: no row 'mlp' .* stages evaluate, fit"),
        ("psnr:", "psrn:", "line 3: no metric 'psrn' .*; did you mean psnr?"),
        ("psnr:", "quite:", "line 3: no metric 'quite' of stage 'fit' in the study$"),
        (" rows=", "\nrows=", "1 tables, of which 0 .* first line 3: `<!-- table st"),
        ("<!-- table", "<!--table", "1 tables, of which 0 .* line 3: `<!--table stage"),
        ("<!-- table", "<!--  table", "1 tables, of which 0 .* line 3: `<!--  table "),
        ("mlp,lora", "mlp-lora-mlp", "no row 'mlp-lora-mlp' .* of two rows"),
        ("stage=fit", "stage=fit stage=fit", "line 3: a table gives stage= twice"),
        ("PSNR,_dB", "PSNR|dB", r"line 3: 'PSNR|dB': a | ends a cell"),
        ("mlp,lora", "mlp:a|b", r"line 3: 'a|b': a | ends a cell"),
    ],
)
def test_a_mistaken_table_is_refused_by_its_line(page, study, old, new, line):
    text = PAGE.replace(old, new)
    assert text != PAGE
    page.write_text(text)
    line = line.replace("|", r"\|").replace("?", r"\?")
    with pytest.raises(ValueError, match=f"^{page}, from {study}: .*{line}"):
        tables.run(str(page), str(study))
    assert page.read_text() == text


def test_a_row_may_have_any_name_that_the_study_has(runs):
    place = runs[0] / "fit" / "mlp-lora-mlora" / "metrics.json"
    files.write_json(place, {"psnr": 7.0})
    head = HEAD.replace("rows=mlp", "rows=mlp-lora-mlora")
    text = results.filled(f"{head}\n<!-- end -->", results.summary(runs[:1], [0]))
    assert "| `mlp-lora-mlora` | 7.0 |" in text


def test_several_studies_fill_one_page(page, study):
    both = PAGE + PAGE.replace("stage=fit", "study=faces stage=fit")
    page.write_text(both)
    written = tables.run(str(page), str(study), f"faces={study}")
    one = tables.run(str(page), str(study))
    assert page.read_text() == written == one
    page.write_text(PAGE)
    alone = tables.run(str(page), str(study))
    assert written.replace("study=faces ", "") == alone + alone


def test_a_path_with_an_equals_sign_is_a_path(page, study, tmp_path):
    other = tmp_path / "a=b.json"
    other.write_bytes(study.read_bytes())
    written = tables.run(str(page), str(other))
    page.write_text(PAGE.replace("stage=fit", "study=faces stage=fit"))
    named = tables.run(str(page), f"faces={other}")
    assert named.replace("study=faces ", "") == written
    with pytest.raises(FileNotFoundError, match="--study=nothing: expected a study/m"):
        tables.run(str(page), "faces=nothing")
