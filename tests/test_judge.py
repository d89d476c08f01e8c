"""The judge of a tiny recipe, on pictures: its figures and its feature spaces."""

from types import SimpleNamespace

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from configs import digits
from experiments.domain import shapes
from experiments.generator.encoding import Fitted
from experiments.judging import judge, parts, samples, scores, spaces
from experiments.recipe import dataset
from experiments.recipe.evaluation import judging_of
from tests.test_onnx import pooled
from wsjax.metrics import equal_count, features, generation


def recipe():
    return digits.get_config("tiny")


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Threads cost more than they bring on sets this small, most of all if shared."""
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="module")
def data():
    return dataset.load(recipe())


@pytest.fixture(scope="module")
def jury(data):
    """A judge of the pictures themselves: nothing was lost in fitting them."""
    rows = np.arange(len(data.names))
    real = data.domain.shown(data.values(rows))
    vectors = real.reshape(len(real), -1)
    kept = ~np.isin(rows, data.rows("validation"))
    things = rows[kept], data.heldout[kept], vectors[kept], real[kept]
    options = {"part": "test", "lesson": rows[~kept], "n": 20}
    return judge.make(judging_of(recipe()), data, *things, **options)


def made(jury, pictures, n=None, labels=None):
    unasked = np.full(len(pictures), -1)
    vectors = pictures.reshape(len(pictures), -1)
    labels = unasked if labels is None else labels
    return samples.made(jury, n or len(pictures), {}, pictures, vectors, labels)


def test_figures_are_those_of_the_library(jury):
    config, pictures = recipe(), jury.real[:20][:, ::-1]
    found = scores.figures(judging_of(config), jury, made(jury, pictures))
    space, out = jury.features["pixel_pca2"], jury.heldout
    real, ours = space(jury.real), space(pictures)
    options = {"repeats": 2, "seed": config.seed, "rebuilt": real}
    halves = equal_count.at_equal_count(generation.frechet, real, ours, **options)
    options["rebuilt"] = real[~out]
    sets = real[out], ours, real[~out]
    clean = equal_count.against_heldout(generation.frechet, *sets, **options)
    for key, values in (("", halves), ("_test", clean)):
        for end, value in values.items():
            ending = "" if end == "value" else f"_{end}"
            assert found[f"fd_pixel_pca2{key}{ending}"] == pytest.approx(value)
    flat = [x.reshape(len(x), -1) for x in (pictures, jury.real[~out], jury.real[out])]
    ours, unseen = (np.median(generation.nearest(x, flat[1])[0]) for x in flat[::2])
    assert found["novelty_function"] == pytest.approx(ours / unseen)
    assert found["novelty_function"] == found["novelty_weights"]


def test_spaces_learn_from_what_is_in_no_comparison(jury, data):
    rows = data.rows("validation")
    lesson, labels = data.pictures(rows), data.labels[rows]
    known = {picture.tobytes() for picture in jury.real}
    assert not known & {picture.tobytes() for picture in lesson}
    own = features.classifier(lesson, labels)
    axes = features.reduced(own.features, lesson, components=2)
    seen = axes(jury.real[:9])
    assert seen.shape == (9, 2)  # Ten held-out pictures tell of two.
    np.testing.assert_allclose(jury.features["classifier"](jury.real[:9]), seen)
    own = features.pixel_pca(lesson, components=2)(jury.real[:9])
    np.testing.assert_allclose(jury.features["pixel_pca2"](jury.real[:9]), own)
    with pytest.raises(ValueError, match="2 instances or more, found 1; give the data"):
        spaces.by_name(judging_of(recipe()), data, rows[:1], fewest=9)


def test_floors_are_taken_over_for_as_many_samples_only(jury):
    config, pictures = recipe(), jury.real[:12]
    first = scores.figures(judging_of(config), jury, made(jury, pictures))
    planted = {**first, "fd_pixel_pca2_floor": 123.0, "fd_pixel_pca2": 456.0}
    again = scores.figures(judging_of(config), jury, made(jury, pictures), like=planted)
    assert again == {**first, "fd_pixel_pca2_floor": 123.0}
    fewer = scores.figures(
        judging_of(config), jury, made(jury, pictures[:9]), like=planted
    )
    assert fewer["fd_pixel_pca2_floor"] < 123.0


def test_samples_that_are_not_finite_failed_and_are_left_out(jury):
    pictures = jury.real[:12].copy()
    pictures[3, 0, 0] = np.nan
    found = scores.figures(judging_of(recipe()), jury, made(jury, pictures, n=16))
    assert found["n_sampled"] == 11 and found["n_real"] == len(jury.real)
    assert found["failed_fraction"] == pytest.approx(5 / 16)
    good = scores.figures(
        judging_of(recipe()), jury, made(jury, np.delete(pictures, 3, axis=0))
    )
    assert found == {**good, "failed_fraction": found["failed_fraction"]}


def test_a_shape_without_a_surface_failed(jury):
    pictures = jury.real[:12].copy() - 0.5
    pictures[1], pictures[2] = 1.0, -1.0  # All outside, all inside.
    found = scores.figures(
        judging_of(recipe()), jury._replace(whole=shapes._whole), made(jury, pictures)
    )
    assert found["failed_fraction"] == pytest.approx(2 / 12)
    assert found["n_sampled"] == 12


def test_samples_that_were_asked_to_be_something_are_read(jury, data):
    """Training pictures by their true labels; of the wrong ones none is right."""
    train = data.rows("train")[:20]
    pictures, labels = data.pictures(train), data.labels[train]
    right, wrong, some = (
        scores.figures(judging_of(recipe()), jury, made(jury, pictures, labels=asked))
        for asked in (
            labels,
            (labels + 1) % 10,
            np.where(np.arange(len(labels)) < 5, (labels + 1) % 10, -1),
        )
    )
    assert right["class_accuracy"] > 0.9
    assert max(wrong["class_accuracy"], some["class_accuracy"]) < 0.2
    assert "class_accuracy" not in scores.figures(
        judging_of(recipe()), jury, made(jury, pictures)
    )
    seen = jury.reader.probabilities(jury.real[jury.heldout]).argmax(axis=1)
    accuracy = np.mean(jury.reader.classes[seen] == data.labels[data.rows("test")])
    assert right["class_accuracy_floor"] == pytest.approx(accuracy)


def test_spaces_go_by_their_names(data, tmp_path):
    config, rows = recipe(), np.arange(12)
    real, options = data.pictures(rows), {"lesson": rows, "fewest": 48}
    plain = data._replace(labels=None)
    config.evaluate.features = ("random_conv", "classifier")
    config.evaluate.onnx = str(pooled(tmp_path / "mine.onnx", ["n", 3, "h", "w"]))
    config.evaluate.update(onnx_mean=(0.25,), unit=True)
    found = spaces.by_name(judging_of(config), plain, **options)
    assert list(found) == ["random_conv_unit", "mine_unit"]
    lengths = np.linalg.norm(found["mine_unit"](real), axis=1)
    np.testing.assert_allclose(lengths, 1, rtol=1e-5)
    config.evaluate.unit = False
    mine = spaces.by_name(judging_of(config), plain, **options)["mine"](real)
    expected = (real.mean(axis=(1, 2)) - 0.25) * [1.5, 1.0]  # Grey in each channel.
    np.testing.assert_allclose(mine, expected, rtol=1e-4, atol=1e-6)
    config.evaluate.features = ("pixel_pca", "inception")
    with pytest.raises(ValueError, match="'inception'; choose from .* evaluate.onnx"):
        spaces.by_name(judging_of(config), plain, **options)
    config.evaluate.update(features=("classifier",), onnx=None)
    with pytest.raises(ValueError, match="names nothing that these data have"):
        spaces.by_name(judging_of(config), plain, **options)
    assert list(spaces.by_name(judging_of(config), data, **options)) == ["classifier"]


def test_real_things_of_class_minus_one_are_of_a_class_too(jury, data):
    out, kept = jury.heldout, np.union1d(data.rows("train"), data.rows("test"))
    labels = data.labels[kept]
    labels = labels - labels[out][0] - 1
    reader = features.classifier(jury.real[~out], labels[~out])
    options, things = judging_of(recipe()), (jury.real[out], labels[out])
    found = judge.read(options, reader, *things, "_floor")
    guessed = reader.classes[reader.probabilities(things[0]).argmax(axis=1)]
    assert (labels[out] == -1).any() and "class_fraction_min" not in found
    assert found["class_accuracy_floor"] == np.mean(guessed == labels[out])


def judged(values, labels, heldout):
    """A judge of pictures `values` `[N, H, W, C]`, and its figures of ten of them."""
    domain = SimpleNamespace(view="pixels", whole=lambda x: np.ones(len(x), bool))
    data = SimpleNamespace(
        labels=labels,
        rows=lambda part: np.flatnonzero(~heldout),
        domain=domain,
        pictures=values.__getitem__,
    )
    options = judging_of(recipe())._replace(components=32, repeats=2)
    things = np.arange(len(values)), heldout, judge.flat(values), values
    # The last six teach spaces, which need not be judged by others here.
    lesson = {"lesson": np.arange(len(values))[-6:], "n": 10}
    jury = judge.make(options, data, *things, part="test", **lesson)
    return jury, scores.figures(options, jury, made(jury, values[:10]))


@pytest.mark.parametrize("value", [0, None])
def test_one_class_is_judged_without_a_classifier(value):
    """Also of pictures that are all black, on which no novelty is defined."""
    random = np.random.default_rng(0).random((14, 8, 8, 1), np.float32)
    values = random if value is None else np.full_like(random, value)
    heldout = np.arange(14) % 3 == 0
    jury, found = judged(values, np.full(14, 3), heldout)
    # Five held-out pictures tell of one component.
    assert jury.reader is None and "pixel_pca1" in jury.features
    assert not [key for key in found if "class" in key or "confident" in key]
    assert np.isnan(found["novelty_function"]) == (value is not None)
    rest = {k: v for k, v in found.items() if not k.startswith("novelty")}
    assert np.isfinite(list(rest.values())).all()


def test_a_part_with_too_few_fits_is_named():
    fits = Fitted(np.zeros((9, 2)), np.arange(9), np.arange(9) > 7, {})
    parts.check(fits, training=8, heldout=1, name="lora")
    with pytest.raises(ValueError, match=r"fit/lora has 1 held-out fits.*3 or more"):
        parts.check(fits, training=8, heldout=3, name="lora")
    nothing = fits._replace(heldout=np.full(9, True))
    with pytest.raises(ValueError, match=r"fit/lora has 0 training fits"):
        parts.check(nothing, training=1, heldout=1, name="lora")


def test_samples_that_are_nearly_all_not_finite_end_with_the_way_out(jury):
    pictures = np.full_like(jury.real[:9], np.nan)
    pictures[:2] = jury.real[:2]
    with pytest.raises(ValueError, match=r"2 of 9 samples are finite.*sample\.n"):
        scores.figures(judging_of(recipe()), jury, made(jury, pictures))


@pytest.mark.parametrize("block", [1, 7, 1000])
def test_the_nearest_training_instance_is_found_block_by_block(
    jury, data, block, monkeypatch
):
    """The same one as among all at once, with one block in memory."""
    monkeypatch.setattr(judge, "_BLOCK", block)
    train = judge.flat(data.pictures(np.flatnonzero(~data.heldout)))
    queries = judge.flat(jury.rebuilt[jury.heldout])
    distances, places = generation.nearest(queries, train)
    found = judge.nearest(queries, jury.taught())
    np.testing.assert_allclose(found[0], distances, rtol=1e-12)
    np.testing.assert_array_equal(found[1], places)
    sizes = [len(rows) for rows in jury.taught()]
    assert sum(sizes) == len(train) and max(sizes) <= block
