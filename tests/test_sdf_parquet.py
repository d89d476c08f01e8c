"""Parquet files of samples of signed distance, written here with spheres."""

import os
import sys

import chex
import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from wsjax.data import sdf_parquet, shapes
from wsjax.meshes import sampling
from wsjax.meshes.sampling import Preset

COUNT = 20000
TINY = Preset(near=900, spreads=(0.05,), uniform=300)


def directions(generator):
    found = generator.normal(size=(COUNT, 3))
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def sphere(radius=0.6, seed=0):
    """Columns of one shape, float32 `[COUNT, 4]` each."""
    generator = np.random.default_rng(seed)
    ground = radius * directions(generator)
    near = ground + 0.05 * generator.normal(size=ground.shape)
    uniform = generator.uniform(-1, 1, (COUNT, 3))
    return {
        name: np.c_[points, np.linalg.norm(points, axis=1) - radius].astype(np.float32)
        for name, points in (
            ("groundtruth", ground),
            ("near_surface", near),
            ("uniform", uniform),
        )
    }


def nested(cells):
    return pa.array([cell.tolist() for cell in cells], pa.list_(pa.list_(pa.float32())))


def flat(cells):
    return pa.array([cell.ravel() for cell in cells], pa.list_(pa.float32()))


def fixed(cells):
    numbers = pa.array(np.concatenate(cells).ravel())
    rows = pa.FixedSizeListArray.from_arrays(numbers, 4)
    return pa.FixedSizeListArray.from_arrays(rows, COUNT)


def raw(cells):
    return pa.array([cell.tobytes() for cell in cells])


def write(path, rows, layout=flat, without=(), names=None):
    columns = [name for name in rows[0] if name not in without]
    table = {name: layout([row[name] for row in rows]) for name in columns}
    if "model_id" not in without:
        names = names or [f"m{i}" for i in range(len(rows))]
        table = {"model_id": pa.array(names), **table}
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pa.table(table), path, row_group_size=2)


@pytest.fixture
def load(tmp_path):
    def load(path, **options):
        options = {"size": 8, "preset": TINY, "cache": tmp_path / "cache", **options}
        return shapes.load_path(path, **options)

    return load


@pytest.mark.parametrize("layout", [nested, flat, fixed, raw])
def test_every_layout_gives_the_sphere(tmp_path, load, layout):
    write(tmp_path / "a.parquet", [sphere()], layout)
    found = load(tmp_path / "a.parquet")
    assert found.names == ["m0"]
    assert (found.labels, found.classes, found.skipped) == (None, [], {})
    points, values = shapes.read(found, [0], "points", "values")
    exact = np.linalg.norm(points[0], axis=1) - 0.6
    np.testing.assert_allclose(values[0, :, 0], (exact / 0.1).clip(-1, 1), atol=1e-5)
    # Near points are of two columns, one on the surface and one around it.
    on_it = np.abs(exact) < 1e-6
    assert 300 < on_it.sum() < 600
    assert (np.abs(exact) > 0.2).sum() > 100


def test_what_is_interpolated_is_close_to_the_sphere(tmp_path, load):
    write(tmp_path / "a.parquet", [sphere()])
    found = load(tmp_path / "a.parquet")
    grid, inside, surface = shapes.read(found, [0], "grid", "inside", "surface")
    exact = np.linalg.norm(sampling.grid_points(8), axis=1) - 0.6
    assert np.abs(grid[0, :, 0] - (exact / 0.1).clip(-1, 1)).mean() < 0.05
    bits = np.unpackbits(inside[0])
    wanted = np.linalg.norm(sampling.common_points(), axis=1) < 0.6
    assert np.mean(bits == wanted) > 0.99
    points, normals = np.split(surface[0], 2, axis=1)
    np.testing.assert_allclose(np.linalg.norm(points, axis=1), 0.6, atol=1e-6)
    assert len(np.unique(points, axis=0)) == 2 * sampling.SURFACE
    assert (np.einsum("pi,pi->p", points / 0.6, normals) > 0.98).all()
    assert shapes.read_mesh(found, 0).vertices.shape == (0, 3)


def test_rows_of_all_groups_and_files_are_read_in_order(tmp_path, load):
    radii = [0.3, 0.4, 0.5, 0.6, 0.7]
    write(tmp_path / "data/chair/train-0.parquet", [sphere(r) for r in radii[:3]])
    write(tmp_path / "data/airplane/test-0.parquet", [sphere(r) for r in radii[3:]])
    found = load(tmp_path)
    assert found.names == [
        "airplane/m0",
        "airplane/m1",
        *(f"chair/m{i}" for i in "012"),
    ]
    assert found.classes == ["airplane", "chair"]
    assert found.labels.tolist() == [0, 0, 1, 1, 1]
    (surface,) = shapes.read(found, range(5), "surface")
    sizes = np.linalg.norm(surface[:, 0, :3], axis=1)
    np.testing.assert_allclose(sizes, [0.6, 0.7, 0.3, 0.4, 0.5], atol=1e-6)
    some = load(tmp_path, n=3)  # The classes keep their shares.
    assert set(some.files) < set(found.files)
    assert sorted(some.labels.tolist()) in ([0, 0, 1], [0, 1, 1])


def test_only_what_is_missing_is_decoded(tmp_path, load, monkeypatch):
    write(tmp_path / "a.parquet", [sphere(0.5), sphere(0.6), sphere(0.7)])
    found = load(tmp_path)
    decoded, cell = [], sdf_parquet._cell

    def counting(name, column):
        decoded.append(name)
        return cell(name, column)

    monkeypatch.setattr(sdf_parquet, "_cell", counting)
    assert load(tmp_path).files == found.files
    assert decoded == []
    (tmp_path / "cache" / found.files[1]).unlink()
    again = load(tmp_path)
    assert len(decoded) == 3
    (surface,) = shapes.read(again, [1], "surface")
    np.testing.assert_allclose(
        np.linalg.norm(surface[0, :, :3], axis=1), 0.6, atol=1e-6
    )


def test_distances_that_are_positive_inside_are_turned(tmp_path, load):
    row = {name: cell * np.float32([1, 1, 1, -1]) for name, cell in sphere().items()}
    write(tmp_path / "a.parquet", [row, sphere()])
    found = load(tmp_path)
    assert found.quality == [{"turned": "distances were positive inside"}, {}]
    grids = shapes.read(found, [0, 1], "grid")[0]
    np.testing.assert_array_equal(grids[0], grids[1])


def test_occupancy_takes_no_sign_from_the_surface(tmp_path, load):
    write(tmp_path / "a.parquet", [sphere()])
    found = load(tmp_path, preset=TINY._replace(kind="occupancy"))
    points, values = shapes.read(found, [0], "points", "values")
    exact = np.linalg.norm(points[0], axis=1) - 0.6
    np.testing.assert_array_equal(values[0, :, 0], np.where(exact < 0, -1, 1))
    assert np.abs(exact).min() > 1e-6


def test_a_copied_file_gives_the_same_points(tmp_path, load):
    found = []
    for name, time in (("a", 1e9), ("b", 2e9)):
        file = tmp_path / name / "shapes.parquet"
        file.parent.mkdir()
        write(file, [sphere()])
        os.utime(file, (time, time))
        shapes_of = load(file, cache=tmp_path / name / "cache")
        found.append(shapes.read(shapes_of, [0], "points", "surface"))
    chex.assert_trees_all_equal(*found)


def test_bad_rows_stop_no_other(tmp_path, load):
    rows = [sphere() for _ in range(6)]
    rows[0]["uniform"][3, 1] = np.nan
    rows[1]["groundtruth"] = rows[1]["groundtruth"][:5]
    rows[2]["uniform"] = rows[2]["uniform"] * 3
    rows[3]["uniform"] = rows[3]["uniform"].ravel()[:-1]
    write(tmp_path / "a.parquet", rows)
    found = load(tmp_path)
    assert found.names == ["m4", "m5"]
    assert set(found.skipped) == {"m0", "m1", "m2", "m3"}
    assert "1 of 80000 numbers in uniform are NaN" in found.skipped["m0"]
    assert "in groundtruth, found 20 numbers" in found.skipped["m1"]
    assert "[-1, 1] in uniform, found up to 3" in found.skipped["m2"]


def test_bad_files_stop_no_other(tmp_path, load):
    write(tmp_path / "a.parquet", [sphere()])
    write(tmp_path / "b.parquet", [sphere()], without=["uniform"])
    (tmp_path / "c.parquet").write_bytes(b"PAR1 nothing")
    found = load(tmp_path)
    assert found.names == ["m0"]
    assert (
        "expected columns model_id, groundtruth, uniform" in found.skipped["b.parquet"]
    )
    assert "no usable parquet file" in found.skipped["c.parquet"]


def test_a_file_cut_in_the_middle_loses_only_its_rows(tmp_path, load):
    write(tmp_path / "a.parquet", [sphere(), sphere(0.5), sphere(0.4), sphere(0.3)])
    content = bytearray((tmp_path / "a.parquet").read_bytes())
    content[len(content) // 8 : len(content) // 4] = bytes(
        len(content) // 4 - len(content) // 8
    )
    (tmp_path / "a.parquet").write_bytes(content)
    found = load(tmp_path)
    assert {"m2", "m3"} <= set(found.names)


def test_a_row_without_near_columns_is_enough(tmp_path, load):
    write(tmp_path / "a.parquet", [sphere()], without=["near_surface"])
    found = load(tmp_path)
    (points,) = shapes.read(found, [0], "points")
    on_it = np.abs(np.linalg.norm(points[0], axis=1) - 0.6) < 1e-6
    assert on_it.sum() == TINY.near


def test_without_pyarrow_the_way_to_it_is_named(tmp_path, load, monkeypatch):
    write(tmp_path / "a.parquet", [sphere()])
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(ValueError, match="not installed; run `pip install pyarrow`"):
        load(tmp_path / "a.parquet")


def test_a_file_that_promises_more_than_it_can_hold_is_not_read(tmp_path, load):
    """A million rows of one name and empty cells take a few thousand bytes."""
    write(tmp_path / "a.parquet", [sphere()])
    count = 1_000_000
    empty = pa.array([None] * count, pa.list_(pa.float32()))
    table = {"model_id": pa.array(["m"] * count), "groundtruth": empty}
    parquet.write_table(pa.table({**table, "uniform": empty}), tmp_path / "b.parquet")
    size = (tmp_path / "b.parquet").stat().st_size
    found = load(tmp_path)
    assert found.names == ["m0"]
    assert f"promises {count} rows" in found.skipped["b.parquet"]
    assert f"in {size} bytes" in found.skipped["b.parquet"]
