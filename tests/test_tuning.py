"""The tuning of denoisers: every generator by the same search, on validation."""

import pytest

from configs import digits
from experiments import fit, train_base, train_diffusion, tune
from experiments.generator import choice
from experiments.recipe import dataset
from experiments.recipe.generator import chosen, with_generator
from tests import trained_runs
from wsjax import files
from wsjax.fit.consensus import Diverged


def recipe(**options):
    config = trained_runs.recipe()
    config.tune.update({"learning_rates": (1e-3, 4e-3), "batches": (8,), **options})
    return config


@pytest.fixture
def made_up(monkeypatch):
    """Trials whose loss is least at the rate 4e-3 and at small batches."""
    calls = []

    def fitted(config, folder, lesson):
        options = config.diffusion
        calls.append((folder, options.learning_rate, options.batch, options.steps))
        if options.learning_rate > 1:
            raise Diverged("training diverged before step 10; lower it")
        loss = abs(options.learning_rate - 4e-3) + options.batch / 1e4
        # The chosen step is a later one, and its loss says nothing about the best.
        losses = {"loss_validation": 9.0, "loss_validation_lowest": loss}
        return {"steps": options.steps, **losses, "cpu_seconds": 1.0}

    monkeypatch.setattr(train_diffusion, "fitted", fitted)
    monkeypatch.setattr(train_diffusion, "lesson", lambda *args: None)
    for stage in (train_base, fit):
        monkeypatch.setattr(stage, "run", lambda *args, **options: {})
    return calls


@pytest.fixture
def folder(tmp_path):
    return trained_runs.folder(tmp_path / "run", recipe())


def test_batches_are_tried_at_the_best_rate_for_as_many_instances(folder, made_up):
    found = tune.run(recipe(), str(folder), names=("ours", "paper_ddpm"))
    for name, batch in (("mlora_asym", 16), ("paper_ddpm", 64)):
        own = [call for call in made_up if call[0].parent.name == name]
        assert [call[1:3] for call in own] == [(1e-3, batch), (4e-3, batch), (4e-3, 8)]
        assert len({call[2] * call[3] for call in own}) == 1
        assert len({call[0] for call in own}) == 3
        expected = {"learning_rate": 4e-3, "batch": 8, "n_trials": 3}
        assert found[name].items() >= expected.items()
        kept = files.read_json(folder / "tune" / name / "metrics.json")
        assert kept.items() >= expected.items()


def test_what_was_tried_is_not_tried_again(folder, made_up):
    tune.run(recipe(), str(folder), names=("ours",))
    wider = recipe(learning_rates=(1e-3, 4e-3, 8e-3))
    tune.run(wider, str(folder), names=("ours",))
    assert [call[1:3] for call in made_up[3:]] == [(8e-3, 16)]
    narrower = recipe(learning_rates=(1e-3,), batches=())
    found = tune.run(narrower, str(folder), names=("ours",))[trained_runs.NAME]
    assert (found["learning_rate"], found["n_trials"]) == (1e-3, 1)
    assert len(made_up) == 4


def test_trials_that_diverge_are_recorded_and_never_chosen(folder, made_up):
    found = tune.run(recipe(learning_rates=(2.0, 1e-3)), folder, names=("ours",))
    assert found[trained_runs.NAME]["learning_rate"] == 1e-3
    lines = files.read_lines(folder / "tune" / trained_runs.NAME / "trials.jsonl")
    assert lines[0]["loss_validation"] is None
    with pytest.raises(ValueError, match="all 1 trials diverged; give lower"):
        tune.best(lines[:1])


def test_by_default_all_that_learn_from_fits_are_tuned(folder, made_up):
    found = tune.run(recipe(), str(folder))
    names = {name for name in recipe().generators if not name.endswith("_long")}
    assert found.keys() == {trained_runs.NAME} | names - {"one_step"}


def test_a_real_trial_trains_the_generator(tmp_path, monkeypatch):
    config = recipe(learning_rates=(1e-3,), batches=())
    config.diffusion.update(steps=4, every=2)
    root = trained_runs.folder(tmp_path / "run", config)
    for stage in (train_base, fit):
        monkeypatch.setattr(stage, "run", lambda *args, **options: {})
    found = tune.run(config, str(root), names=("ours",))[trained_runs.NAME]
    place = root / "tune" / trained_runs.NAME / "rate_0.001_batch_16"
    assert found["steps"] == 4 and (place / "chosen").exists()
    lines = files.read_lines(place / "train.jsonl")
    assert found["loss_validation"] == min(line["loss_validation"] for line in lines)


def test_a_long_training_ends_when_nothing_is_chosen_any_more():
    lines = []
    for loss in (3.0, 2.0, 2.03, 2.05, 2.05, 1.9, 2.0, 2.0, 2.0):
        lines.append({"loss_validation": loss})
        lines[-1]["chosen"] = choice.chosen(lines, 0.02)
    expected = [True, True, True, False, False, True, False, False, False]
    assert [line["chosen"] for line in lines] == expected
    ended = [choice.over(lines[:n], 3) for n in range(len(lines) + 1)]
    assert ended == [False] * 9 + [True]
    assert not choice.over(lines, 0)


@pytest.mark.parametrize("name", ["paper_lora", "hyperdiffusion", "mlp", "ours"])
def test_a_long_generator_differs_in_its_training_alone(name):
    config = digits.get_config()
    short = chosen(with_generator(config, name))
    long = chosen(with_generator(config, f"{name}_long"))
    assert long.diffusion.steps == 8 * short.diffusion.steps
    assert long.diffusion.patience > 0 == short.diffusion.patience
    for one in (short, long):
        one.generator = ""
        one.diffusion.update(steps=1, every=1, patience=0)
    assert long.to_json() == short.to_json()


def test_four_representations_meet_two_generators():
    """A pair differs in the representation or the generator, and in nothing else."""
    config = digits.get_config()
    ours = {"mlp": "mlp", "lora": "lora", "mlora": "mlora", "mlora_asym": "ours"}
    paper = {"mlp": "paper_mlp", "lora": "paper_lora", "mlora": "paper_mlora"}
    paper["mlora_asym"] = "paper_ddpm"
    rows = {}
    for kind, names in (("ours", ours), ("paper", paper)):
        for form, name in names.items():
            rows[kind, form] = chosen(with_generator(config, name))
            assert rows[kind, form].adapter.name == form
    for (kind, form), row in rows.items():
        alike = rows[kind, "mlora_asym"].diffusion.copy_and_resolve_references()
        own = row.diffusion.copy_and_resolve_references()
        for options in (alike, own):
            options.denoiser = ""  # Whole weights have no factors for the paper's.
            options.update(learning_rate=0.0, batch=0, steps=0, every=0)
        assert own.to_json() == alike.to_json(), (kind, form)
        assert row.sample.to_json() == rows[kind, "mlora_asym"].sample.to_json()


def test_an_unknown_name_is_refused_before_any_is_tuned(folder, made_up):
    with pytest.raises(ValueError, match="generator='nope'; choose one of"):
        tune.run(recipe(), str(folder), names=("ours", "nope"))
    assert not made_up


def test_what_needs_labels_is_left_out_of_data_without(tmp_path, made_up, monkeypatch):
    unlabelled = dataset.load(recipe())._replace(labels=None)
    monkeypatch.setattr(dataset, "load", lambda config: unlabelled)
    names = ("conditional", "paper_ddpm")
    folder = trained_runs.folder(tmp_path / "run", recipe())
    assert tune.run(recipe(), str(folder), names=names).keys() == {"paper_ddpm"}
    assert {call[0].parent.name for call in made_up} == {"paper_ddpm"}


def test_a_generator_whose_trials_all_diverge_stops_no_other(folder, made_up):
    config = recipe()
    rates = {"tune": {"learning_rates": (2.0,)}}
    config.generators.paper_ddpm.update(rates)
    line = "generators failed, .*: paper_ddpm: all 1 trials diverged; give lower"
    with pytest.raises(ValueError, match=line):
        tune.run(config, str(folder), names=("paper_ddpm", "ours"))
    assert (folder / "tune" / trained_runs.NAME / "metrics.json").exists()
