"""The data set of a recipe: what its split and its subsets keep together."""

import numpy as np
import pytest
from PIL import Image

from configs import images, meshes
from experiments.recipe import dataset
from tests.boxes import box
from wsjax.meshes.formats import encode


def of_pictures(path, **options):
    config = images.get_config("tiny")
    config.data.update(path=str(path), **options)
    return dataset.load(config)


@pytest.fixture
def pictures(tmp_path):
    """Forty pictures, of which the last twenty are the first once more."""
    pixels = np.random.default_rng(0).integers(0, 256, (20, 12, 12), np.uint8)
    labels = np.arange(20) % 2
    path = tmp_path / "pictures.npz"
    np.savez(path, x=np.concatenate([pixels, pixels]), y=np.tile(labels, 2))
    return path


def test_copies_of_a_picture_are_held_out_together(pictures):
    data = of_pictures(pictures, test=0.3)
    assert 0 < len(data.rows("test")) <= 12 and len(data.rows("validation"))
    np.testing.assert_array_equal(data.part[:20], data.part[20:])


def test_a_subset_depends_on_the_seed_alone_and_keeps_shares(pictures):
    data = of_pictures(pictures, n=10)
    assert np.bincount(data.labels).tolist() == [5, 5]
    assert data.names == of_pictures(pictures, n=10).names


def test_names_of_classes_outlive_augmented_copies(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (20, 12, 12), np.uint8)
    np.savez(tmp_path / "a.npz", x=pixels, y=np.resize(["cat", "dog"], 20))
    data = of_pictures(tmp_path / "a.npz", augment={"copies": 1, "flip": True})
    assert data.domain.classes == ["cat", "dog"]
    assert len(data.names) > 20


def test_the_range_of_values_is_an_option_of_the_recipe(tmp_path):
    masks = np.random.default_rng(0).integers(0, 2, (20, 12, 12)).astype(np.uint8)
    np.savez(tmp_path / "a.npz", x=masks)
    with pytest.raises(ValueError, match="range="):
        of_pictures(tmp_path / "a.npz")
    data = of_pictures(tmp_path / "a.npz", range=(0, 1))
    assert set(np.unique(data.pictures(np.arange(20)))) == {0.0, 1.0}


@pytest.fixture
def folder(tmp_path):
    """Eight boxes of two classes; the fourth is the first in another format."""
    for i in range(8):
        mesh = box([1.0 + 0.1 * (i % 7), 1.0, 0.5 + 0.05 * i if i != 7 else 0.5])
        name = tmp_path / "meshes" / f"class_{i % 2}" / str(i)
        name.parent.mkdir(parents=True, exist_ok=True)
        suffix = ".obj" if i == 7 else ".ply"
        name.with_suffix(suffix).write_bytes(encode(mesh, suffix))
    return tmp_path / "meshes"


def of_meshes(path, cache, **options):
    config = meshes.get_config("tiny")
    config.data.update(path=str(path), cache=str(cache), **options)
    return dataset.load(config)


def test_copies_of_a_mesh_stay_together(folder, tmp_path):
    places = set()
    for seed in range(6):
        config = meshes.get_config("tiny")
        config.data.update(path=str(folder), cache=str(tmp_path / "cache"), n=None)
        config.data.validation, config.seed = 0.4, seed
        data = dataset.load(config)
        side = dict(zip(data.names, data.part, strict=True))
        places.add(bool(side["class_0/0.ply"]))
        assert side["class_0/0.ply"] == side["class_1/7.obj"]
    assert places == {True, False}


def test_a_subset_of_meshes_keeps_the_shares_of_classes(folder, tmp_path):
    data = of_meshes(folder, tmp_path / "cache", n=4)
    assert np.bincount(data.labels).tolist() == [2, 2]


def test_files_that_are_no_pictures_are_recorded_and_count_as_no_instances(tmp_path):
    generator = np.random.default_rng(0)
    for i in range(8):
        pixels = generator.integers(0, 256, (12, 12), np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{i}.png")
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "torn.png").write_bytes(b"no picture")
    data = of_pictures(tmp_path)
    assert set(data.skipped) == {"*.txt", "torn.png"}
    assert list(data.unreadable) == ["torn.png"]
