"""A tiny study is judged: what is written, and that all are treated alike."""

import json
import shutil

import jax
import numpy as np
import pytest
from ml_collections import config_dict
from threadpoolctl import threadpool_limits

from configs import digits
from experiments import evaluate, fit, sample, train_diffusion
from experiments.generator import encoding
from experiments.judging import baselines, copies, verdicts
from experiments.recipe import dataset
from experiments.recipe.evaluation import judging_of
from experiments.recipe.representation import representation_of
from experiments.running import run_folder
from tests import runs
from wsjax import costs
from wsjax.metrics import generation

NAME, RIVAL = "mlora_asym", "twin"
AUDITED = ("audit_", "authentic", "ct", "copy_", "single_", "excess_")
SPACES = ("pixel_pca2", "classifier", "random_conv")
WEIGHTS = (
    "gaussian_pca gaussian_mixture gaussian_neighbours add_noise average_two "
    "resample_test"
).split()
VALUES = (
    "gaussian_values mixture_values neighbours_values average_values noise_values_0.25 "
    "noise_values_0.5 noise_values_0.75 noise_values_1"
).split()


def recipe(generator="ours"):
    config = digits.get_config("tiny")
    config.fit.update(compare=0, guess=0)
    config.generators = config_dict.create(**{RIVAL: {}})
    config.generator = generator
    return config


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Threads cost more than they bring on sets this small, most of all if shared."""
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A judged study on a base that never was trained."""
    folder = runs.with_base(tmp_path_factory.mktemp("runs") / "judged")
    return runs.through(folder, recipe(), fit, train_diffusion, sample, evaluate)


@pytest.fixture(scope="module")
def data():
    return dataset.load(recipe())


def read(path):
    return json.loads(path.read_text())


def test_every_generator_gets_the_same_finite_figures(study):
    own = read(study / "evaluate" / NAME / "metrics.json")
    baselines = read(study / "evaluate" / NAME / "baselines.json")
    assert set(baselines) == {*WEIGHTS, *VALUES}
    assert np.isfinite(list(own.values())).all()
    lone = {"ssim_test_mean", "seconds", "cpu_seconds"}
    lone |= {key for key in own if "copies_" in key or key.startswith("control_")}
    verdict = {"audit_passed", "audit_undecided"}  # None of trivial generators.
    for share in copies.SHARES:
        for kind in ("copies", "noisy_copies"):
            assert 0 <= own[f"refused_{kind}_{share:g}"] <= 1
    for name in WEIGHTS:
        real = name == "resample_test"
        assert set(own) - set(baselines[name]) == (lone if real else lone | verdict)
        assert set(baselines[name]) <= set(own)
        for key in own:
            if key.endswith(("_floor", "_ceiling")):
                assert baselines[name][key] == own[key]
    for name in VALUES:  # They have no weights, and are drawn for the audit alone.
        assert set(baselines[name]) == {
            key for key in own if key.startswith(AUDITED) or key.endswith("_unlimited")
        } - verdict | {"novelty"}
    for space in SPACES:
        for measure in ("fd", "mmd_gaussian", "mmd_polynomial"):
            for end in ("", "_floor", "_ceiling"):
                assert f"{measure}_{space}{end}" in own
                assert f"{measure}_{space}_test{end}" in own
        assert {f"precision_{space}_test", f"recall_{space}_test_floor"} <= set(own)
        assert f"fd_{space}_unlimited" in own
        low, mean, high = (own[f"excess_{space}{end}"] for end in ("_low", "", "_high"))
        assert low < mean < high
    for picture in ("beside", "nearest", "baselines", "reconstructions"):
        header = (study / "evaluate" / NAME / f"{picture}.png").read_bytes()[:4]
        assert header == b"\x89PNG"


def test_verdicts_are_those_of_the_figures_beside_them_and_say_why(study):
    own = read(study / "evaluate" / NAME / "metrics.json")
    rows = read(study / "evaluate" / NAME / "baselines.json") | {NAME: own}
    found = read(study / "evaluate" / NAME / "audit.json")
    assert found.keys() == rows.keys()
    for name, row in rows.items():
        verdict, reasons = found[name]["verdict"], found[name]["reasons"]
        if verdict == "trivial":
            assert "audit_passed" not in row
            continue
        assert row["audit_passed"] == (verdict == "passed") == (not reasons)
        assert row["audit_undecided"] == (verdict == "undecided")
    for name in (*WEIGHTS[:-1], *VALUES):
        assert found[name]["verdict"] == "trivial"
    # Real things are no trivial generator, and no bar to be met.
    assert found["resample_test"]["verdict"] != "trivial"
    rivals = set(found[NAME]["leads"]["pixel_pca2"])
    assert "resample_test" not in rivals and rivals <= {*WEIGHTS, *VALUES}


def test_a_rival_is_judged_in_folders_of_its_own_by_the_same_baselines(
    study, tmp_path, capsys
):
    """It made the very samples of the recipe's own, so it gets the same figures.

    The control is of the data, and stands beside the recipe's own alone.
    """
    folder = shutil.copytree(study, tmp_path / "copy")
    for stage in ("diffusion", "samples"):
        shutil.copytree(folder / stage / NAME, folder / stage / RIVAL)
    found = evaluate.run(recipe(RIVAL), str(folder))
    own = read(folder / "evaluate" / NAME / "metrics.json")
    assert own["control_n"] == 16 and own["control_passed"] in (0, 1)
    assert (
        _lasting(found)
        == {k: v for k, v in _lasting(own).items() if not k.startswith("control_")}
        == _lasting(read(folder / "evaluate" / RIVAL / "metrics.json"))
    )
    told = capsys.readouterr().out
    assert all(f"\n{name} " in told for name in (RIVAL, *WEIGHTS, "floor", "ceiling"))
    before = read(study / "evaluate" / NAME / "baselines.json")
    _holds(before, read(folder / "evaluate" / RIVAL / "baselines.json"))
    both = read(folder / "evaluate" / NAME / "baselines.json")
    assert both == {**before, RIVAL: _lasting(found)}
    # Judged anew, the recipe's own finds its rival there.
    shutil.rmtree(folder / "evaluate" / NAME)
    evaluate.run(recipe(), str(folder))
    assert read(folder / "evaluate" / NAME / "baselines.json") == both


def test_a_rival_without_baselines_gets_its_own(study, tmp_path):
    folder = shutil.copytree(study, tmp_path / "copy")
    for stage in ("diffusion", "samples"):
        (folder / stage / NAME).rename(folder / stage / RIVAL)
    shutil.rmtree(folder / "evaluate")
    evaluate.run(recipe(RIVAL), str(folder))
    found = read(folder / "evaluate" / RIVAL / "baselines.json")
    _holds(read(study / "evaluate" / NAME / "baselines.json"), found)
    assert not (folder / "evaluate" / NAME).exists()


def _holds(rows, audited):
    """A rival's trivial generators have the figures of the audit, and no others."""
    assert audited.keys() == rows.keys()
    for name, figures in audited.items():
        assert "novelty" in figures and "fd_pixel_pca2_test" not in figures
        assert figures == {key: rows[name][key] for key in figures}


def _lasting(metrics):
    return {k: v for k, v in metrics.items() if k not in costs.KEYS}


def test_labels_come_from_the_manifest_of_the_samples(study, tmp_path, data):
    folder = shutil.copytree(study, tmp_path / "copy")
    form = representation_of(recipe(), folder, (12, 12, 1))
    fields = baselines.fields(folder, form, data)
    path = folder / "samples" / NAME / "weights_00000000.safetensors"
    shard = evaluate.store.read_shard(path)
    instances = [i | {"label": k % 3} for k, i in enumerate(shard.instances)]
    instances[1]["status"] = "failed: weights not finite"
    evaluate.store.write_shard(path.parent, shard._replace(instances=instances))
    evaluate.store.finish(path.parent, {})
    judging = judging_of(recipe())
    case = evaluate.Study(
        judging, folder, NAME, data, fields, fields, n=20, rivals=[], own=True
    )
    n, weights, labels = evaluate._samples(case)
    assert n == 20 and len(jax.tree.leaves(weights)[0]) == 19
    np.testing.assert_array_equal(labels, np.delete(np.arange(20) % 3, 1))


def test_trivial_generators_draw_as_asked_and_test_weights_are_drawn_again(study, data):
    form = representation_of(recipe(), study, (12, 12, 1))
    fits = encoding.fitted(study, form, data, beside="test")
    drawn = baselines.draws(fits, 20, seed=0)
    assert list(drawn) == WEIGHTS
    assert {x.shape for x in drawn.values()} == {(20, fits.vectors.shape[1])}
    out = fits.vectors[fits.heldout]
    distances, rows = generation.nearest(drawn["resample_test"], out)
    assert distances.max() == pytest.approx(0, abs=1e-5) and len(set(rows)) > 1


def test_values_of_trivial_generators_stay_in_the_range_of_the_training_values():
    train = np.random.default_rng(0).random((30, 5, 5, 1)).astype(np.float32) / 2
    drawn = verdicts.of_values(train, 40, seed=0)
    assert list(drawn) == VALUES
    for name, x in drawn.items():
        assert x.shape == (40, 5, 5, 1) and x.dtype == np.float32
        assert train.min() <= x.min() < x.max() <= train.max(), name
    noise = [
        np.abs(drawn[f"noise_values_{s}"] - drawn["noise_values_0.25"])
        for s in ("0.5", "1")
    ]
    assert 0 < noise[0].mean() < noise[1].mean()  # One noise, of rising strength.


def test_copies_are_noticed_from_the_least_share_that_is_mostly_refused():
    found = copies.curve("copies", {0.0: 0.0, 0.03: 0.5, 0.05: 0.55, 0.5: 1.0})
    assert found == {
        "refused_copies_0": 0.0,
        "refused_copies_0.03": 0.5,
        "refused_copies_0.05": 0.55,
        "refused_copies_0.5": 1.0,
        "copies_noticed_from": 0.05,
    }
    assert copies.curve("copies", {0.5: 0.5}) == {"refused_copies_0.5": 0.5}
    refused = copies.curve("copies", {0.0: 1.0, 0.5: 1.0})  # Without any, too.
    assert "copies_noticed_from" not in refused


def test_a_finished_verdict_is_kept(study):
    assert run_folder.finished(study / "evaluate" / NAME, "evaluate")
    before = (study / "evaluate" / NAME / "baselines.json").stat().st_mtime_ns
    evaluate.run(recipe(), str(study))
    path = study / "evaluate" / NAME / "baselines.json"
    assert path.stat().st_mtime_ns == before
