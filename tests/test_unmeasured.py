"""A shape that cannot be measured is left out with its reason, and stops no other."""

import jax
import numpy as np
import pytest
import trimesh

from configs import meshes
from experiments.domain import clouds, surfaces
from experiments.domain.representation import Representation
from experiments.judging import linear_mode
from experiments.page import comparison
from experiments.recipe import dataset, representation
from experiments.recipe.dataset import meshing_of
from wsjax import adapters, files
from wsjax.analysis.interval import interval
from wsjax.meshes import formats
from wsjax.meshes.mesh import Mesh

NAMES = ("ball.ply", "box.ply", "wire.ply")


def wire(width: float = 2e-3):
    """The twelve edges of a cube, each a closed bar of no width to speak of."""
    bars = []
    for axis in range(3):
        for a in (-0.9, 0.9):
            for b in (-0.9, 0.9):
                size, middle = np.full(3, width), np.zeros(3)
                size[axis], middle[(axis + 1) % 3], middle[(axis + 2) % 3] = 1.8, a, b
                place = trimesh.transformations.translation_matrix(middle)
                bars.append(trimesh.creation.box(size, place))
    return trimesh.util.concatenate(bars)


@pytest.fixture(scope="module")
def problem(tmp_path_factory):
    """Recipe, data with a wire frame, and a field that is above 0 everywhere."""
    folder = tmp_path_factory.mktemp("meshes")
    made = (trimesh.creation.icosphere(subdivisions=2), trimesh.creation.box(), wire())
    for name, mesh in zip(NAMES, made, strict=True):
        mesh = Mesh(np.asarray(mesh.vertices, float), np.asarray(mesh.faces, np.int64))
        (folder / name).write_bytes(formats.encode(mesh, ".ply"))
    config = meshes.get_config("tiny")
    config.data.update(
        path=str(folder), cache=str(folder / "cache"), test=0.4, preset="compact"
    )
    data = dataset.load(config)
    assert data.names == list(NAMES), data.skipped
    field = representation.network(config, 1).field
    base = jax.tree.map(np.array, field.init(jax.random.key(0)))
    base["output"]["bias"][:] = 1e4
    adapter = adapters.by_name("lora", rank=1)
    form = Representation("lora", field, adapter, base, {}, standalone=False)
    start = adapter.init(jax.random.key(1), base)
    stacked = jax.tree.map(lambda x: np.stack([x] * len(data.names)), start)
    return config, data, form, stacked


def test_a_wire_frame_is_left_out_of_the_overlap_and_the_others_are_measured(problem):
    _, data, form, stacked = problem
    rows = np.arange(len(data.names))
    measured = data.domain.fidelity(form)(rows, stacked)
    by_name = dict(zip(data.names, measured, strict=True))
    assert by_name["ball.ply"] == by_name["box.ply"] == {"iou": 0.0}
    reason = by_name["wire.ply"].pop("unmeasured")
    assert by_name["wire.ply"] == {} and "lies inside either shape" in reason
    assert surfaces.means(measured) == {"iou_mean": 0.0}
    assert [comparison.flat(i) for i in by_name.values()] == [True, True, False]


def test_each_measure_fails_alone():
    def broken():
        raise ValueError("no\n  way")

    measured = surfaces.gathered(
        {"a": broken, "b": lambda: 1.23456789, "c": lambda: np.nan}
    )
    assert measured == {"b": 1.23457, "unmeasured": "a: no way; c: nan is no number"}
    with pytest.raises(OSError, match="full"):
        surfaces.attempt(lambda: (_ for _ in ()).throw(OSError("full")))


def failing(stacked, row):
    """Adapters of which one gives values that are not finite."""

    def spoilt(leaf):
        leaf = np.array(leaf)
        leaf[row] = np.nan
        return leaf

    return jax.tree.map(spoilt, stacked)


def test_a_field_without_numbers_has_no_surface_and_stops_no_other(problem, tmp_path):
    _, data, form, stacked = problem
    base = jax.tree.map(np.array, form.base)
    base["output"]["bias"][:] = -1e4  # The whole cube is inside: it has a surface.
    form = form._replace(base=base)
    spoilt = failing(stacked, 1)
    metrics = data.domain.finish(form, tmp_path, spoilt)
    assert metrics["n_empty"] == 1 and metrics["faces_mean"] > 0
    assert len(np.load(tmp_path / "clouds.npy")) == len(data.names) - 1
    written = sorted(path.stem for path in (tmp_path / "meshes").iterdir())
    assert written == ["00000", "00002"]
    assert "finite" in files.read_json(tmp_path / "unmeshed.json")["00001"]
    rows = np.arange(len(data.names))
    distances = data.domain.nearness(form)(spoilt, rows)
    assert np.isnan(distances).tolist() == [False, True, False]
    shown = data.domain.views(form).of_adapters(spoilt)
    assert (shown[1] == 1).all() and shown[0].min() < 1
    measured = data.domain.fidelity(form)(rows, spoilt)
    assert "unmeasured" in measured[1] and "chamfer_squared" in measured[0]


def test_a_cloud_that_is_not_finite_is_no_sample(problem, tmp_path):
    config, data, _, _ = problem
    meshing = meshing_of(config)._replace(references=2)
    source, rows = data.domain.shapes, np.array([0, 1, 2, 0])
    heldout = np.array([True, True, False, False])
    good = clouds._true(source, rows[:2], meshing.points)
    wrong = np.full_like(good[:1], np.nan)
    results = []
    for k, samples in enumerate((good, np.concatenate([good[:1], wrong, good[1:]]))):
        (tmp_path / str(k)).mkdir()
        np.save(tmp_path / str(k) / "clouds.npy", samples)
        place = tmp_path / str(k)
        results.append(clouds.compare(meshing, source, place, rows, heldout))
    assert results[0] == results[1] and results[0]["mmd_cd"] == 0


def test_the_structure_study_means_over_what_could_be_measured():
    barriers = np.arange(9.0).reshape(3, 3)
    barriers[1, 0], barriers[:2, 1], barriers[:, 2] = np.nan, np.nan, np.nan
    found = linear_mode.summary({"barrier": barriers}, ["two", "one", "none"])
    assert found["barrier_two"] == 3 and found["barrier_one"] == 7
    assert (found["barrier_two"], found["barrier_two_ci95"]) == interval([0.0, 6.0])
    assert np.isnan(found["barrier_one_ci95"])
    assert np.isnan([found["barrier_none"], found["barrier_none_ci95"]]).all()
