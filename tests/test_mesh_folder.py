"""Folders of meshes: which files are instances, in what order, of which class."""

import os

import numpy as np
import pytest
import trimesh

from wsjax.data.mesh_folder import open_meshes
from wsjax.data.source import BadInstance
from wsjax.meshes.formats import encode
from wsjax.meshes.mesh import Mesh


def sphere(radius: float) -> Mesh:
    shape = trimesh.creation.icosphere(1, radius)
    return Mesh(np.array(shape.vertices), np.array(shape.faces, np.int64))


def fill(folder, *names):
    """Writes a sphere of radius k + 1 as the k-th name."""
    for k, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        suffix = os.path.splitext(name)[1].lower()
        path.write_bytes(encode(sphere(k + 1), suffix) if suffix else b"notes")
    return folder


def radius(mesh: Mesh) -> float:
    return float(np.linalg.norm(mesh.vertices, axis=1).mean())


def reasons(source) -> dict[str, str]:
    found = {}
    for i, name in enumerate(source.names):
        try:
            source.read(i)
        except BadInstance as error:
            found[name] = str(error)
    return found


def test_flat(tmp_path):
    fill(tmp_path, "b.ply", "a.OBJ", "c.stl", "d.glb", "e.off", ".hidden.ply", "notes")
    (tmp_path / "pictures").mkdir()
    source = open_meshes(tmp_path)
    assert source.names == ["a.OBJ", "b.ply", "c.stl", "d.glb", "e.off"]
    assert source.labels is None and source.classes == []
    assert source.where == str(tmp_path)
    found = [radius(source.read(i)) for i in range(5)]
    np.testing.assert_allclose(found, [2, 1, 3, 4, 5], rtol=1e-6)
    content, suffix = source.content(0)
    assert suffix == ".obj" and content == (tmp_path / "a.OBJ").read_bytes()


def test_classes_in_subfolders_however_deep(tmp_path):
    fill(
        tmp_path,
        "chair/train/x.off",  # As ModelNet.
        "chair/test/y.off",
        "airplane/1a2b/models/model_normalized.obj",  # As ShapeNet.
        "airplane/.cache/z.ply",
        "zebra/z.ply",
        "notes",
        "empty/readme",
    )
    source = open_meshes(tmp_path)
    assert source.names == [
        "airplane/1a2b/models/model_normalized.obj",
        "chair/test/y.off",
        "chair/train/x.off",
        "zebra/z.ply",
    ]
    assert source.classes == ["airplane", "chair", "zebra"]
    np.testing.assert_array_equal(source.labels, [0, 1, 1, 2])
    assert source.labels.dtype == np.int32
    found = [radius(source.read(i)) for i in range(4)]
    np.testing.assert_allclose(found, [3, 2, 1, 5], rtol=1e-6)


def test_n_of_them_have_the_same_classes_in_their_shares(tmp_path):
    fill(tmp_path, "a/1.ply", "a/2.ply", "b/3.ply")
    whole, first = open_meshes(tmp_path), open_meshes(tmp_path, n=2)
    assert set(first.names) < set(whole.names)
    assert first.classes == whole.classes == ["a", "b"]
    np.testing.assert_array_equal(first.labels, [0, 1])
    assert open_meshes(tmp_path, n=9).names == whole.names
    for wrong in (0, -1, 2.0, True):
        with pytest.raises(ValueError, match="n="):
            open_meshes(tmp_path, n=wrong)


def test_limits_are_passed_on(tmp_path):
    fill(tmp_path, "a.ply")
    size = (tmp_path / "a.ply").stat().st_size
    assert not reasons(open_meshes(tmp_path, most_faces=80, most_bytes=size))
    found = reasons(open_meshes(tmp_path, most_faces=79))
    assert found == {"a.ply": "promises 80 faces, expected at most 79"}
    found = reasons(open_meshes(tmp_path, most_bytes=size - 1))
    assert found == {"a.ply": f"{size} bytes, expected at most {size - 1}"}


def test_a_list_names_files_and_classes(tmp_path):
    fill(tmp_path, "s1.ply", "deep/s2.obj", "s3.glb", "unlisted.ply")
    (tmp_path / "index.csv").write_text(
        "\ufeffid,group,class,size\n"
        "s1,animal,Zebra,1\n"
        "deep/s2.obj,thing,Chair,\n"
        'gone.ply,thing,"Chair"\n'
        "s3,animal,Horse,3\n",
        encoding="utf-8",
    )
    source = open_meshes(tmp_path)
    assert source.names == ["s1.ply", "deep/s2.obj", "gone.ply", "s3.glb"]
    assert source.classes == ["Chair", "Horse", "Zebra"]
    np.testing.assert_array_equal(source.labels, [2, 0, 0, 1])
    assert [radius(source.read(i)) for i in (0, 1, 3)] == pytest.approx([1, 2, 3])
    assert list(reasons(source)) == ["gone.ply"]
    groups = open_meshes(tmp_path, class_column="group")
    assert groups.names == source.names and groups.classes == ["animal", "thing"]
    np.testing.assert_array_equal(groups.labels, [0, 1, 1, 0])
    one = open_meshes(tmp_path, n=1)
    assert one.classes == source.classes and len(one.labels) == 1


def test_a_list_elsewhere_and_without_classes(tmp_path):
    fill(tmp_path / "meshes", "a.ply", "b.ply")
    table = tmp_path / "some.csv"
    table.write_text("path,weight\nb.ply,1\n")
    source = open_meshes(tmp_path / "meshes", labels_csv=table)
    assert source.names == ["b.ply"] and source.labels is None
    assert open_meshes(tmp_path / "meshes").names == ["a.ply", "b.ply"]


def test_bad_rows_stop_no_others(tmp_path):
    fill(tmp_path, "a.ply", "b.ply", "c.ply")
    fill(tmp_path.parent, "secret.ply")
    (tmp_path / "notes.txt").write_text("a")
    (tmp_path / "index.csv").write_text(
        "file,label\na.ply,x\na.ply,x\n,x\nb.ply,\n../secret.ply,x\n"
        f"{tmp_path.parent}/secret.ply,x\nnotes.txt,x\nb.ply\nc.ply,y\n"
    )
    source = open_meshes(tmp_path)
    found = reasons(source)
    assert source.names[0] == "a.ply" and source.names[-1] == "c.ply"
    assert list(found) == source.names[1:-1]
    assert found["a.ply (row 3)"] == "listed before"
    assert "no file in column 'file'" in found["row 4"]
    assert "no class in column 'label'" in found["b.ply"]
    assert "leads out of the folder" in found["../secret.ply"]
    assert "leads out" in found[f"{tmp_path.parent}/secret.ply"]
    assert "no mesh file" in found["notes.txt"]
    assert source.classes == ["x", "y"]
    assert source.labels[0] == 0 and source.labels[-1] == 1
    assert source.labels[3] == -1


@pytest.mark.parametrize(
    ("text", "options", "words"),
    [
        ("name,class\na,x\n", {}, ["a column of files", "name, class", "id"]),
        ("id,class\n", {}, ["only a header"]),
        ("", {}, ["a column of files"]),
        ("id,class\na,x\n", {"class_column": "kind"}, ["'kind'", "id, class"]),
        (b"id,class\n\xff\xfe,x\n", {}, ["UTF-8", "save it again"]),
    ],
)
def test_a_list_that_cannot_be_used(tmp_path, text, options, words):
    fill(tmp_path, "a.ply")
    content = text if isinstance(text, bytes) else text.encode()
    (tmp_path / "index.csv").write_bytes(content)
    with pytest.raises(ValueError) as caught:
        open_meshes(tmp_path, **options)
    message = str(caught.value)
    assert "index.csv" in message and "\n" not in message
    for word in words:
        assert word in message


def test_folders_that_cannot_be_used(tmp_path):
    fill(tmp_path, "one/readme", "two/a.ply", "both/a.ply", "both/deep/b.ply")
    with pytest.raises(ValueError, match="found none among 1 entries"):
        open_meshes(tmp_path / "one")
    with pytest.raises(ValueError, match="found both, e.g. 'a.ply' and 'deep/b.ply'"):
        open_meshes(tmp_path / "both")
    with pytest.raises(FileNotFoundError, match="found nothing"):
        open_meshes(tmp_path / "three")
    with pytest.raises(ValueError, match="found a file; .* unpack"):
        open_meshes(tmp_path / "two" / "a.ply")
    with pytest.raises(ValueError, match="class_column= needs a CSV"):
        open_meshes(tmp_path / "two", class_column="x")
    with pytest.raises(FileNotFoundError, match="no.csv"):
        open_meshes(tmp_path / "two", labels_csv=tmp_path / "no.csv")
    with pytest.raises(ValueError, match="found no file"):
        open_meshes(tmp_path / "two", labels_csv=tmp_path)


def test_links_are_followed_wherever_they_lead_but_back(tmp_path):
    fill(tmp_path / "set", "a/1.ply", "b/2.ply")
    fill(tmp_path, "outside/3.ply")
    root = tmp_path / "set"
    (root / "a" / "again.ply").symlink_to("../b/2.ply")
    (root / "a" / "loop").symlink_to("..")
    (root / "a" / "out.ply").symlink_to(tmp_path / "outside" / "3.ply")
    (root / "c").symlink_to(tmp_path / "outside")
    source = open_meshes(root)
    assert source.names == [
        "a/1.ply",
        "a/again.ply",
        "a/loop",
        "a/out.ply",
        "b/2.ply",
        "c/3.ply",
    ]
    assert source.classes == ["a", "b", "c"]
    np.testing.assert_array_equal(source.labels, [0, 0, 0, 0, 1, 2])
    assert radius(source.read(1)) == pytest.approx(2)
    assert reasons(source) == {"a/loop": "a link back to a folder that it lies in"}
    # The folder itself may be reached by a link.
    (tmp_path / "alias").symlink_to(root)
    assert open_meshes(tmp_path / "alias").names == source.names
    assert not reasons(open_meshes(tmp_path / "alias", n=1))
