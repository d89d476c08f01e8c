"""The structure study and the dimension of the weights, on tiny recipes."""

import shutil

import chex
import jax
import numpy as np
import pytest

from configs import digits, faces, fashion_mnist
from experiments import analyze, fit, structure, train_base
from experiments.fitting import perturbed
from experiments.fitting.perturbed import Perturbation
from experiments.recipe import dataset, representation
from experiments.recipe.fits import fit_options_of
from experiments.recipe.structure import own_row, perturbations_of, rows_of
from experiments.running.keys import keys
from tests import runs
from wsjax import costs, files, tree
from wsjax.analysis.structure import displaced

NAMES = representation.representations_of(faces.get_config("tiny"))
FACTORS = ("mlora", "mlora_asym")
ROWS = [*NAMES[:4], *(f"{name}_{x}" for name in FACTORS for x in ("ones", "skip"))]
STRENGTHS = (0.0, 0.3143, 0.7071)
DISTANCES = (0.0, 0.1, 1.0)
KEYS = [f"displaced_{x:.3g}" for x in DISTANCES]
KEYS += [f"lambda_{x:.3g}" for x in STRENGTHS]
SIMILAR = ("cosine", "cosine_raw", "cosine_moved", "cosine_canonical")


def recipe():
    """Faces drawn on the spot; mLoRA has a row for two starts."""
    config = faces.get_config("tiny")
    config.fit.compare = 0
    config.structure.update(strengths=STRENGTHS, displacements=DISTANCES)
    del config.structure.starts["normal"]
    return config


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A run folder with a base that was rehearsed, and the structure study."""
    folder = tmp_path_factory.mktemp("runs") / "faces"
    return runs.through(folder, recipe(), train_base, structure)


def measured(folder, name):
    return files.read_json(folder / "structure" / name / "metrics.json")


def test_every_start_of_mlora_has_a_row(study):
    found = {p.parent.name for p in (study / "structure").glob("*/metrics.json")}
    assert found == set(ROWS)


def test_each_row_fits_from_its_start_at_its_rate():
    config = recipe()
    config.structure.starts.skip.learning_rate = 0.25
    rows = rows_of(config)
    assert list(rows) == ROWS and own_row(config) == "mlora_asym_ones"
    own = rows["mlora_asym_skip"]
    assert own.adapter.name == "mlora_asym" and own.adapter.mlora_asym.start == "skip"
    assert own.fit.learning_rate.mlora_asym == 0.25
    assert rows["mlora_asym_ones"].adapter.mlora_asym.spread == 0.01
    assert rows["lora"].fit.learning_rate == config.fit.learning_rate


@pytest.mark.parametrize("row", ROWS)
def test_without_perturbation_both_fits_are_one(study, row):
    metrics = measured(study, row)
    for at in ("displaced_0", "lambda_0"):
        for measure in SIMILAR:
            assert metrics[f"{measure}_{at}"] == pytest.approx(1, abs=1e-6), measure
            assert metrics[f"{measure}_{at}_ci95"] == pytest.approx(0, abs=1e-6)
        for measure in ("barrier", "worst_drop", "barrier_error"):
            assert metrics[f"{measure}_{at}"] == pytest.approx(0, abs=1e-3)
        assert metrics[f"displacement_{at}"] == 0


@pytest.mark.parametrize("row", ROWS)
def test_starts_of_all_rows_lie_at_the_same_displacement(study, row):
    metrics = measured(study, row)
    for distance in DISTANCES:
        at = f"displacement_displaced_{distance:.3g}"
        assert metrics[at] == pytest.approx(distance, rel=1e-4)
        assert metrics[f"{at}_ci95"] == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize("row", ["lora", "lora_asym", "mlora_skip", "mlora_asym_skip"])
def test_no_draw_of_a_moves_the_kernels_where_b_starts_at_0(study, row):
    metrics = measured(study, row)
    assert all(metrics[f"displacement_kernels_{at}"] == 0 for at in KEYS)
    ones = measured(study, "mlora_asym_ones")
    assert ones["displacement_kernels_displaced_0.1"] == pytest.approx(0.1, rel=0.2)


@pytest.mark.parametrize("row", ROWS)
def test_curves_hold_every_size_and_fall_with_it(study, row):
    metrics = measured(study, row)
    curves = structure.curves(metrics, perturbations_of(recipe()))
    for kind, sizes in {"displaced": DISTANCES, "lambda": STRENGTHS}.items():
        for measure, curve in curves[kind].items():
            np.testing.assert_array_equal(curve[:, 0], sizes)
            last = f"{measure}_{kind}_{sizes[-1]:.3g}"
            assert curve[-1, 1:].tolist() == [metrics[last], metrics[f"{last}_ci95"]]
            assert np.all(np.isfinite(curve))
        similarity = curves[kind]["cosine"][:, 1]
        assert similarity[-1] < similarity[0]
        others = [metrics[f"cosine_between_{kind}_{x:.3g}"] for x in sizes]
        assert np.all(similarity > np.array(others) - 0.05)


def test_strengths_are_of_the_grid_of_the_paper():
    grid = np.linspace(0.0, 0.5**0.25, 10) ** 2
    strengths = faces.get_config().structure.strengths
    np.testing.assert_allclose(strengths, grid[3::3], atol=6e-5)


@pytest.mark.parametrize("row", ["mlp", "mlora_skip"])
def test_starts_part_from_one_draw_towards_another(study, row):
    """Both draws are the same at every strength, and at 0 only the first is left."""
    config = rows_of(recipe())[row]
    data = dataset.load(config)
    form = representation.representation_of(config, study, data.shape)
    first = perturbed.draw(form, keys(config.seed)["start"])
    sizes = [("lambda", 0.6), ("lambda", 0.8), ("displaced", 1.0)]
    found = perturbed.refit(
        fit_options_of(config),
        form,
        data,
        np.array([1]),
        [Perturbation(*size) for size in sizes],
        chunk=2,
    )
    centre = form.adapter.centre(form.base)
    at_zero, low, high, apart = (tree.row(found.starts, i) for i in range(4))
    chex.assert_trees_all_equal(at_zero, jax.device_get(first))

    def second(start, strength):
        keep = np.sqrt(1 - strength**2)
        return jax.tree.map(
            lambda x, a, c: (x - c - keep * (a - c)) / strength, start, first, centre
        )

    pair = second(low, 0.6), second(high, 0.8)
    chex.assert_trees_all_close(*pair, rtol=1e-4, atol=1e-5)
    free = form.adapter.free(form.base)
    expected = displaced(centre, first, pair[0], 1.0, free=free)
    chex.assert_trees_all_close(apart, expected, rtol=1e-4, atol=1e-4)


def test_frozen_entries_bring_raw_weights_together(study):
    """Sixfold entries that all share hide how unlike the free ones are."""
    metrics = measured(study, "lora_asym")
    assert metrics[f"cosine_raw_{KEYS[-1]}"] > metrics[f"cosine_{KEYS[-1]}"] + 0.05


def test_the_mask_leaves_no_symmetry_to_the_additive_form(study):
    metrics = measured(study, "lora_asym")
    for at in KEYS:
        assert metrics[f"cosine_canonical_{at}"] == metrics[f"cosine_{at}"]


def test_a_second_run_keeps_what_is_finished_and_repeats_the_rest(study, tmp_path):
    copy = shutil.copytree(study, tmp_path / "copy")
    before = measured(study, "mlora_asym_skip")
    (copy / "structure" / "mlora_asym_skip" / "metrics.json").unlink()
    untouched = (copy / "structure" / "mlp" / "metrics.json").stat().st_mtime_ns
    again = structure.run(recipe(), str(copy))["mlora_asym_skip"]
    assert (copy / "structure" / "mlp" / "metrics.json").stat().st_mtime_ns == untouched
    for key in set(before) - set(costs.KEYS):
        assert again[key] == pytest.approx(before[key], abs=1e-9), key


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
    own = measured(study, "mlora_asym_ones")
    for key in KEYS:
        assert metrics[f"barrier_{key}"] == own[f"barrier_{key}"]


@pytest.mark.parametrize("recipes", [digits, faces, fashion_mnist])
def test_both_variants_share_their_keys(recipes):
    full, tiny = recipes.get_config(), recipes.get_config("tiny")
    assert set(full) == set(tiny)
    for section in set(full) - {"data", "sweep", "adapter"}:
        if hasattr(full[section], "keys"):
            assert set(full[section]) == set(tiny[section]), section
    with pytest.raises(ValueError, match="'huge'"):
        recipes.get_config("huge")
