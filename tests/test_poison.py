"""A tenth of bad inputs: each is recorded with its reason and changes no other fit."""

import json

import chex
import jax
import numpy as np
import pytest
from PIL import Image

from configs import digits, images
from experiments import fit
from experiments.domain import representation as forms
from experiments.fitting import engine
from experiments.recipe import dataset, representation
from experiments.recipe.fits import fit_options_of
from tests import runs
from wsjax import store, tree

N = 40
NAN, HUGE = [3, 17], [11, 39]  # Rows of the poisoned file.


@pytest.fixture(scope="module")
def pictures():
    """`[N, 12, 12]` uint8: digits, one black picture and one of checkerboard noise."""
    config = digits.get_config("tiny")
    config.data.n = N
    data = dataset.load(config)
    pixels = np.round(data.domain.shown(data.values(np.arange(N)))[..., 0] * 255)
    pixels[5] = 0
    noise = np.random.default_rng(0).integers(0, 2, (12, 12))
    pixels[6] = 255 * ((np.indices((12, 12)).sum(axis=0) + noise) % 2)
    return pixels.astype(np.uint8)


@pytest.fixture(scope="module")
def compiled():
    """Fits by learning rate: all runs of this file compile them once."""
    made, lifted = {}, engine.lifted

    def once(options, form, data, layout):
        rate = options.learning_rate
        if rate not in made:
            made[rate] = lifted(options, form, data, layout)
        return made[rate]

    return once


@pytest.fixture
def fitted(tmp_path, unbroken, compiled, monkeypatch, capsys):
    """`fitted(name, path)` fits the pictures at a path from one base and start."""
    monkeypatch.setattr(engine, "lifted", compiled)

    def run(name, path, **options):
        folder = runs.begun(unbroken, tmp_path / name)
        config = images.get_config("tiny")
        config.adapter.name = runs.NAME  # That of the base and the start.
        config.data.path = str(path)
        for key, value in options.items():
            config.fit[key] = value
        metrics, place = fit.run(config, str(folder)), folder / "fit" / runs.NAME
        assert not runs.leftovers(folder)
        said = " ".join(capsys.readouterr().out.split())
        return store.manifest(place)["skipped"], store.load(place), metrics, said

    return run


def assert_the_others_are_the_same(poisoned, clean, bad):
    skipped, (weights, instances), metrics, said = poisoned
    _, (expected, wanted), *_ = clean
    assert set(skipped) == set(bad)
    for name, reason in bad.items():
        assert reason in skipped[name]
    assert [i["status"] for i in instances] == [i["status"] for i in wanted]
    assert store.done(instances).sum() > 0.9 * N
    chex.assert_trees_all_equal(weights, expected)
    assert metrics["n_failed"] == len(bad) + np.sum(~store.done(instances))
    assert f"unreadable {len(bad)} -" in said


def test_bad_rows_of_an_npz_leave_the_others_bit_for_bit(tmp_path, pictures, fitted):
    x = pictures.astype(np.float32) / 255
    bad = {i: np.full((12, 12), 0.5, np.float32) for i in NAN + HUGE}
    bad[3][4, 5], bad[17][:] = np.nan, np.inf
    bad[11][0, 0], bad[39][3] = 3e38, -7.0
    both = iter(x)
    mixed = [bad[i] if i in bad else next(both) for i in range(N + len(bad))]
    np.savez(tmp_path / "clean.npz", x=x)
    np.savez(tmp_path / "mixed.npz", x=np.stack(mixed))
    reasons = {
        "3": "1 of 144 pixel values are NaN",
        "17": "144 of 144 pixel values are NaN",
        "11": "values from 0.5 to 3e+38, expected [0, 1]",
        "39": "values from -7 to 0.5, expected [0, 1]",
    }
    clean = fitted("clean", tmp_path / "clean.npz")
    poisoned = fitted("poisoned", tmp_path / "mixed.npz")
    assert_the_others_are_the_same(poisoned, clean, reasons)


def test_bad_files_of_a_folder_leave_the_others_bit_for_bit(tmp_path, pictures, fitted):
    for name in ("clean", "mixed"):
        (tmp_path / name).mkdir()
        for i, picture in enumerate(pictures):
            Image.fromarray(picture).save(tmp_path / name / f"{i:02d}.png")
    png = (tmp_path / "clean" / "07.png").read_bytes()
    (tmp_path / "mixed" / "03b.png").write_bytes(np.random.default_rng(1).bytes(200))
    (tmp_path / "mixed" / "11b.png").write_bytes(png[: len(png) // 2])
    (tmp_path / "mixed" / "17b.png").mkdir()
    (tmp_path / "mixed" / "39b.png").symlink_to(tmp_path / "nowhere.png")
    reasons = {
        "03b.png": "200 bytes that are no picture",
        "11b.png": "does not decode",
        "17b.png": "an empty folder, expected a picture",
        "39b.png": "cannot be opened: No such file",
    }
    clean = fitted("one", tmp_path / "clean")
    poisoned = fitted("other", tmp_path / "mixed")
    assert_the_others_are_the_same(poisoned, clean, reasons)


def test_what_diverges_starts_again_slower_and_what_is_poor_is_marked(
    tmp_path, pictures, fitted
):
    np.savez(tmp_path / "x.npz", x=pictures)
    options = {"learning_rate": {runs.NAME: 800.0}, "slower": 1e-4}
    _, (weights, found), metrics, said = fitted("run", tmp_path / "x.npz", **options)
    retried = [i for i in found if i["rate"] < 1]
    saved = [i for i in retried if i["status"] == store.DONE]
    assert len(saved) > N / 2
    assert metrics["n_retried"] == len(retried)
    assert f"done, after a lower learning rate {len(saved)}" in said
    good = jax.tree.leaves(tree.row(weights, store.done(found)))
    assert all(np.isfinite(leaf).all() for leaf in good)

    floor = float(np.median([i["psnr_db"] for i in saved]))
    options["floor"] = floor
    _, (_, marked), _, said = fitted("marked", tmp_path / "x.npz", **options)
    poor = [i["psnr_db"] is not None and i["psnr_db"] < floor for i in found]
    assert 0 < sum(poor) < N
    assert f"below floor {sum(poor)}" in said
    for low, before, after in zip(poor, found, marked, strict=True):
        assert after["status"].startswith("below floor: " if low else before["status"])
        assert after["psnr_db"] == before["psnr_db"]


class Hand:
    """A fit of values `[n, 1, 1]` that diverges at rates above the value itself."""

    def __init__(self):
        self.calls = []

    def __call__(self, shared, stacked, rate):
        limit = stacked["values"][:, 0, 0]
        self.calls.append(len(limit))
        good = ~(rate > limit) & np.isfinite(limit)
        weights = {"x": np.where(good, limit, np.nan)}
        return weights, np.where(good, 10 * limit, np.nan), good, np.full(len(rate), 7)


def fit_by_hand(limits, **options):
    config = digits.get_config("tiny")
    config.fit.update(options)
    many, stacked = Hand(), {"values": np.array(limits, np.float32).reshape(-1, 1, 1)}
    fits = engine.fit_rows(many, None, stacked, fit_options_of(config))
    data, finite = dataset.load(config), engine.readable(stacked)
    found = [
        engine.instance(data, i, fits, i, finite=finite[i], floor=config.fit.floor)
        for i in range(len(limits))
    ]
    return fits, found, many.calls


def test_each_try_is_for_those_alone_that_diverged_before():
    limits = [2.0, 0.5, 0.1, 0.01, np.nan]
    fits, found, calls = fit_by_hand(limits, retries=2, slower=0.3)
    assert calls == [5, 3, 2]  # Values that are not finite are not tried again.
    assert [i["rate"] for i in found] == pytest.approx([1, 0.3, 0.09, 0.09, 1])
    assert [i["status"] for i in found] == [
        "done",
        "done",
        "done",
        "failed: diverged, last at 0.09 of the learning rate",
        "failed: values that are NaN or infinite",
    ]
    np.testing.assert_array_equal(fits.weights["x"][:3], np.float32(limits[:3]))
    assert [i["psnr_db"] for i in found] == [20, 5, 1, None, None]
    json.dumps(found, allow_nan=False)


def test_the_floor_marks_what_is_below_it():
    _, found, _ = fit_by_hand([2.0, 0.5, np.nan], floor=7.5)
    assert [i["status"] for i in found] == [
        "done",
        "below floor: 5.00 dB, the recipe asks for 7.5",
        "failed: values that are NaN or infinite",
    ]


def test_a_perfect_fit_has_a_finite_quality():
    fits, found, _ = fit_by_hand([2.0])
    fits = fits._replace(quality=np.array([np.inf]))
    config = digits.get_config("tiny")
    entry = engine.instance(dataset.load(config), 0, fits, 0, finite=True, floor=None)
    assert entry["status"] == store.DONE and 100 < entry["psnr_db"] < 1000


def test_bad_values_in_a_chunk_leave_its_other_rows_bit_for_bit(unbroken):
    config = digits.get_config("tiny")
    data = dataset.load(config)
    form = representation.representation_of(config, unbroken, data.shape)
    folder = unbroken / "fit" / runs.NAME
    guess = store.read_shard(store.path_of(folder / "guess", 0)).weights
    shared = form.base, forms.start(folder, form), tree.row(guess, 0)
    options = fit_options_of(config)
    many = engine.lifted(options, form, data, engine.Layout(options.chunk))
    values = data.values(np.arange(19))
    poisoned, bad = values.copy(), np.array([0, 5, 8, 18])
    poisoned[0], poisoned[5, 7], poisoned[8, :, :], poisoned[18] = (
        np.nan,
        np.inf,
        3e38,
        -np.inf,
    )
    clean = engine.fit_rows(many, shared, {"values": values}, options)
    found = engine.fit_rows(many, shared, {"values": poisoned}, options)
    others = np.setdiff1d(np.arange(19), bad)
    assert clean.good.all()
    chex.assert_trees_all_equal(tree.row(found, others), tree.row(clean, others))
    assert not found.good[bad[:3]].any()
    np.testing.assert_allclose(found.rate[bad[:3]], [1, 1, 0.09], rtol=1e-6)
