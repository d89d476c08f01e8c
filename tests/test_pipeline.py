"""The whole pipeline on the tiny recipe: what it writes, keeps and refuses."""

import json
import math
import shutil

import jax
import numpy as np
import pytest

from configs import digits, faces, fashion_mnist
from experiments import fit, pipeline, sample, train_diffusion
from experiments.domain import representation as forms
from experiments.fitting import engine, groups
from experiments.recipe import dataset, representation
from experiments.recipe.fits import fit_options_of
from experiments.running import run_folder
from tests import runs
from wsjax import adapters, costs, fields, latent, store, tree

NAMES = sorted(set(digits.get_config().adapter) - {"name"})
KEYS = {
    "base": "n steps psnr_db_mean psnr_db_folded_mean seconds cpu_seconds",
    "fit": "n n_done n_failed numbers_per_field steps psnr_db_mean psnr_db_p05 "
    "pca_components pca_psnr_db_test_mean pca_psnr_db_test_ci95 "
    "components_90 seconds cpu_seconds compile_seconds fields_per_cpu_second "
    "peak_memory_mib bytes_per_field",
    "diffusion": "steps loss_train loss_validation parameters seconds cpu_seconds",
    "evaluate": "n_real n_sampled fd_pixel_pca2 fd_pixel_pca2_floor "
    "fd_pixel_pca2_ceiling mmd_gaussian_pixel_pca2 mmd_polynomial_pixel_pca2 "
    "fd_pixel_pca2_test fd_pixel_pca2_test_floor fd_pixel_pca2_test_ceiling "
    "fd_pixel_pca2_unlimited mmd_gaussian_pixel_pca2_test precision_pixel_pca2_test "
    "fd_classifier nn_function_median nn_function_median_floor nn_weights_median "
    "nn_weights_median_floor confident_fraction confident_fraction_floor "
    "class_fraction_min ct authentic_fraction authentic_fraction_floor copy_fraction "
    "audit_passed refused_copies_0.05 refused_noisy_copies_0.05",
    "analyze": "one_nn_accuracy logistic_accuracy kmeans_ari pixels_one_nn_accuracy "
    "logistic_accuracy_ci95 start_kmeans_ari moved_logistic_accuracy common_n "
    "common_one_nn_accuracy_ci95 common_psnr_db_test_mean paired_kmeans_ari",
}


NO_STRUCTURE = "--config.structure.n=0"


def recipe():
    """Without the study of structure, which `test_study` runs."""
    config = digits.get_config("tiny")
    config.structure.n = 0
    return config


@pytest.fixture(scope="module")
def study(tmp_path_factory, environment):
    """One finished run of the tiny recipe, whose memory another process takes."""
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    runs.finish("pipeline", folder, environment, NO_STRUCTURE)
    return folder


@pytest.fixture
def copy(study, tmp_path):
    """A copy that a test may damage."""
    return shutil.copytree(study, tmp_path / "copy")


def _metrics(folder, stage, name="mlora_asym"):
    place = folder / stage if stage == "base" else folder / stage / name
    return json.loads((place / "metrics.json").read_text())


@pytest.mark.parametrize("stage", KEYS)
def test_metrics_hold_the_promised_keys_as_plain_numbers(study, stage):
    metrics = _metrics(study, stage)
    assert set(KEYS[stage].split()) <= set(metrics)
    assert all(isinstance(v, int | float) for v in metrics.values())
    assert all(math.isfinite(v) for v in metrics.values())


def test_every_representation_is_stored_and_loads_back_as_it_was_fitted(study):
    config = recipe()
    data = dataset.load(config)
    for name in NAMES:
        config.adapter.name = name
        form = representation.representation_of(config, study, data.shape)
        folder = study / "fit" / name
        first = forms.start(folder, form)
        weights, instances = store.load(folder, like=first, rows=slice(0, 8))
        render = jax.jit(jax.vmap(forms.renderer(form, data.signals([0])[0][0])))
        error = np.asarray(render(weights)).clip(-1, 1) - data.signals(range(8))[1]
        psnr = -10 * np.log10(np.square(error / 2).mean(axis=(1, 2)))
        done, found = store.done(instances), [i["psnr_db"] for i in instances]
        assert done.sum() > 4  # Some of these rough fits may diverge.
        found = np.array(found)[done].astype(float)
        np.testing.assert_allclose(psnr[done], found, rtol=1e-3)


@pytest.mark.parametrize("recipe", [digits, faces, fashion_mnist])
def test_a_full_recipe_compares_at_equal_trainable_numbers(recipe):
    config = recipe.get_config()
    channels = config.data.get("channels", 1)
    base = representation.network(config, channels).field.init(jax.random.key(0))
    counts = {}
    for name in NAMES:
        options = config.adapter[name].to_dict()
        standalone = options.pop("field", None)
        own = base
        if standalone:
            own = fields.mlp(**standalone, channels=channels).init(jax.random.key(0))
        free = adapters.by_name(name, **options).free(own)
        counts[name] = len(latent.groups(free))
    if recipe is digits:
        assert counts["mlora_asym"] <= 392
    assert max(counts.values()) <= 1.05 * min(counts.values()), counts


def test_the_same_command_keeps_what_is_finished(study):
    before = {p: p.stat().st_mtime_ns for p in study.rglob("*") if p.is_file()}
    pipeline.run(recipe(), str(study))
    touched = {p for p, t in before.items() if p.stat().st_mtime_ns != t}
    assert touched <= {study / "report.html"}


def test_a_changed_recipe_is_refused_with_the_key_that_differs(study):
    config = recipe()
    config.fit.steps += 1
    with pytest.raises(ValueError, match=r"fit\.steps: 8 -> 9.*fresh --workdir"):
        fit.run(config, str(study))


def test_other_data_are_refused(copy):
    path = copy / "recipe.json"
    path.write_text(path.read_text().replace('fingerprint": "', 'fingerprint": "0'))
    with pytest.raises(ValueError, match="made from other data"):
        fit.run(recipe(), str(copy))


def test_a_workdir_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OSError, match=r"cannot write in workdir .*file/run"):
        fit.run(recipe(), str(tmp_path / "file" / "run"))


def test_a_stage_without_its_forerunner_names_the_binary(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"experiments\.train_base"):
        fit.run(recipe(), str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r"experiments\.train_base"):
        train_diffusion.run(recipe(), str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r"experiments\.train_diffusion"):
        sample.run(recipe(), str(tmp_path))


def test_a_base_of_another_shape_is_refused_by_leaf(study):
    config = recipe()
    config.base.field.width = 9
    with pytest.raises(ValueError, match=r"fourier/frequencies .*9.*found .*8"):
        representation.representation_of(config, study, (12, 12, 1))


def test_a_damaged_shard_is_named_by_readers_and_fitted_again_by_fit(copy):
    folder = copy / "fit" / "mlora_asym"
    path = store.path_of(folder, 8)
    whole = store.read_shard(path)
    path.write_bytes(path.read_bytes()[:-10])
    shutil.rmtree(copy / "diffusion")
    config = recipe()
    with pytest.raises(ValueError, match=path.name):
        train_diffusion.run(config, str(copy))
    fit.run(config, str(copy))
    jax.tree.map(
        np.testing.assert_array_equal, store.read_shard(path).weights, whole.weights
    )
    assert not store.damaged(folder)


LOST = (
    "base/folded",
    "fit/mlora_asym/start",
    "diffusion/mlora_asym/chosen",
    "diffusion/mlora_asym/encoding",
    "samples/mlora_asym/weights_00000000.safetensors",
    "evaluate/mlora_asym/baselines.json",
)


def test_what_a_finished_stage_lost_is_made_again_by_its_binary(copy, environment):
    """The same, bit for bit, from what is left."""
    before, _ = store.load(copy / "samples" / "mlora_asym")
    for name in LOST:
        path = copy / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    runs.finish("pipeline", copy, environment, NO_STRUCTURE)
    assert all((copy / name).exists() for name in LOST)
    after, _ = store.load(copy / "samples" / "mlora_asym")
    jax.tree.map(np.testing.assert_array_equal, after, before)


def test_diverged_instances_are_recorded_and_the_others_go_on(copy):
    config = recipe()
    data = dataset.load(config)
    poisoned = data.values(np.arange(len(data.names)))
    poisoned[3] = np.inf
    form = representation.representation_of(config, copy, data.shape)
    folder = copy / "fit" / "again"
    shutil.copytree(copy / "fit" / "mlora_asym" / "start", folder / "start")
    first = forms.start(folder, form)
    guess = store.read_shard(store.path_of(copy / "fit" / "mlora_asym" / "guess", 0))
    shared = form.base, first, tree.row(guess.weights, 0)
    lifted = engine.lifted(
        fit_options_of(config), form, data, engine.Layout(config.fit.chunk)
    )
    domain = data.domain._replace(read=lambda rows, also: {"values": poisoned[rows]})
    data = data._replace(domain=domain)
    work = groups.Work(fit_options_of(config), folder, form, data, lifted, shared)
    groups.fit_all(work, [0], 8)
    shard = store.read_shard(store.path_of(folder, 0))
    good = store.done(shard.instances)
    before = store.read_shard(store.path_of(copy / "fit" / "mlora_asym", 0))
    others = np.arange(len(good)) != 3
    np.testing.assert_array_equal(good, store.done(before.instances) & others)
    assert good.any() and "NaN or infinite" in shard.instances[3]["status"]
    np.testing.assert_array_equal(
        shard.weights["output"]["a"][good], before.weights["output"]["a"][good]
    )


def test_every_cost_is_a_metric_of_the_fit(study):
    assert set(costs.KEYS) <= set(_metrics(study, "fit"))


def test_an_unfinished_stage_is_not_taken_for_a_finished_one(copy):
    (copy / "fit" / "mlora_asym" / "metrics.json").unlink()
    assert run_folder.finished(copy / "fit" / "mlora_asym", "fit") is None
