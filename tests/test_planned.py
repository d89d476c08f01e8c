"""A recipe stands for what the plan of its run folder chose, in every binary."""

import ast
import json

import pytest

from configs import digits, images, shapes
from experiments import pipeline, plan, study
from experiments.recipe.planned import as_planned, planned
from tests.test_layers import parse, sources
from wsjax import files

# What runs the plan itself, what takes the recipe as it is, and what has none.
OTHERS = {"audit", "pipeline", "plan", "study", "tables"}


@pytest.fixture
def config():
    return images.get_config("tiny")


def made(folder, config, *, rank=3):
    """A run folder with a plan, made up, that chose mLoRA of this rank."""
    chosen = {"name": "mlora_asym", "trial": {"adapter": {"rank": rank}, "steps": 5}}
    files.write_json(folder / "plan" / "chosen.json", chosen)
    recipe = json.loads(config.to_json())
    files.write_json(folder / "plan" / "recipe.json", {"recipe": recipe})
    return folder


def test_every_binary_of_a_run_folder_takes_the_choice():
    """Each in its last lines, whatever else is passed there."""

    def calls(path):
        return {x.id for x in ast.walk(parse(path)) if isinstance(x, ast.Name)}

    binaries = [
        path
        for path in sources("experiments")
        if len(path.parts) == 2 and not path.stem.startswith("_")
    ]
    taken = {path.stem for path in binaries if "as_planned" in calls(path)}
    assert taken == {path.stem for path in binaries} - OTHERS


def test_the_choice_is_taken_with_the_recipe_that_it_was_made_for(tmp_path, config):
    folder = made(tmp_path, config)
    own = planned(config, str(folder))
    assert (own.adapter.name, own.adapter.mlora_asym.rank) == ("mlora_asym", 3)
    assert own.fit.steps == 5 and not own.plan.first
    assert config.plan.first and config.adapter.name == "gains"
    assert as_planned(lambda own, _: own.fit.steps)(config, str(folder)) == 5
    config.data.path = "elsewhere"  # Its fingerprint is compared where it is loaded.
    assert planned(config, str(folder)).data.path == "elsewhere"
    config.fit.b1 = 0.5
    with pytest.raises(ValueError, match=r"fit\.b1: 0\.7 -> 0\.5.*fresh --workdir"):
        planned(config, str(folder))


def test_without_a_plan_or_a_wish_for_one_the_recipe_stays(tmp_path, config):
    assert planned(config, str(tmp_path)) is config
    folder = made(tmp_path, config)
    config.plan.first = False
    assert planned(config, str(folder)) is config
    other = digits.get_config("tiny")
    assert planned(other, str(folder)) is other


@pytest.fixture
def stages(monkeypatch):
    """Recipes that the stages of the pipeline are given."""
    given = []

    def record(config, workdir, **options):
        given.append(config)
        return {}

    names = "train_base fit train_diffusion sample evaluate analyze report".split()
    for name in names:
        monkeypatch.setattr(getattr(pipeline, name), "run", record)
    monkeypatch.setattr(pipeline.checks, "check", lambda *args: None)
    monkeypatch.setattr(pipeline.dataset, "load", lambda *args: None)
    return given


def test_the_pipeline_plans_first_and_goes_on_with_the_choice(
    tmp_path, config, stages, monkeypatch
):
    calls = []

    def plans(config, workdir, *, names):
        calls.append(tuple(names))
        made(tmp_path, config)

    monkeypatch.setattr(plan, "run", plans)
    pipeline.run(config, str(tmp_path))
    assert calls == [config.plan.choose_from]
    assert {own.adapter.name for own in stages} == {"mlora_asym"}


def test_a_run_that_was_begun_without_a_plan_goes_on_without_one(
    tmp_path, config, stages
):
    files.write_json(tmp_path / "recipe.json", {})
    pipeline.run(config, str(tmp_path))
    assert {own.adapter.name for own in stages} == {"gains"}
    with pytest.raises(ValueError, match=r"begun without a plan.*plan\.first=False"):
        plan.run(config, str(tmp_path))


def test_a_study_takes_the_recipe_as_it_is(tmp_path, config, monkeypatch):
    given = []
    monkeypatch.setattr(pipeline, "run", lambda own, _: given.append(own.plan.first))
    monkeypatch.setattr(study.generation, "rows", list)
    monkeypatch.setattr(study.results, "summary", lambda *args: {})
    study.run(config, str(tmp_path), seeds=[0, 1])
    assert given == [False, False]


def test_shapes_are_planned_by_their_overlap(tmp_path):
    config = shapes.get_config("tiny")
    config.plan = images.get_config("tiny").plan
    config.plan.variants = {"mlp": [{"learning_rate": (0.01,), "rounds": 0}]}
    config.plan.choose_from, config.plan.target = ("mlp",), 0.99
    config.fit.update(guess=0)
    metrics = plan.run(config, str(tmp_path))
    (line,) = files.read_lines(tmp_path / "plan" / "mlp" / "trials.jsonl")
    assert 0.0 <= line["iou_mean"] < 0.99
    assert metrics["iou_mean"] == line["iou_mean"] and not metrics["kept"]
    assert "psnr_db_mean" not in metrics
