"""The structure study, the sweep and the dimension of the weights, on tiny recipes."""

import json
import shutil

import chex
import jax
import numpy as np
import pytest
from flax.traverse_util import flatten_dict
from threadpoolctl import threadpool_limits

from configs import digits, faces, fashion_mnist
from experiments import analyze, fit, structure, sweep, train_base
from experiments.recipe import dataset, representation
from experiments.recipe.fits import fit_options_of
from experiments.running.keys import keys
from wsjax import adapters, costs, files, tree
from wsjax.analysis.structure import LAMBDAS

NAMES = list(adapters.ADAPTERS)
SWEPT = ("mlp", "mlora_asym")
SIMILAR = ("cosine", "cosine_raw", "cosine_moved", "cosine_canonical")


def recipe():
    """Faces drawn on the spot, one representation whose masks differ in kind each."""
    config = faces.get_config("tiny")
    config.fit.compare = 0
    for name in set(NAMES) - set(SWEPT):
        del config.sweep.variants[name]
    config.sweep.variants.mlp = [{"learning_rate": (0.01, 1e-5)}]
    return config


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A run folder with a base that was rehearsed, and both studies."""
    folder = tmp_path_factory.mktemp("runs") / "faces"
    with threadpool_limits(1):
        train_base.run(recipe(), str(folder))
        structure.run(recipe(), str(folder))
        sweep.run(recipe(), str(folder))
    return folder


def measured(folder, name):
    return files.read_json(folder / "structure" / name / "metrics.json")


@pytest.mark.parametrize("name", NAMES)
def test_without_perturbation_both_fits_are_one(study, name):
    metrics = measured(study, name)
    for measure in SIMILAR:
        assert metrics[f"{measure}_lambda_0"] == pytest.approx(1, abs=1e-6), measure
        assert metrics[f"{measure}_std_lambda_0"] == pytest.approx(0, abs=1e-6)
    assert metrics["barrier_lambda_0"] == pytest.approx(0, abs=1e-3)
    assert metrics["worst_drop_lambda_0"] == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize("name", NAMES)
def test_curves_hold_every_strength_and_fall_with_it(study, name):
    curves = structure.curves(measured(study, name))
    np.testing.assert_allclose(curves["lambda"], LAMBDAS, atol=5e-4)
    for measure in ("cosine", "cosine_moved", "barrier"):
        assert curves[measure].shape == (len(LAMBDAS), 2)
        assert np.all(np.isfinite(curves[measure]))
    similarity = curves["cosine"][:, 0]
    assert similarity[-1] < similarity[0]
    assert np.all(similarity > curves["cosine_between"][:, 0] - 0.05)


@pytest.mark.parametrize("name", ["mlp", "mlora"])
def test_starts_part_from_one_draw_towards_another(study, name):
    """Both draws are the same at every strength, and at 0 only the first is left."""
    config = structure._with(recipe(), name)
    data = dataset.load(config)
    form = representation.representation_of(config, study, data.channels)
    first = structure.draw(form, keys(config.seed)["start"])
    options, strengths = fit_options_of(config), (0.0, 0.6, 0.8)
    found = structure._fits(options, form, data, np.array([1]), strengths, 2)[0]
    centre = form.adapter.centre(form.base)
    at_zero, low, high = (tree.row(found, i) for i in range(3))
    chex.assert_trees_all_equal(at_zero, jax.device_get(first))

    def second(start, strength):
        keep = np.sqrt(1 - strength**2)
        return jax.tree.map(
            lambda x, a, c: (x - c - keep * (a - c)) / strength, start, first, centre
        )

    pair = second(low, 0.6), second(high, 0.8)
    chex.assert_trees_all_close(*pair, rtol=1e-4, atol=1e-5)


def test_frozen_entries_bring_raw_weights_together(study):
    """Sixfold entries that all share hide how unlike the free ones are."""
    metrics = measured(study, "lora_asym")
    last = f"lambda_{LAMBDAS[-1]:.3g}"
    assert metrics[f"cosine_raw_{last}"] > metrics[f"cosine_{last}"] + 0.05


def test_the_mask_leaves_no_symmetry_to_the_additive_form(study):
    metrics = measured(study, "lora_asym")
    for strength in LAMBDAS:
        at = f"lambda_{strength:.3g}"
        assert metrics[f"cosine_canonical_{at}"] == metrics[f"cosine_{at}"]


def test_a_second_run_keeps_what_is_finished_and_repeats_the_rest(study, tmp_path):
    copy = shutil.copytree(study, tmp_path / "copy")
    before = measured(study, "mlora_asym")
    (copy / "structure" / "mlora_asym" / "metrics.json").unlink()
    untouched = (copy / "structure" / "mlp" / "metrics.json").stat().st_mtime_ns
    again = structure.run(recipe(), str(copy))["mlora_asym"]
    assert (copy / "structure" / "mlp" / "metrics.json").stat().st_mtime_ns == untouched
    for key in set(before) - set(costs.KEYS):
        assert again[key] == pytest.approx(before[key], abs=1e-9), key


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

    monkeypatch.setattr(sweep, "_measured", record)
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


def test_analysis_holds_dimensions_pictures_and_the_study(study):
    fit.run(recipe(), str(study))
    metrics = analyze.run(recipe(), str(study))
    folder = study / "analyze" / "mlora_asym"
    for name in ("dimension.png", "paths.png", "tsne.png"):
        assert (folder / name).stat().st_size > 1000
    assert (study / "structure" / "structure.png").stat().st_size > 1000
    assert 1 <= metrics["participation_ratio"] <= metrics["n"]
    kept = [v for k, v in metrics.items() if k.startswith("psnr_db_plain_pca")]
    assert len(kept) > 2 and kept[-1] > kept[0]
    assert metrics["barrier_lambda_0"] == pytest.approx(0, abs=1e-3)
    assert (
        metrics["cosine_lambda_0.314"]
        == measured(study, "mlora_asym")["cosine_lambda_0.314"]
    )


@pytest.mark.parametrize("recipes", [digits, faces, fashion_mnist])
def test_both_variants_share_their_keys(recipes):
    full, tiny = recipes.get_config(), recipes.get_config("tiny")
    assert set(full) == set(tiny)
    for section in set(full) - {"data", "sweep", "adapter"}:
        if hasattr(full[section], "keys"):
            assert set(full[section]) == set(tiny[section]), section
    with pytest.raises(ValueError, match="'huge'"):
        recipes.get_config("huge")
