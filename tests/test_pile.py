"""Pictures beyond a limit of bytes: the same ones, in a file, and never all at once."""

import functools

import chex
import jax
import numpy as np
import pytest
from PIL import Image

from configs import images as recipe
from experiments import fit, train_base
from experiments.domain import pictures
from experiments.fitting import linear, reading
from experiments.recipe import dataset, representation
from tests import runs
from wsjax import checkpoint, files, store
from wsjax.data import images, npz, pile

N, SIDE = 600, 8
FEW = 64 * 4 * SIDE * SIDE  # Bytes of 64 pictures of floats: far below all of them.


def drawn(n=N, channels=1, dtype=np.uint8, seed=0):
    pixels = np.random.default_rng(seed).integers(0, 256, (n, SIDE, SIDE, channels))
    return pixels.astype(dtype) if dtype == np.uint8 else np.float32(pixels / 255)


KINDS = {
    "bytes": [drawn(9)],
    "floats": [drawn(9, dtype=np.float32)],
    "grey before colours": [drawn(4), drawn(5, channels=3)],
    "bytes before floats": [drawn(4, channels=3), drawn(5, dtype=np.float32)],
}


def piled(parts, **options):
    with pile.opened(**options) as (add, array):
        for part in parts:
            for picture in part:
                add(picture)
        return array()


@pytest.mark.parametrize("parts", KINDS.values(), ids=list(KINDS))
def test_a_pile_is_the_same_array_wherever_it_is_kept(tmp_path, parts):
    expected = piled(parts, folder=tmp_path / "none")
    assert not isinstance(expected, np.memmap) and not (tmp_path / "none").exists()
    assert len(expected) == sum(map(len, parts))
    for most in (1, 100, expected.nbytes - 1):
        found = piled(parts, most_bytes=most, folder=tmp_path / "cache")
        assert isinstance(found, np.memmap) and found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)
    kept = piled(parts, most_bytes=expected.nbytes, folder=tmp_path)
    assert not isinstance(kept, np.memmap)


def test_colours_and_types_are_those_of_the_richest_picture():
    grey, colour = KINDS["grey before colours"]
    found = piled([grey, colour], most_bytes=1)
    np.testing.assert_array_equal(found[:4], np.repeat(grey, 3, axis=-1))
    np.testing.assert_array_equal(found[4:], colour)
    whole, floats = KINDS["bytes before floats"]
    found = piled([whole, floats], most_bytes=1)
    np.testing.assert_array_equal(found[:4], whole / np.float32(255))


def test_the_file_has_no_name_and_cannot_be_written_to(tmp_path):
    found = piled(KINDS["bytes"], most_bytes=1, folder=tmp_path)
    assert not list(tmp_path.iterdir())
    with pytest.raises(ValueError, match="read-only"):
        found[0] = 0


def test_a_folder_that_cannot_be_made_is_refused_in_one_line(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OSError, match=r"file: expected room .*cache=") as refused:
        piled(KINDS["bytes"], most_bytes=1, folder=tmp_path / "file")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("kind", ["folder", "npz", "packed npz"])
def test_a_source_is_read_alike_into_memory_and_into_a_file(tmp_path, kind):
    pixels = drawn(300, channels=3)
    pixels[7], pixels[250] = pixels[3], pixels[260]
    if kind == "folder":
        for i, picture in enumerate(pixels):
            Image.fromarray(picture).save(tmp_path / f"{i}.png")
        source = tmp_path
    else:
        source = tmp_path / "x.npz"
        save = np.savez if kind == "npz" else np.savez_compressed
        save(source, x=pixels, y=np.arange(300) % 3)
    held = images.load_path(source, cache=tmp_path / "cache")
    filed = images.load_path(source, most_bytes=999, cache=tmp_path / "cache")
    assert not isinstance(held.pixels, np.memmap)
    assert isinstance(filed.pixels, np.memmap)
    assert images.fingerprint(filed) == images.fingerprint(held)
    assert held.groups[7] == held.groups[3] and held.groups[250] == held.groups[260]
    chex.assert_trees_all_equal(held._replace(pixels=0), filed._replace(pixels=0))


@pytest.mark.parametrize("order", ["C", "F"])
def test_a_large_array_stays_in_its_file(tmp_path, order, monkeypatch):
    """Only a compressed one is unpacked; a damaged one is refused, as ever."""
    pixels, path = np.asarray(drawn(dtype=np.float32), order=order), tmp_path / "x.npz"
    asked = []
    monkeypatch.setattr(
        npz.ranges, "of_array", lambda where, x: asked.append(x) or (0.0, 1.0)
    )
    for save in (np.savez, np.savez_compressed):
        save(path, x=pixels, y=np.arange(N))
        for held in (1, pixels.nbytes + 200):
            source = npz.open_npz(path, held_bytes=held)
            for i in (0, 7, N - 1):
                np.testing.assert_array_equal(source.read(i), pixels[i])
    windows = [isinstance(x, np.memmap) for x in asked]
    assert windows == [True, False, False, False]
    np.savez(path, x=pixels)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match="readable plain array 'x'"):
        npz.open_npz(path, held_bytes=1)


class Counted:
    """Pixels that cannot be read but by an index; remembers the most rows of one."""

    def __init__(self, pixels):
        self.pixels, self.shape, self.dtype = pixels, pixels.shape, pixels.dtype
        self.most = 0

    def __len__(self):
        return len(self.pixels)

    def __getitem__(self, rows):
        found = self.pixels[rows]
        self.most = max(self.most, len(found) if found.ndim == 4 else 1)
        return found


@pytest.fixture
def counted(monkeypatch):
    """The pixels of every data set that is loaded from now on."""
    load, found = images.load_path, []

    @functools.wraps(load)
    def loaded(*args, **options):
        source = load(*args, **options)
        found.append(Counted(source.pixels))
        return source._replace(pixels=found[-1])

    monkeypatch.setattr(images, "load_path", loaded)
    return found


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    path = tmp_path_factory.mktemp("source") / "x.npz"
    np.savez(path, x=drawn())
    return path


def changed(source, tmp_path, **options):
    config = recipe.get_config("tiny")
    config.data.update(path=str(source), size=SIDE, cache=str(tmp_path), **options)
    config.base.rehearsal.episodes, config.adapter.name = 2, "mlora_asym"
    config.base.update(factors=(2,), steps=(20,), batches=(8,), points=(9,))
    config.fit.update(n=40, compare=0)
    config.structure.n = 0
    return config


def test_base_and_fits_are_the_same_bit_for_bit(source, tmp_path, counted):
    found = []
    for name, options in {"held": {}, "filed": {"most_bytes": FEW}}.items():
        config = changed(source, tmp_path, **options)
        folder = tmp_path / name
        for binary in (train_base, fit):
            binary.run(config, str(folder))
        field = representation.network(config, 1).field.init(jax.random.key(0))
        base = checkpoint.restore(folder / "base" / "folded", 0, field)
        weights, _ = store.load(folder / "fit" / "mlora_asym")
        metrics = runs.metrics(folder / "base")
        lines = [
            x["loss_train"] for x in files.read_lines(folder / "base" / "train.jsonl")
        ]
        found.append((base, weights, metrics, lines))
    chex.assert_trees_all_equal(*found)
    held, filed = counted[0], counted[-1]
    assert isinstance(filed.pixels, np.memmap) and held.most > 0.6 * N
    assert max(each.most for each in counted[-2:]) <= pile.AT_ONCE < 0.6 * N


@pytest.mark.parametrize("factor", [1, 2, 4])
def test_pictures_are_shrunk_a_few_at_a_time_with_the_same_result(factor):
    source = images.Images(drawn(37, channels=3), None, ["x"] * 37, {})
    rows = np.random.default_rng(1).permutation(37)
    whole = pictures.domain(source).train_on(rows, factor)
    for at_once in (1, 2, 36):
        watched = Counted(source.pixels)
        most = at_once * 4 * 3 * SIDE**2
        domain = pictures.domain(source._replace(pixels=watched), most_bytes=most)
        chex.assert_trees_all_equal(domain.train_on(rows, factor), whole)
        assert watched.most == at_once


def test_a_lesson_reads_no_more_than_it_may_at_once(source, tmp_path, counted):
    for most_bytes, whole in ((FEW, False), (pile.MOST_BYTES, True)):
        data = dataset.load(changed(source, tmp_path, most_bytes=most_bytes))
        rows = data.rows("train")
        assert counted[-1].most <= pile.AT_ONCE  # For the fingerprint.
        counted[-1].most = 0
        lesson = reading.lesson(data, rows, 1)
        places, values = lesson.read(np.arange(5))
        expected = data.domain.train_on(rows[:5], 1)
        chex.assert_trees_all_equal((places, values), expected)
        assert (lesson.whole is not None) == whole
        assert counted[-1].most == (len(rows) if whole else 5)
    assert lesson.n == len(rows) and lesson.most >= len(rows)


def test_principal_components_are_learnt_from_what_may_be_held(
    source, tmp_path, counted
):
    data = dataset.load(changed(source, tmp_path, most_bytes=FEW))
    counted[-1].most = 0
    found = linear.measure(data, data.rows("validation"), numbers=4)
    assert found["pca_components"] == 4 and counted[-1].most <= 64


def test_copies_of_a_pile_are_those_of_its_pictures(source, tmp_path, counted):
    changes = {"copies": 2, "flip": True, "shift": 1, "colour": 0.1}
    held, filed = (
        dataset.load(changed(source, tmp_path, augment=changes, most_bytes=most))
        for most in (pile.MOST_BYTES, FEW)
    )
    assert len(filed.names) > N and filed.fingerprint == held.fingerprint
    rows = np.arange(len(filed.names))
    np.testing.assert_array_equal(filed.values(rows), held.values(rows))
    assert counted[-1].most <= pile.AT_ONCE
