"""The generation study: all generators of a recipe, each in folders of its own."""

import json
import shutil

import pytest
from threadpoolctl import threadpool_limits

from configs import digits
from experiments import evaluate, generation, sample, train_diffusion
from experiments.recipe import dataset
from tests import handmade, runs
from wsjax import costs, files, store

OWN, PUPIL, OTHER = "mlora_asym", "one_step", "other_form"
NAMES = (OWN, PUPIL, OTHER)


def recipe(generator="ours"):
    """Two rivals: one that learns from the recipe's own, one of another form."""
    config = digits.get_config("tiny")
    config.generator = generator
    pupil = config.generators[PUPIL]
    config.generators = {PUPIL: pupil, OTHER: {"adapter": {"name": "lora"}}}
    config.diffusion.update(latent="pca", steps=10)
    config.fit.update(guess=0, compare=0)
    config.sample.update(n=12, steps=2)
    config.evaluate.features = ("pixel_pca",)
    config.structure.n = 0
    return config


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """The folder of a finished study, on a base of known cost, and what it returned."""
    folder = runs.with_base(tmp_path_factory.mktemp("runs") / "generation")
    base = {"n": 1, "steps": 1, "seconds": 1.0, "cpu_seconds": 1000.0}
    files.write_json(folder / "base" / "metrics.json", base)
    with threadpool_limits(1):
        return folder, generation.run(recipe(), str(folder))


def metrics(folder, stage, name):
    return json.loads((folder / stage / name / "metrics.json").read_text())


def test_every_generator_has_its_figures_and_what_its_training_cost(study):
    folder, rows = study
    assert json.loads((folder / "generation.json").read_text()) == rows
    assert tuple(rows) == NAMES
    for name, row in rows.items():
        form = "lora" if name == OTHER else OWN
        judged = metrics(folder, "evaluate", name)
        spent = {
            "base": 1000.0,
            "fit": metrics(folder, "fit", form)["cpu_seconds"],
            "denoiser": metrics(folder, "diffusion", name)["cpu_seconds"],
        }
        if name == PUPIL:  # It learns from samples of a generator that had to learn.
            spent["teacher"] = metrics(folder, "diffusion", OWN)["cpu_seconds"]
        expected = {f"cpu_seconds_{stage}": cost for stage, cost in spent.items()}
        expected["cpu_seconds_training"] = pytest.approx(sum(spent.values()))
        compiled = metrics(folder, "diffusion", name)["compile_seconds"]
        expected["compile_seconds_denoiser"] = compiled
        same = {k: x for k, x in judged.items() if k not in costs.KEYS}
        assert row == same | expected
        assert min(spent.values()) > 0


def test_all_are_held_against_trivial_generators_of_the_recipes_own_weights(
    study, tmp_path
):
    """As long as there are such weights; a generator on its own has its own bar."""
    folder = shutil.copytree(study[0], tmp_path / "copy")
    others = folder / "evaluate" / OTHER / "baselines.json"
    own = json.loads((folder / "evaluate" / OWN / "baselines.json").read_text())
    bar = {
        name: row["excess_pixel_pca2"]
        for name, row in own.items()
        if name not in (PUPIL, OTHER)
    }
    assert {"gaussian_mixture", "gaussian_neighbours"} < bar.keys()

    def held():
        rows = json.loads(others.read_text())
        assert rows.keys() == bar.keys()
        return {name: row["excess_pixel_pca2"] for name, row in rows.items()}

    assert held() == bar
    shutil.rmtree(folder / "fit" / OWN)
    shutil.rmtree(folder / "evaluate" / OTHER)
    evaluate.run(recipe(OTHER), str(folder))
    alone = held()
    assert {x for x in bar if alone[x] != bar[x]} == {
        name for name in bar if not name.endswith("_values") and "noise_v" not in name
    }


def test_a_representation_that_cannot_be_fitted_stops_no_other(
    study, tmp_path, monkeypatch
):
    folder = shutil.copytree(study[0], tmp_path / "copy")
    shutil.rmtree(folder / "fit" / OWN)
    shutil.rmtree(folder / "evaluate")
    run = generation.fit.run

    def failing(config, workdir):
        if config.adapter.name == OWN:
            raise ValueError("no fit")
        return run(config, workdir)

    monkeypatch.setattr(generation.fit, "run", failing)
    with pytest.raises(ValueError, match="ours: no fit"):
        generation.run(recipe(), str(folder), names=["ours", OTHER])
    rows = json.loads((folder / "generation.json").read_text())
    assert rows[OWN]["failed"] == "no fit" and "audit_passed" in rows[OTHER]


def test_each_generator_has_folders_of_its_own(study):
    folder, rows = study
    for stage in ("diffusion", "samples", "evaluate"):
        assert {path.name for path in (folder / stage).iterdir()} == set(NAMES)
    assert {path.name for path in (folder / "fit").iterdir()} == {OWN, "lora"}
    described = {name: store.manifest(folder / "samples" / name) for name in NAMES}
    assert [described[n]["generator"] for n in NAMES] == list(NAMES)
    forms = [described[name]["representation"] for name in NAMES]
    assert forms == [OWN, OWN, "lora"]
    shards = [(folder / "samples" / n).glob("weights_*") for n in NAMES]
    assert len({b"".join(p.read_bytes() for p in some) for some in shards}) == 3
    assert len({rows[name]["fd_pixel_pca2"] for name in NAMES}) == 3
    assert metrics(folder, "diffusion", PUPIL)["n_train"] == 36  # Of 40 pairs.


def test_the_page_shows_all_of_them_with_their_costs(study):
    folder, rows = study
    words = handmade.text((folder / "report.html").read_text())
    _, _, table = words.partition("Trained on weights, the recipe’s own first ")
    trained = table.partition(" Learn nothing ")[0]
    for name in NAMES:
        cost = f"{rows[name]['cpu_seconds_training']:,.0f}"
        _, found, rest = trained.partition(f"{name} ")
        assert found and f" {cost} " in f"{rest} ", name


def test_a_second_study_keeps_all(study, tmp_path, capsys):
    folder = shutil.copytree(study[0], tmp_path / "copy")
    before = {p: p.stat().st_mtime_ns for p in folder.rglob("*") if p.is_file()}
    assert generation.run(recipe(), str(folder)) == study[1]
    after = {p: p.stat().st_mtime_ns for p in folder.rglob("*") if p.is_file()}
    touched = {p.name for p in after if after[p] != before.get(p)}
    assert touched == {"generation.json", "report.html"} and set(after) == set(before)
    kept = [x for x in capsys.readouterr().out.splitlines() if "finished before" in x]
    # The bar's base and fits; base, fit, denoiser, samples, verdict of each; a teacher.
    assert len(kept) == 2 + 3 * 5 + 1


def test_one_more_generator_joins_a_finished_study(study, tmp_path):
    """Told of in the table of the first, it leaves the others as they were."""
    folder = shutil.copytree(study[0], tmp_path / "copy")
    shutil.rmtree(folder / "evaluate" / PUPIL)
    rows = generation.run(recipe(), str(folder))
    assert rows == study[1]
    known = json.loads((folder / "evaluate" / OWN / "baselines.json").read_text())
    assert {PUPIL, OTHER} <= set(known)


@pytest.mark.parametrize("binary", [train_diffusion, sample, evaluate])
def test_an_unknown_generator_is_refused_by_name(binary, study):
    line = r"generator='nobody'; choose one of \['ours', 'one_step', 'other_form'\]"
    with pytest.raises(ValueError, match=line):
        binary.run(recipe("nobody"), str(study[0]))


def test_what_needs_classes_is_left_out_of_data_without(monkeypatch, tmp_path, capsys):
    config = digits.get_config("tiny")
    unlabelled = dataset.load(config)._replace(labels=None)
    monkeypatch.setattr(dataset, "load", lambda config: unlabelled)
    monkeypatch.setattr(generation, "_judged", lambda config, workdir: {})
    monkeypatch.setattr(generation.report, "run", lambda config, workdir: None)
    rows = generation.run(config, str(tmp_path))
    short = {name for name in config.generators if not name.endswith("_long")}
    assert set(rows) == {OWN} | short - {"conditional"}
    assert "conditional: left out, the data have no labels" in capsys.readouterr().out
    added = generation.run(config, str(tmp_path), names=("mlp_long",))
    assert set(added) == set(rows) | {"mlp_long"}
    with pytest.raises(ValueError, match="'mlq'; choose one of"):
        generation.run(config, str(tmp_path), names=("mlq",))
