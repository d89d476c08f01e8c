"""Tables of results pages are what a study measured, with intervals over its seeds."""

import numpy as np
import pytest

from experiments import tables
from experiments.page import results
from wsjax import files

PAGE = """# Title

<!-- table stage=fit rows=mlp,lora columns=psnr:PSNR,_dB:1,share:done:0% -->
| an | old | table |
<!-- end -->

Text that mentions psnr 1 stays.
"""


@pytest.fixture
def runs(tmp_path):
    """Three runs, of which the last lacks one metric."""
    for seed, psnr in enumerate((30.0, 31.0, 32.0)):
        place = tmp_path / f"seed-{seed}"
        metrics = {"psnr": psnr, "share": 0.5, "name": "x", "lost": None}
        files.write_json(place / "fit" / "mlp" / "metrics.json", metrics)
        if seed == 2:
            del metrics["share"]
        files.write_json(place / "fit" / "lora" / "metrics.json", metrics)
        own = {"fd": 1.0 + seed, "audit_passed": 1.0}
        files.write_json(place / "evaluate" / "ours" / "metrics.json", own)
        judged = {"ours": {"fd": 99.0}, "trivial": {"fd": 5.0}}
        files.write_json(place / "evaluate" / "ours" / "baselines.json", judged)
        # Of another generator's weights: its trivial rows are other ones.
        judged = {"trivial": {"fd": 77.0}, "rare": {"fd": 3.0}}
        files.write_json(place / "evaluate" / "a_rival" / "baselines.json", judged)
        recipe = {"recipe": {"adapter": {"name": "ours"}}}
        files.write_json(place / "recipe.json", recipe)
        spent = {"ours": {"cpu_seconds_training": 10.0 * seed}}
        spent["ours"] |= {"cpu_seconds_denoiser": 4.0, "compile_seconds_denoiser": 1.0}
        files.write_json(place / "generation.json", spent)
    return [tmp_path / f"seed-{seed}" for seed in range(3)]


def test_means_have_intervals_over_runs(runs):
    found = results.summary(runs, [0, 1, 2])
    assert found["seeds"] == [0, 1, 2]
    psnr = found["rows"]["fit"]["mlp"]["psnr"]
    assert psnr["mean"] == 31.0 and psnr["values"] == [30.0, 31.0, 32.0]
    assert psnr["ci95"] == pytest.approx(4.302653 / 3**0.5)  # Student, 2 degrees.
    assert set(found["rows"]["fit"]["mlp"]) == {"psnr", "share"}
    share = found["rows"]["fit"]["lora"]["share"]
    assert share["values"] == [0.5, 0.5] and share["seeds"] == [0, 1]


def test_trivial_generators_and_costs_have_rows_and_no_run_counts_twice(runs):
    rows = results.summary(runs, [0, 1, 2])["rows"]["evaluate"]
    assert rows["ours"]["fd"]["values"] == [1.0, 2.0, 3.0]
    assert rows["trivial"]["fd"]["mean"] == 5.0 and "rare" not in rows
    assert rows["ours"]["cpu_seconds_training"]["values"] == [0.0, 10.0, 20.0]
    assert rows["ours"]["cpu_seconds_denoiser"]["values"] == [4.0, 4.0, 4.0]
    assert rows["ours"]["compile_seconds_denoiser"]["values"] == [1.0, 1.0, 1.0]


def test_costs_are_those_of_the_recipes_own_stages(runs):
    for seed, folder in enumerate(runs):
        spent = {"cpu_seconds": 4.0 + seed, "seconds": 2.0, "psnr": 30.0}
        for place in ("base", "fit/ours", "diffusion/a_rival"):
            files.write_json(folder / place / "metrics.json", spent)
    rows = results.summary(runs, [0, 1, 2])["rows"]["costs"]
    # `evaluate` was run as well, but says nothing of its cost.
    assert set(rows) == {"base", "fit"} and set(rows["fit"]) == {
        "cpu_seconds",
        "seconds",
    }
    assert rows["base"]["cpu_seconds"]["values"] == [4.0, 5.0, 6.0]


def test_one_run_has_no_interval(runs):
    entry = results.summary(runs[:1], [0])["rows"]["fit"]["mlp"]["psnr"]
    assert entry == {"mean": 30.0, "ci95": None, "seeds": [0], "values": [30.0]}


def test_a_difference_of_rows_is_taken_seed_by_seed(runs):
    for seed, psnr in enumerate((20.0, 20.5, 22.0)):
        place = runs[seed] / "fit" / "lora" / "metrics.json"
        files.write_json(place, {"psnr": psnr} | ({"rare": 1.0} if seed else {}))
    study = results.summary(runs, [0, 1, 2])
    head = "<!-- table stage=fit rows=mlp-lora columns=psnr:more,_dB:2,rare:x:1m -->\n"
    lines = results.filled(f"{head}<!-- end -->\n", study).splitlines()
    assert lines[1] == "|  | more, dB | x |"
    half = 4.302653 * np.std([10.0, 10.5, 10.0], ddof=1) / 3**0.5
    assert lines[3] == f"| `mlp-lora` | {30.5 / 3:.2f} ± {half:.2f} | – |"


def test_a_page_gets_its_tables_and_keeps_everything_else(runs, tmp_path):
    page, study = tmp_path / "page.md", tmp_path / "study.json"
    text = PAGE.replace("PSNR,_dB", "PSNR_dB")
    page.write_text(text)
    files.write_json(study, results.summary(runs, [0, 1, 2]))
    tables.run(str(page), str(study))
    lines = page.read_text().splitlines()
    assert lines[3:7] == [
        "|  | PSNR dB | done |",
        "| --- | --- | --- |",
        "| `mlp` | 31.0 ± 2.5 | 50 ± 0 |",
        "| `lora` | 31.0 ± 2.5 | 50 ± 0 (2 of 3) |",
    ]
    before = text.splitlines()
    assert lines[:3] == before[:3] and lines[7:] == before[4:]
    tables.run(str(page), str(study))
    assert page.read_text().splitlines() == lines


def test_trials_have_rows_and_rows_labels(tmp_path):
    lines = [{"psnr_db_mean": 30.0}, {"psnr_db_mean": 31.0}]
    files.write_lines(tmp_path / "run" / "speed" / "lora" / "trials.jsonl", lines)
    recipe = {"recipe": {"adapter": {"name": "lora"}}}
    files.write_json(tmp_path / "run" / "recipe.json", recipe)
    page = tmp_path / "page.md"
    head = "<!-- table stage=speed rows=lora.1:half_of_it columns=psnr_db_mean:dB:1 -->"
    page.write_text(f"{head}\n<!-- end -->\n")
    written = tables.run(str(page), str(tmp_path / "run"))
    assert written.splitlines()[3] == "| half of it | 31.0 |"
    with pytest.raises(FileNotFoundError, match="recipe.json is missing"):
        tables.run(str(page), str(tmp_path))


def test_a_study_of_another_name_leaves_a_table_alone(runs, tmp_path):
    page, study = tmp_path / "page.md", tmp_path / "study.json"
    page.write_text(PAGE + PAGE.replace("stage=fit", "study=faces stage=fit"))
    files.write_json(study, results.summary(runs, [0, 1, 2]))
    for name, old in (("faces", [1, 0]), ("", [0, 0])):
        text = tables.run(str(page), f"{name}={study}" if name else str(study))
        halves = text.split("# Title")[1:]
        assert [half.count("| an | old | table |") for half in halves] == old


@pytest.mark.parametrize(
    ("table", "line"),
    [
        ("stage=fit rows=x columns=psnr:a:1", "no row 'x' of stage 'fit'.* lora, mlp"),
        ("stage=base rows=x columns=psnr:a:1", "no row 'x' of stage 'base'.* none"),
        ("stage=fit rows=mlp columns=ssim:a:1", "no metric 'ssim' of stage 'fit'"),
        (
            "stage=fit rows=mlp",
            "expected stage=, rows= and columns=, found stage, rows",
        ),
    ],
)
def test_a_table_of_what_was_not_measured_is_refused(runs, table, line):
    page = f"<!-- table {table} -->\n<!-- end -->\n"
    with pytest.raises(ValueError, match=line):
        results.filled(page, results.summary(runs, [0, 1, 2]))


def test_a_metric_that_one_row_lacks_is_a_dash(runs):
    found = results.summary(runs, [0, 1, 2])
    del found["rows"]["fit"]["lora"]["share"]
    page = "<!-- table stage=fit rows=lora,mlp columns=share:a:1m -->\n<!-- end -->\n"
    page = results.filled(page, found)
    assert "| `lora` | – |" in page and "| `mlp` | 500.0 ± 0.0 |" in page


def test_how_few_seeds_a_whole_table_has_is_said_once(runs):
    found = results.summary(runs[:2], [0, 1])
    found["seeds"] = [0, 1, 2]
    page = "<!-- table stage=fit rows=lora columns=psnr:a:0,share:b:0% -->\n"
    lines = results.filled(f"{page}<!-- end -->\n", found).splitlines()
    assert lines[1] == "| 2 of 3 seeds | a | b |"
    assert lines[3] == "| `lora` | 30 ± 6 | 50 ± 0 |"


def test_verdicts_are_counted(runs):
    for seed, passed in enumerate((1.0, 0.0, 1.0)):
        path = runs[seed] / "evaluate" / "ours" / "metrics.json"
        files.write_json(path, {"audit_passed": passed})
    study = results.summary(runs, [0, 1, 2])
    head = "<!-- table stage=evaluate rows=ours columns=audit_passed:verdict:n"
    page = results.filled(f"{head} -->\n<!-- end -->\n", study)
    assert "| `ours` | 2 of 3 |" in page


def test_figures_of_one_row_make_a_table(runs):
    for seed, place in enumerate(runs):
        metrics = {"nn": 0.5, "start_nn": 0.25 + 0.25 * (seed == 1)}
        files.write_json(place / "analyze" / "lora" / "metrics.json", metrics)
    study = results.summary(runs, [0, 1, 2])
    head = "<!-- table stage=analyze of=lora rows=:all_of_it,start_:start"
    page = f"{head} columns=nn:1-NN:0% -->\n<!-- end -->\n"
    lines = results.filled(page, study).splitlines()
    assert lines[1:5] == [
        "|  | 1-NN |",
        "| --- | --- |",
        "| all of it | 50 ± 0 |",
        "| start | 25 to 50 |",
    ]


HEAD = "<!-- table stage=fit rows=mlp columns=psnr:PSNR:1 -->"


@pytest.mark.parametrize(
    ("page", "line"),
    [
        (f"{HEAD}\nold\nMy text.\n{HEAD}\n<!-- end -->\n", "2 tables, of which 1 are"),
        (f"{HEAD}\n", "1 tables, of which 0 are"),
        ("no table", "no table is of the study ''; the page names none"),
        (f"{HEAD}\n<!-- end -->".replace(":1 ", ": "), "expected metric:heading:dig"),
    ],
)
def test_a_page_that_would_lose_text_or_gain_nothing_is_refused(runs, page, line):
    with pytest.raises(ValueError, match=line):
        results.filled(page, results.summary(runs, [0, 1, 2]))


def test_line_ends_and_links_of_a_page_are_kept(runs, tmp_path):
    page, link, study = (tmp_path / x for x in ("page.md", "link.md", "study.json"))
    page.write_bytes(f"Text\r\n{HEAD}\r\n<!-- end -->\r\nMore\r\n".encode())
    link.symlink_to(page)
    files.write_json(study, results.summary(runs, [0, 1, 2]))
    tables.run(str(link), str(study))
    assert link.is_symlink() and page.read_bytes().startswith(b"Text\r\n<!-- table")
    assert b"-->\r\nMore\r\n" in page.read_bytes()
    files.write_json(study, {"seeds": [0], "rows": {"fit": {"mlp": {"psnr": 3.0}}}})
    with pytest.raises(ValueError, match=r"study\.json: expected what experiments"):
        tables.run(str(page), str(study))


def test_all_digits_of_a_figure_count_and_nothing_is_minus_zero(runs):
    for seed, place in enumerate(runs):
        for name, value in (("mlp", 1000000.4 + seed), ("lora", 1000000.1 + seed)):
            own = {"psnr": value, "small": -1e-4}
            files.write_json(place / "fit" / name / "metrics.json", own)
    head = "<!-- table stage=fit rows=mlp-lora,mlp columns=psnr:a:1,small:b:2 -->"
    page = results.filled(f"{head}\n<!-- end -->", results.summary(runs, [0, 1, 2]))
    assert "| `mlp-lora` | 0.3 ± 0.0 | 0.00 ± 0.00 |" in page
    assert "| `mlp` | 1000001.4 ± 2.5 | 0.00 ± 0.00 |" in page
