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
from experiments.judging import baselines
from experiments.recipe import dataset
from experiments.recipe.evaluation import judging_of
from experiments.recipe.representation import representation_of
from experiments.running import run_folder
from tests import runs
from wsjax import costs
from wsjax.metrics import generation

NAME, RIVAL = "mlora_asym", "twin"
SPACES = ("pixel_pca4", "classifier", "random_conv")
TRIVIAL = (
    "gaussian_pca gaussian_mixture add_noise_0 add_noise add_noise_1 average_two "
    "resample_heldout"
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
    for stage in (fit, train_diffusion, sample, evaluate):
        stage.run(recipe(), str(folder))
    return folder


@pytest.fixture(scope="module")
def data():
    return dataset.load(recipe())


def read(path):
    return json.loads(path.read_text())


def test_every_generator_gets_the_same_finite_figures(study):
    own = read(study / "evaluate" / NAME / "metrics.json")
    baselines = read(study / "evaluate" / NAME / "baselines.json")
    assert list(baselines) == TRIVIAL
    assert np.isfinite(list(own.values())).all()
    lone = {"ssim_heldout_mean", "seconds", "cpu_seconds"}
    others = {
        key
        for key in own
        if any(space in key for space in SPACES[1:])
        and not key.endswith(("_floor", "_ceiling"))
    }
    for name, found in baselines.items():
        # The other strengths of noise are judged by the space of the audit alone.
        brief = name.startswith("add_noise_")
        assert set(own) - set(found) == (lone | others if brief else lone)
        assert set(found) <= set(own)
        for key in own:
            if key.endswith(("_floor", "_ceiling", "heldout_median")):
                assert found[key] == own[key]
    for space in SPACES:
        for measure in ("fd", "mmd_gaussian", "mmd_polynomial"):
            for end in ("", "_floor", "_ceiling"):
                assert f"{measure}_{space}{end}" in own
                assert f"{measure}_{space}_heldout{end}" in own
        assert {f"precision_{space}", f"recall_{space}_floor"} <= set(own)
    for picture in ("nearest", "baselines", "reconstructions"):
        header = (study / "evaluate" / NAME / f"{picture}.png").read_bytes()[:4]
        assert header == b"\x89PNG"


def test_the_audit_is_that_of_the_figures_beside_it(study):
    own = read(study / "evaluate" / NAME / "metrics.json")
    baselines = read(study / "evaluate" / NAME / "baselines.json")
    key = "fd_pixel_pca4_heldout"
    for found in (own, *baselines.values()):
        ratio = found["nn_function_median"] / found["nn_function_heldout_median"]
        assert found["novelty_function"] == pytest.approx(ratio)
        assert found["fd_average_two"] == baselines["average_two"][key]
        beaten = found[key] < min(
            found["fd_add_noise_at_novelty"], found["fd_average_two"]
        )
        assert found["audit_passed"] == (beaten and found["novelty_function"] >= 0.9)
    noisy = [m for name, m in baselines.items() if name.startswith("add_noise")]
    assert not any(m["audit_passed"] for m in [*noisy, baselines["average_two"]])
    assert baselines["add_noise_0"]["novelty_weights"] == pytest.approx(0, abs=1e-4)
    curve = [m[key] for m in noisy]
    for found in (own, *noisy):
        assert min(curve) <= found["fd_add_noise_at_novelty"] <= max(curve)


def test_a_rival_is_judged_in_folders_of_its_own_by_the_same_baselines(
    study, tmp_path, capsys
):
    """It made the very samples of the recipe's own, so it gets the same figures."""
    folder = shutil.copytree(study, tmp_path / "copy")
    for stage in ("diffusion", "samples"):
        shutil.copytree(folder / stage / NAME, folder / stage / RIVAL)
    found = evaluate.run(recipe(RIVAL), str(folder))
    own = read(folder / "evaluate" / NAME / "metrics.json")
    assert (
        _lasting(found)
        == _lasting(own)
        == _lasting(read(folder / "evaluate" / RIVAL / "metrics.json"))
    )
    told = capsys.readouterr().out
    assert all(f"\n{name} " in told for name in (RIVAL, *TRIVIAL, "floor", "ceiling"))
    before = read(study / "evaluate" / NAME / "baselines.json")
    assert read(folder / "evaluate" / RIVAL / "baselines.json") == before
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
    assert found == read(study / "evaluate" / NAME / "baselines.json")
    assert not (folder / "evaluate" / NAME).exists()


def _lasting(metrics):
    return {k: v for k, v in metrics.items() if k not in costs.KEYS}


def test_labels_come_from_the_manifest_of_the_samples(study, tmp_path, data):
    folder = shutil.copytree(study, tmp_path / "copy")
    form = representation_of(recipe(), folder, 1)
    fits = encoding.fitted(folder, form, data)
    path = folder / "samples" / NAME / "weights_00000000.safetensors"
    shard = evaluate.store.read_shard(path)
    instances = [i | {"label": k % 3} for k, i in enumerate(shard.instances)]
    instances[1]["status"] = "failed: weights not finite"
    evaluate.store.write_shard(path.parent, shard._replace(instances=instances))
    evaluate.store.finish(path.parent, {})
    judging = judging_of(recipe())
    case = evaluate.Study(
        judging, folder, NAME, data, form, fits, n=20, rivals=[], own=True
    )
    n, weights, labels = evaluate._samples(case)
    assert n == 20 and len(jax.tree.leaves(weights)[0]) == 19
    np.testing.assert_array_equal(labels, np.delete(np.arange(20) % 3, 1))


def test_trivial_generators_share_rows_and_noise_across_scales(study, data):
    config = recipe()
    form = representation_of(config, study, 1)
    fits = encoding.fitted(study, form, data)
    drawn = baselines.draws(fits, 20, noise=(0.0, 1.0), seed=config.seed)
    assert list(drawn) == TRIVIAL
    assert {x.shape for x in drawn.values()} == {(20, fits.vectors.shape[1])}
    copies, half, full = (
        drawn[f"add_noise{end}"].astype(float) for end in ("_0", "", "_1")
    )
    np.testing.assert_allclose(full - copies, 2 * (half - copies), atol=1e-4)
    for name, kind in (
        ("add_noise_0", ~fits.heldout),
        ("resample_heldout", fits.heldout),
    ):
        distances, rows = generation.nearest(drawn[name], fits.vectors[kind])
        assert distances.max() == pytest.approx(0, abs=1e-5)
        assert np.ptp(np.bincount(rows, minlength=kind.sum())) <= 1


def test_a_finished_verdict_is_kept(study):
    assert run_folder.finished(study / "evaluate" / NAME, "evaluate")
    before = (study / "evaluate" / NAME / "baselines.json").stat().st_mtime_ns
    evaluate.run(recipe(), str(study))
    path = study / "evaluate" / NAME / "baselines.json"
    assert path.stat().st_mtime_ns == before
