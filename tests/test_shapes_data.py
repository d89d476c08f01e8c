"""Shapes from folders and drawn, and their cache: sampled once, and only once."""

import io
import os

import numpy as np
import pytest
import trimesh

from wsjax.data import parametric, point_cloud_folder, shape_cache, shapes
from wsjax.data.source import BadInstance
from wsjax.meshes import sampling
from wsjax.meshes.mesh import Mesh, restore
from wsjax.meshes.sampling import Preset

TINY = Preset(near=48, spreads=(0.05,), uniform=16)


def box(half, centre=(0.0, 0.0, 0.0)):
    made = trimesh.creation.box(extents=2 * np.array(half))
    made.apply_translation(centre)
    return made


@pytest.fixture
def meshes(tmp_path):
    """Three boxes of growing height in two classes."""
    folder = tmp_path / "meshes"
    for place, half in [
        ("low/a.ply", (1, 0.2, 1)),
        ("low/b.obj", (1, 0.3, 1)),
        ("tall/c.stl", (0.4, 1, 0.4)),
    ]:
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        box(half, centre=(5, 0, 0)).export(folder / place)
    return folder


@pytest.fixture
def calls(monkeypatch):
    """Counts what is sampled in this process."""
    counted, sample = [], sampling.sample

    def counting(mesh, preset, **options):
        counted.append(mesh)
        return sample(mesh, preset, **options)

    monkeypatch.setattr(sampling, "sample", counting)
    return counted


@pytest.fixture
def load(meshes, tmp_path):
    def load(**options):
        options = {"size": 4, "preset": TINY, "cache": tmp_path / "cache", **options}
        return shapes.load_path(options.pop("path", meshes), **options)

    return load


def test_a_folder_of_meshes_becomes_shapes(load):
    found = load()
    assert found.names == ["low/a.ply", "low/b.obj", "tall/c.stl"]
    assert found.classes == ["low", "tall"]
    assert found.labels.tolist() == [0, 0, 1]
    assert found.labels.dtype == np.int32
    assert (found.size, found.kind, found.clamp) == (4, "sdf", 0.1)
    assert found.skipped == {}
    assert found.quality == [{}, {}, {}]
    points, values, inside = shapes.read(found, [2, 0], "points", "values", "inside")
    assert points.shape == (2, 64, 3)
    assert (np.abs(values) <= 1).all()
    assert points.dtype == values.dtype == np.float32
    # In the frame the tall one is 0.36 x 0.9 x 0.36, the low one 0.9 x 0.18 x 0.9.
    volumes = 8 * np.unpackbits(inside, axis=1).mean(axis=1)
    wanted = [8 * 0.36**2 * 0.9, 8 * 0.9**2 * 0.18]
    np.testing.assert_allclose(volumes, wanted, rtol=0.02)


def test_meshes_come_back_to_where_they_lay(load):
    found = load()
    mesh = restore(shapes.read_mesh(found, 2), found.frames[2])
    np.testing.assert_allclose(mesh.vertices.min(axis=0), [4.6, -1, -0.4], atol=1e-6)
    np.testing.assert_allclose(mesh.vertices.max(axis=0), [5.4, 1, 0.4], atol=1e-6)
    assert mesh.faces.shape == (12, 3)


def test_what_is_in_the_cache_is_not_sampled_again(load, calls):
    first = load()
    assert len(calls) == 3
    again = load()
    assert len(calls) == 3
    assert first.files == again.files
    assert first.frames[1].scale == again.frames[1].scale
    np.testing.assert_array_equal(first.frames[1].centre, again.frames[1].centre)
    for one, other in zip(
        shapes.read(first, [0, 1, 2], *("points", "values", "grid", "surface")),
        shapes.read(again, [0, 1, 2], *("points", "values", "grid", "surface")),
        strict=True,
    ):
        np.testing.assert_array_equal(one, other)


def test_a_killed_run_samples_only_what_is_missing(load, calls):
    found = load()
    with open(found.files[1], "rb") as file:
        written = file.read()
    os.unlink(found.files[1])
    # What a kill leaves: a file half written, under its temporary name.
    with open(f"{found.files[1]}.999.tmp", "wb") as file:
        file.write(written[:1000])
    assert load().files == found.files
    assert len(calls) == 4
    with open(found.files[1], "rb") as file:
        assert file.read() == written


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "member"])
def test_a_damaged_file_is_sampled_again(load, calls, damage):
    found = load()
    with open(found.files[0], "rb") as file:
        written = file.read()
    broken = {
        "cut": written[:-100],
        "flipped": written[:1500] + bytes([written[1500] ^ 1]) + written[1501:],
        "empty": b"",
        "member": _without_grid(written),
    }
    with open(found.files[0], "wb") as file:
        file.write(broken[damage])
    load()
    assert len(calls) == 4
    with open(found.files[0], "rb") as file:
        assert file.read() == written


def _without_grid(written):
    with np.load(io.BytesIO(written)) as arrays:
        kept = {name: arrays[name] for name in arrays.files if name != "grid"}
    file = io.BytesIO()
    np.savez(file, **kept)
    return file.getvalue()


def test_reading_a_damaged_file_names_it(load):
    found = load()
    with open(found.files[1], "wb") as file:
        file.write(b"nothing")
    with pytest.raises(ValueError, match=f"{found.files[1]}: expected the samples"):
        shapes.read(found, [0, 1], "grid")
    os.unlink(found.files[1])
    with pytest.raises(ValueError, match="load the shapes again"):
        shapes.read(found, [1], "grid")


@pytest.mark.parametrize(
    "change",
    [
        {"size": 5},
        {"seed": 1},
        {"preset": TINY._replace(near=64)},
        {"preset": TINY._replace(clamp=0.2)},
        {"preset": TINY._replace(kind="occupancy")},
    ],
)
def test_every_option_is_part_of_the_key(load, calls, change):
    first, other = load(), load(**change)
    assert len(calls) == 6
    assert not set(first.files) & set(other.files)
    assert shapes.fingerprint(first) != shapes.fingerprint(other)


def test_content_and_not_the_name_is_the_key(load, meshes, calls):
    first = load()
    os.rename(meshes / "low/a.ply", meshes / "low/z.ply")
    moved = load()
    assert len(calls) == 3
    assert moved.files == [first.files[1], first.files[0], first.files[2]]
    assert shapes.fingerprint(first) != shapes.fingerprint(moved)
    box((1, 0.4, 1)).export(meshes / "low/z.ply")
    assert load().files[1] not in first.files
    assert len(calls) == 4


def test_samples_depend_on_the_shape_alone(load):
    alone = load(n=1)
    with open(alone.files[0], "rb") as file:
        written = file.read()
    os.unlink(alone.files[0])
    together = load()
    assert together.files[:1] == alone.files
    with open(together.files[0], "rb") as file:
        assert file.read() == written


def test_a_bad_instance_stops_no_other(load, meshes):
    (meshes / "low/bad.ply").write_bytes(b"ply\nnothing")
    (meshes / "tall/gone.off").symlink_to("nowhere")
    found = load()
    assert found.names == ["low/a.ply", "low/b.obj", "tall/c.stl"]
    assert found.labels.tolist() == [0, 0, 1]
    assert set(found.skipped) == {"low/bad.ply", "tall/gone.off"}
    assert all(found.skipped.values())


def test_an_unknown_failure_stops_no_other(load, monkeypatch):
    normalise, seen = shapes.shape_origins.normalise, []

    def failing(mesh):
        seen.append(mesh)
        if len(seen) == 2:
            raise ZeroDivisionError("nobody thought of this")
        return normalise(mesh)

    monkeypatch.setattr(shapes.shape_origins, "normalise", failing)
    found = load()
    assert found.names == ["low/a.ply", "tall/c.stl"]
    assert "nobody thought of this" in found.skipped["low/b.obj"]


def test_a_surface_that_encloses_nothing_is_a_bad_instance(load, monkeypatch):
    signed_distance = sampling.signed_distance

    def without_inside(mesh, points, **options):
        found = signed_distance(mesh, points, **options)
        return np.abs(found) if np.ptp(mesh.vertices[:, 1]) > 1 else found

    monkeypatch.setattr(sampling, "signed_distance", without_inside)
    assert load().skipped == {"tall/c.stl": "its surface encloses nothing"}


def test_what_is_wrong_with_a_mesh_is_said_and_repaired(load, meshes):
    turned = box((1, 0.3, 1), centre=(5, 0, 0))
    turned.invert()
    turned.export(meshes / "low/b.obj")
    found = load()
    assert found.quality[0] == {}
    assert found.quality[1]["flags"] == ["inverted"]
    bits = np.unpackbits(shapes.read(found, [1], "inside")[0])
    np.testing.assert_allclose(8 * bits.mean(), 8 * 0.9**2 * 0.27, rtol=0.02)


def test_a_list_gives_names_and_classes(load, meshes):
    table = meshes / "some.csv"
    table.write_text("file,kind\ntall/c.stl,post\nlow/a.ply,plate\n")
    found = load(labels=table, class_column="kind")
    assert found.names == ["tall/c.stl", "low/a.ply"]
    assert (found.classes, found.labels.tolist()) == (["plate", "post"], [1, 0])


def test_nothing_usable_is_an_error(tmp_path, load):
    with pytest.raises(FileNotFoundError, match="nothing"):
        load(path=tmp_path / "nowhere")
    with pytest.raises(ValueError, match="a data path is required"):
        load(path=None)
    bad = tmp_path / "bad"
    bad.mkdir()
    with pytest.raises(ValueError, match="found none"):
        load(path=bad)
    (bad / "a.ply").write_bytes(b"")
    with pytest.raises(ValueError, match="not one that can be used; the first, a.ply"):
        load(path=bad)


def test_a_cache_that_cannot_be_written_is_one_error(load, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OSError, match="cannot be written.*run the command again"):
        load(cache=tmp_path / "file")


def test_options_are_checked(load):
    for options, words in [
        ({"size": 0}, "size="),
        ({"n": 0}, "n="),
        ({"preset": "huge"}, "unknown preset 'huge'; choose one of"),
        ({"preset": TINY._replace(kind="x")}, "'sdf' or 'occupancy'"),
    ]:
        with pytest.raises(ValueError, match=words):
            load(**options)
    found = load()
    with pytest.raises(ValueError, match="unknown array 'sdf'"):
        shapes.read(found, [0], "sdf")


def test_arrays_of_different_size_do_not_stack(load, meshes):
    trimesh.creation.icosphere(1).export(meshes / "tall/d.ply")
    with pytest.raises(ValueError, match="'vertices' has another size"):
        shapes.read(load(), [2, 3], "vertices")


def test_the_default_cache_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert shape_cache.default_folder() == tmp_path / "wsjax" / "shapes"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert shape_cache.default_folder() == tmp_path / "home/.cache/wsjax/shapes"


def drawn(tmp_path, **options):
    options = {"size": 4, "preset": TINY, "cache": tmp_path / "drawn", **options}
    return shapes.load_parametric(**options)


def test_drawn_categories_take_turns(tmp_path):
    found = drawn(tmp_path, n=12)
    assert found.classes == list(parametric.CATEGORIES)
    assert found.labels.tolist() == [*range(10), 0, 1]
    assert found.names[10] == "airplane/00001"
    mesh = restore(shapes.read_mesh(found, 10), found.frames[10])
    np.testing.assert_allclose(
        mesh.vertices, parametric.make("airplane", 1).vertices, atol=1e-6
    )
    some = drawn(tmp_path, n=4, categories=["sofa", "chair"])
    assert some.classes == ["sofa", "chair"]
    assert some.names == ["sofa/00000", "chair/00000", "sofa/00001", "chair/00001"]
    assert some.files[1] == found.files[4]
    other = drawn(tmp_path, n=4, seed=1)
    assert other.names[0] == "airplane/1000000"
    assert not set(other.files) & set(found.files)
    with pytest.raises(ValueError, match="categories= needs names"):
        drawn(tmp_path, n=2, categories=["spoon"])


def test_a_changed_drawing_is_sampled_again(tmp_path, monkeypatch):
    first = drawn(tmp_path, n=2)
    monkeypatch.setattr(
        parametric,
        "make",
        lambda *_: Mesh(box((1, 1, 1)).vertices, box((1, 1, 1)).faces),
    )
    other = drawn(tmp_path, n=2)
    assert other.files[0] == other.files[1]
    assert other.files[0] not in first.files


def test_several_processes_write_the_same_bytes(tmp_path, monkeypatch):
    one = drawn(tmp_path, n=4, cache=tmp_path / "one")
    monkeypatch.setattr(shape_cache, "FEW", 0)
    many = drawn(tmp_path, n=4, cache=tmp_path / "many")
    assert shapes.fingerprint(one) == shapes.fingerprint(many)
    for mine, theirs in zip(one.files, many.files, strict=True):
        with open(mine, "rb") as first, open(theirs, "rb") as second:
            assert first.read() == second.read()


def cloud():
    points, faces = trimesh.sample.sample_surface(box((1, 0.5, 0.5)), 2000, seed=0)
    return points, box((1, 0.5, 0.5)).face_normals[faces]


def write_cloud(path, points, normals):
    rows = np.concatenate([points, normals], axis=1)
    if path.suffix == ".npz":
        np.savez(path, points=points, normals=normals)
    elif path.suffix == ".npy":
        np.save(path, rows)
    elif path.suffix == ".xyz":
        np.savetxt(path, rows, fmt="%.9g")
    else:
        properties = "".join(f"property float {c}\n" for c in "x y z nx ny nz".split())
        header = f"ply\nformat ascii 1.0\nelement vertex {len(rows)}\n{properties}"
        with path.open("w") as file:
            file.write(f"{header}end_header\n")
            np.savetxt(file, rows, fmt="%.9g")


@pytest.mark.parametrize("suffix", [".npz", ".npy", ".xyz", ".ply"])
def test_every_format_of_clouds_is_decoded(tmp_path, suffix):
    points, normals = cloud()
    write_cloud(tmp_path / f"a{suffix}", points, 3 * normals)
    content = (tmp_path / f"a{suffix}").read_bytes()
    found = point_cloud_folder.decode(content, suffix)
    np.testing.assert_allclose(found, [points, normals], atol=1e-6)
    with pytest.raises(BadInstance):
        point_cloud_folder.decode(content[: len(content) // 2 + 7], suffix)
    with pytest.raises(BadInstance):
        point_cloud_folder.decode(b"", suffix)


def test_a_folder_of_clouds_becomes_shapes(tmp_path, load):
    folder = tmp_path / "clouds"
    folder.mkdir()
    points, normals = cloud()
    write_cloud(folder / "a.ply", points, normals)
    write_cloud(folder / "b.npz", points, -normals)
    write_cloud(folder / "c.npy", points * np.nan, normals)
    write_cloud(folder / "d.npy", points, 0 * normals)
    found = load(path=folder)
    assert found.names == ["a.ply", "b.npz"]
    assert found.labels is None
    assert found.quality == [{}, {"flags": ["inverted"]}]
    assert found.skipped == {
        "c.npy": "6000 numbers are NaN or infinite",
        "d.npy": "2000 normals have length 0",
    }
    bits = np.unpackbits(shapes.read(found, [0, 1], "inside")[0], axis=1)
    np.testing.assert_allclose(8 * bits.mean(axis=1), 8 * 0.9 * 0.45**2, rtol=0.05)
    assert shapes.read_mesh(found, 0).faces.shape == (0, 3)


def test_clouds_in_subfolders_have_classes(tmp_path, load):
    folder = tmp_path / "clouds"
    for name in ("b/one.npy", "a/two.npy", "a/three.npy"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write_cloud(folder / name, *cloud())
    (folder / "a/short.npy").write_bytes(b"\x93NUMPY")
    np.save(folder / "a/points.npy", np.zeros((9, 3)))
    found = load(path=folder)
    assert found.names == ["a/three.npy", "a/two.npy", "b/one.npy"]
    assert (found.labels.tolist(), found.classes) == ([0, 0, 1], ["a", "b"])
    assert "does not decode" in found.skipped["a/short.npy"]
    assert "[M, 6], found [9, 3]" in found.skipped["a/points.npy"]
    write_cloud(folder / "stray.npy", *cloud())
    with pytest.raises(ValueError, match="found both, e.g. stray.npy and a/points.npy"):
        load(path=folder)
