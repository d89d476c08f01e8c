"""The whole study of shapes, on the tiny recipe: from meshes to new meshes."""

import json
import shutil

import jax
import numpy as np
import pytest

from configs import digits, meshes, shapes
from experiments import export_meshes, fit, pipeline, structure
from experiments.domain import clouds, surfaces
from experiments.domain import representation as forms
from experiments.generator import encoding
from experiments.recipe import dataset, representation
from experiments.recipe.dataset import meshing_of
from experiments.recipe.structure import rows_of
from wsjax import files, store, tree
from wsjax.data.shapes import read, read_mesh
from wsjax.meshes import formats, sampling
from wsjax.meshes.mesh import Mesh, normalise, restore
from wsjax.metrics.shape_sets import distances

NAME = "mlora_asym"


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    config = shapes.get_config("tiny")
    config.data.cache = str(tmp_path_factory.mktemp("cache"))
    config.fit.compare = 0
    config.structure.n = 0
    return config


@pytest.fixture(scope="module")
def study(config, tmp_path_factory):
    """A finished run folder."""
    folder = tmp_path_factory.mktemp("runs") / "shapes"
    pipeline.run(config, str(folder))
    return folder


@pytest.fixture(scope="module")
def problem(config, study):
    data = dataset.load(config)
    form = representation.representation_of(config, study, data.shape)
    return data, form, encoding.fitted(study, form, data, beside="test")


def metrics(study, stage):
    return json.loads((study / stage / NAME / "metrics.json").read_text())


def test_every_stage_says_what_a_study_of_shapes_is_read_for(study):
    found = metrics(study, "fit")
    for key in ("iou_mean", "chamfer_squared_mean", "chamfer_squared_floor"):
        assert 0 < found[key] < 10, key
    assert found["chamfer_squared_floor"] < found["chamfer_squared_mean"]
    instances = store.manifest(study / "fit" / NAME)["instances"]
    judged = [i["iou"] for i in instances if i["part"] == "test"]
    assert found["iou_test_mean"] == pytest.approx(np.mean(judged))
    assert found["iou_test_mean"] != found["iou_mean"]
    judged = metrics(study, "evaluate")
    for key in ("mmd_cd", "cov_cd", "one_nna_cd"):
        assert {key, f"{key}_floor"} <= set(judged)
    assert "fd_grid_pca1" in judged
    assert {"one_nn_accuracy", "grid_one_nn_accuracy"} <= set(metrics(study, "analyze"))
    assert "Chamfer" in (study / "report.html").read_text()


def test_the_manifest_says_how_near_each_fit_is_and_where_its_mesh_lay(study, problem):
    data, form, fits = problem
    instances = store.manifest(study / "fit" / NAME)["instances"]
    entries = forms.entries(form, fits.first)
    for k, row in enumerate(fits.rows[:4]):
        params = form.adapter.merge(form.base, entries.decode(fits.vectors[k]))
        values = surfaces.value_of(form)(params, sampling.common_points())
        (bits,) = read(data.domain.shapes, [row], "inside")
        inside = np.unpackbits(bits[0]).astype(bool)
        found = (inside & (values < 0)).sum() / (inside | (values < 0)).sum()
        assert instances[row]["iou"] == pytest.approx(found, rel=1e-4)
        centre, scale = instances[row]["centre"], instances[row]["scale"]
        np.testing.assert_allclose(centre, data.domain.shapes.frames[row].centre)
        assert (
            scale == data.domain.shapes.frames[row].scale
            and instances[row]["quality"] == {}
        )


def test_generated_shapes_lie_on_disk_as_the_meshes_of_their_weights(
    config, study, problem
):
    _, form, fits = problem
    folder = study / "samples" / NAME
    weights, instances = store.load(folder, like=fits.first)
    mesh_of = surfaces.mesher(meshing_of(config), form)
    found = sorted(folder.glob("meshes/*.glb"))
    assert len(found) == len(instances) - metrics(study, "samples")["n_empty"] > 0
    for path in found[:2]:
        expected = mesh_of(tree.row(weights, int(path.stem)))
        mesh = formats.decode(path.read_bytes(), ".glb")
        assert len(mesh.faces) == len(expected.faces)
        low, high = (np.quantile(expected.vertices, q, axis=0) for q in (0, 1))
        np.testing.assert_allclose(mesh.vertices.min(axis=0), low, atol=1e-6)
        np.testing.assert_allclose(mesh.vertices.max(axis=0), high, atol=1e-6)
    assert (folder / "turntable.gif").read_bytes().startswith(b"GIF8")


def test_the_floor_of_the_set_measures_is_that_of_training_shapes(
    config, study, problem, tmp_path
):
    """Samples that are the held-out shapes themselves are found perfect."""
    data, _, fits = problem
    k = config.evaluate.points
    (train,) = read(data.domain.shapes, fits.rows[~fits.heldout], "surface")
    (out,) = read(data.domain.shapes, fits.rows[fits.heldout], "surface")
    for name, points in (("train", train), ("out", out)):
        (tmp_path / name).mkdir()
        np.save(tmp_path / name / "clouds.npy", points[:, :k, :3])
    split = fits.rows, fits.heldout
    alike = clouds.compare(
        meshing_of(config), data.domain.shapes, tmp_path / "train", *split
    )
    same = clouds.compare(
        meshing_of(config), data.domain.shapes, tmp_path / "out", *split
    )
    for key in ("mmd_cd", "cov_cd", "one_nna_cd"):
        assert alike[key] == alike[f"{key}_floor"] == same[f"{key}_floor"]
    assert same["mmd_cd"] == 0 and same["cov_cd"] == 1
    references = out[:, :k, :3]
    n = same["n_references"]
    assert n == min(config.evaluate.references, fits.heldout.sum()) > 1
    expected = distances(train[:n, :k, :3], references[:n]).min(axis=0).mean()
    assert alike["mmd_cd"] == pytest.approx(expected)


def test_without_two_surfaces_there_is_nothing_to_compare(config, problem, tmp_path):
    data, _, fits = problem
    np.save(tmp_path / "clouds.npy", np.zeros((1, config.evaluate.points, 3)))
    found = clouds.compare(
        meshing_of(config), data.domain.shapes, tmp_path, fits.rows, fits.heldout
    )
    assert found == {"n_references": 1}


def test_the_chamfer_barrier_is_that_of_the_surface_at_the_midpoint(
    config, study, problem
):
    data, form, fits = problem
    own = config.copy_and_resolve_references()
    own.structure.update(n=2, displacements=(0.0, 0.5), strengths=())
    row = f"{NAME}_skip"
    found = structure._study(rows_of(own)[row], study, data, row)
    assert found["barrier_chamfer_displaced_0"] == pytest.approx(0, abs=1e-6)
    assert {"barrier_chamfer_displaced_0.5_ci95", "n_unmeasured"} <= found.keys()
    near = data.domain.nearness(form)
    fitted = jax.vmap(forms.entries(form, fits.first).decode)(fits.vectors[:2])
    chamfer = surfaces.chamfer(meshing_of(config), form, data.domain.shapes)(
        fits.rows[:2], fitted
    )
    np.testing.assert_array_equal(near(fitted, fits.rows[:2]), -np.array(chamfer))


def test_a_field_without_a_surface_has_a_chamfer_distance_all_the_same(config, problem):
    data, form, fits = problem
    base = jax.tree.map(np.array, form.base)
    base["output"]["bias"][:] = 1e4  # All of the cube is outside.
    form = form._replace(base=base)
    mesh = surfaces.mesher(meshing_of(config), form)(fits.first)
    assert not len(mesh.faces) and surfaces.surface_measures(mesh, np.ones(2)) == {}
    one = jax.tree.map(lambda x: x[None], fits.first)
    (measured,) = surfaces.chamfer(meshing_of(config), form, data.domain.shapes)(
        [0], one
    )
    (true,) = read(data.domain.shapes, [0], "surface")
    lengths = np.linalg.norm(true[0, : len(true[0]) // 2, :3].astype(float), axis=1)
    expected = np.square(lengths).mean() + np.square(lengths.min())
    assert measured == pytest.approx(expected, rel=1e-6)


def test_a_folder_with_bad_meshes_is_fitted_but_for_them(config, study, tmp_path):
    """What is broken is recorded with its reason; what is odd has a note."""
    data = dataset.load(config)
    folder = tmp_path / "meshes"
    for k, row in enumerate(range(6)):
        kind = folder / ("one", "two")[k % 2]
        kind.mkdir(parents=True, exist_ok=True)
        mesh = read_mesh(data.domain.shapes, row)
        if k == 2:
            mesh = Mesh(mesh.vertices, mesh.faces[1:])
        (kind / f"{k}.ply").write_bytes(formats.encode(mesh, ".ply"))
    whole = (folder / "one" / "0.ply").read_bytes()
    (folder / "one" / "cut.ply").write_bytes(whole[:900])
    (folder / "two" / "empty.obj").write_bytes(b"")
    own = meshes.get_config("tiny")
    own.data.update(path=str(folder), cache=str(tmp_path / "cache"), test=0.34)
    own.fit.update(guess=0, consensus=2, compare=0)
    run = tmp_path / "run"
    (run / "base").mkdir(parents=True)
    shutil.copytree(study / "base" / "folded", run / "base" / "folded")
    found = fit.run(own, str(run))
    assert found["n"] == 8 and found["n_fitted"] == 6
    manifest = store.manifest(run / "fit" / NAME)
    assert set(manifest["skipped"]) == {"one/cut.ply", "two/empty.obj"}
    noted = {i["name"]: i["quality"] for i in manifest["instances"]}
    assert "open" in noted["one/2.ply"]["flags"] and noted["one/0.ply"] == {}


def test_a_normalised_mesh_goes_back_to_where_it_lay():
    corners = np.array([[3.0, 1, 2], [9, 2, 2], [3, 5, 2], [3, 1, 4]])
    mesh = Mesh(corners, np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]]))
    moved, frame = normalise(mesh)
    assert np.abs(moved.vertices).max() == pytest.approx(0.9)
    np.testing.assert_allclose(restore(moved, frame).vertices, corners)


def test_meshes_are_written_where_the_originals_lay(config, study, problem):
    data, form, fits = problem
    folder = export_meshes.run(config, str(study), resolution=24, suffix=".ply", n=3)
    found = sorted(folder.glob("*.ply"))
    assert 0 < len(found) <= 3
    index = files.read_json(folder / "index.json")
    assert sorted(index["meshes"].values()) == [path.name for path in found]
    assert len(index["meshes"]) + len(index["skipped"]) == 3
    path, row = found[0], int(found[0].stem[:5])
    mesh, frame = (
        formats.decode(path.read_bytes(), ".ply"),
        data.domain.shapes.frames[row],
    )
    options = config.copy_and_resolve_references()
    options.mesh.resolution = 24
    (k,) = np.flatnonzero(fits.rows == row)
    adapter = forms.entries(form, fits.first).decode(fits.vectors[k])
    expected = restore(surfaces.mesher(meshing_of(options), form)(adapter), frame)
    assert len(mesh.faces) == len(expected.faces)
    for end in (np.min, np.max):
        here, there = end(mesh.vertices, axis=0), end(expected.vertices, axis=0)
        np.testing.assert_allclose(here, there, atol=1e-4)
    with pytest.raises(ValueError, match="pictures, not shapes"):
        export_meshes.run(digits.get_config("tiny"), str(study.parent / "pictures"))
    with pytest.raises(ValueError, match="choose one of"):
        export_meshes.run(config, str(study), of="base")
