"""The sweep, on a tiny recipe."""

import json
import shutil

import pytest
from flax.traverse_util import flatten_dict

from configs import faces
from experiments import sweep, train_base
from tests import runs
from wsjax import files

NAMES = list(faces.get_config().sweep.variants)
SWEPT = ("mlp", "mlora_asym")


def recipe():
    """Faces drawn on the spot, with trials of two representations."""
    config = faces.get_config("tiny")
    config.fit.compare = 0
    for name in set(config.sweep.variants) - set(SWEPT):
        del config.sweep.variants[name]
    config.sweep.variants.mlp = [{"learning_rate": (0.01, 1e-5)}]
    return config


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A run folder with a base that was rehearsed, and the sweep."""
    folder = tmp_path_factory.mktemp("runs") / "faces"
    return runs.through(folder, recipe(), train_base, sweep)


def test_the_sweep_tries_what_the_recipe_lists_and_keeps_the_best(study):
    config = recipe()
    for name in SWEPT:
        lines = files.read_lines(study / "sweep" / name / "trials.jsonl")
        assert len(lines) == len(sweep.trials(config, name))
        metrics = json.loads((study / "sweep" / name / "metrics.json").read_text())
        best = max(line["psnr_db_mean"] for line in lines)
        assert metrics["psnr_db_mean"] == best
        assert metrics["equal_cpu_steps"] >= metrics["steps"]


def test_trials_are_judged_by_validation_instances(study, tmp_path, monkeypatch):
    copy = shutil.copytree(study, tmp_path / "copy")
    shutil.rmtree(copy / "sweep")
    config, fitted = recipe(), []

    def record(own, form, data, _, rows, *, components):
        fitted.append((form.name, own.steps, {data.part_of(row) for row in rows}))
        return {
            "psnr_db_mean": own.learning_rate,
            "psnr_db_ci95": 0.0,
            "cpu_seconds_per_field": 2.0 if form.name == "mlp" else 1.0,
        }

    monkeypatch.setattr(sweep.measured, "measure", record)
    metrics = sweep.run(config, str(copy))
    n = sum(len(sweep.trials(config, name)) for name in SWEPT)
    assert all(parts == {"validation"} for *_, parts in fitted)
    steps = config.fit.steps
    assert sorted(taken for _, taken, _ in fitted[n:]) == [steps, 2 * steps]
    assert metrics["mlora_asym"]["equal_cpu_steps"] == 2 * steps

    folder = copy / "sweep" / "mlp"
    lines = files.read_lines(folder / "trials.jsonl")
    files.write_lines(folder / "trials.jsonl", lines[1:])
    (folder / "metrics.json").unlink()
    fitted.clear()
    assert sweep.run(config, str(copy)) == metrics
    # The trial that is missing, and the best one at equal CPU time.
    assert [name for name, *_ in fitted] == ["mlp"] * 2


def flat(nested):
    return flatten_dict(nested, sep=".")


@pytest.mark.parametrize("name", NAMES)
def test_a_trial_changes_what_it_names_and_nothing_else(name):
    config = faces.get_config()
    before = flat(config.to_dict())
    for trial in sweep.trials(config, name):
        named = {f"fit.{key}": config.sweep[key] for key in ("consensus", "rounds")}
        named |= {f"fit.learning_rate.{name}": trial["learning_rate"]}
        named |= {"fit.b2": trial["b2"]} if "b2" in trial else {}
        named |= {f"fit.pull.{name}": trial["pull"]} if "pull" in trial else {}
        named |= flat({"adapter": {name: trial.get("adapter", {})}})
        after = flat(sweep.with_trial(config, name, trial).to_dict())
        assert after == before | named | {"adapter.name": name}
    assert flat(config.to_dict()) == before


def test_the_validation_part_is_large_enough_for_the_sweep():
    config = faces.get_config()
    assert config.sweep.n <= config.data.n * config.data.validation


def test_a_representation_whose_trials_all_diverge_stops_no_other(
    tmp_path, monkeypatch
):
    def tried(config, root, data, name, trial, rows):
        line = {"trial": trial, "steps": 9, "numbers_per_field": 50}
        psnr, cost = (None, None) if name == SWEPT[1] else (30.0, 0.5)
        measured = {"psnr_db_mean": psnr, "psnr_db_ci95": 0.1}
        return line | measured | {"cpu_seconds_per_field": cost}

    monkeypatch.setattr(sweep, "tried", tried)
    line = f"representations failed, .*: {SWEPT[1]}: all . trials of {SWEPT[1]} diver"
    with pytest.raises(ValueError, match=line):
        sweep.run(recipe(), str(tmp_path))
    metrics = files.read_json(tmp_path / "sweep" / SWEPT[0] / "metrics.json")
    assert metrics["psnr_db_mean"] == 30.0 and metrics["equal_cpu_steps"] == 9
    assert not (tmp_path / "sweep" / SWEPT[1] / "metrics.json").exists()
