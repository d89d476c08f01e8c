"""Feature spaces that are learnt from pictures, and what these need for it."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from threadpoolctl import threadpool_limits

from wsjax.metrics import features, generation


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Threads cost more than they bring on sets this small, most of all if shared."""
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="module")
def digits():
    """Training pictures and labels, then held-out ones, a fifth of all."""
    pictures, labels = load_digits().images / 16, load_digits().target
    rows = np.random.default_rng(0).permutation(len(pictures))
    test, train = np.split(rows, [len(rows) // 5])
    return pictures[train], labels[train], pictures[test], labels[test]


@pytest.fixture(scope="module")
def trained(digits):
    return features.classifier(*digits[:2])


@pytest.mark.parametrize("shape", [(40, 4, 3, 1), (20, 5, 6)])  # Both solvers.
def test_all_pixel_pca_axes_keep_every_distance(shape):
    pictures = np.random.default_rng(0).normal(size=shape)
    most = min(len(pictures) - 1, np.prod(shape[1:]))
    found = features.pixel_pca(pictures, components=int(most))(pictures)
    steps = np.diff(pictures.reshape(len(pictures), -1), axis=0)
    np.testing.assert_allclose(
        np.linalg.norm(np.diff(found, axis=0), axis=1),
        np.linalg.norm(steps, axis=1),
        rtol=1e-4,
    )


def test_pixel_pca_axes_come_in_order_unwhitened_and_repeat(digits):
    pictures = digits[0]
    found = features.pixel_pca(pictures, components=8)(pictures)
    variances = found.var(axis=0)
    assert np.all(np.diff(variances) < 0)
    assert variances[0] > 2 * variances[-1]
    again = features.pixel_pca(pictures, components=8)(pictures[:5])
    np.testing.assert_allclose(again, found[:5], atol=1e-5)


def test_pixel_pca_names_what_was_wrong():
    pictures = np.random.default_rng(0).normal(size=(9, 4, 4))
    with pytest.raises(ValueError, match="32 components .* got 9 and 16"):
        features.pixel_pca(pictures)
    with pytest.raises(ValueError, match=r"\(2, 8, 2\)"):
        features.pixel_pca(pictures, components=2)(np.zeros((2, 8, 2)))


@pytest.mark.parametrize("shape", [(9, 4, 4, 1), (20, 2, 2, 2), (2, 3, 3, 1)])
def test_as_many_components_as_there_may_be(shape):
    pictures = np.random.default_rng(0).normal(size=shape)
    most = features.most_components(pictures)
    assert features.pixel_pca(pictures, components=most)(pictures).shape[1] == most
    with pytest.raises(ValueError, match=f"{most + 1} components need"):
        features.pixel_pca(pictures, components=most + 1)


@pytest.mark.parametrize("n", [5, 20])  # Both solvers.
def test_black_pictures_have_features_all_the_same(n):
    black, labels = np.zeros((n, 3, 3, 1)), np.arange(n) % 2
    np.testing.assert_array_equal(features.pixel_pca(black, components=4)(black), 0)
    chances = features.classifier(black, labels).probabilities(black)
    np.testing.assert_array_equal(chances, chances[:1].repeat(n, axis=0))


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (None, None),
        (np.zeros(4, int), None),
        (np.full(4, -1), None),
        (np.array([0, 1, 0, 1]), [0, 1]),
        (np.array([-1, 7, 1000, 7]), [-1, 7, 1000]),
        (np.array(["cat", "dog", "cat", "dog"]), ["cat", "dog"]),
    ],
)
def test_it_is_known_before_whether_a_classifier_can_be_trained(labels, classes):
    assert features.has_classes(labels) == (classes is not None)
    if classes:
        pictures = np.random.default_rng(0).normal(size=(4, 2, 2))
        trained = features.classifier(pictures, labels)
        np.testing.assert_array_equal(trained.classes, classes)


def test_classifier_reads_digits_it_has_not_seen(digits, trained):
    _, _, pictures, labels = digits
    chances = trained.probabilities(pictures)
    assert (trained.classes[chances.argmax(axis=1)] == labels).mean() > 0.96
    np.testing.assert_allclose(chances.sum(axis=1), 1, rtol=1e-5)


def test_classifier_features_are_the_last_hidden_activations(digits, trained):
    # Log-odds are linear in the last hidden layer, and in nothing before it.
    pictures = digits[2]
    hidden = trained.features(pictures)
    assert hidden.shape == (len(pictures), 64)
    assert hidden.min() == 0
    log_chances = np.log(trained.probabilities(pictures).astype(np.float64) + 1e-30)
    odds = log_chances[:, 1:3] - log_chances[:, :1]
    inputs = np.column_stack([hidden, np.ones(len(hidden))])
    fitted = inputs @ np.linalg.lstsq(inputs, odds)[0]
    np.testing.assert_allclose(fitted, odds, atol=1e-2)


def test_classifier_repeats_with_its_seed():
    pictures = np.random.default_rng(0).normal(size=(30, 2, 2))
    labels = np.where(pictures[:, 0, 0] > 0, "right", "left")
    first, again, other = (
        features.classifier(pictures, labels, seed=s).probabilities(pictures)
        for s in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_classifier_names_what_was_wrong(trained):
    pictures = np.zeros((6, 2, 2))
    with pytest.raises(ValueError, match=r"6 labels, got shape \(5,\)"):
        features.classifier(pictures, np.arange(5))
    with pytest.raises(ValueError, match="two classes"):
        features.classifier(pictures, np.full(6, 3))
    for function in (trained.features, trained.probabilities):
        with pytest.raises(ValueError, match=r"\(6, 2, 2\)"):
            function(pictures)


def test_unit_features_have_length_one_and_their_distance_the_closed_form():
    # Two directions at an angle a, of any lengths: |shift|^2 = 2 - 2 cos a.
    angle = 0.7
    rows = np.outer([1.0, 3.0, 0.5, 7.0], [1.0, 0.0])
    turned = np.outer([2.0, 0.1, 9.0], [np.cos(angle), np.sin(angle)])
    unit = features.unit(lambda pictures: pictures)
    np.testing.assert_allclose(np.linalg.norm(unit(turned), axis=1), 1)
    np.testing.assert_array_equal(unit(np.zeros((1, 2))), [[0, 0]])
    found = generation.frechet(unit(rows), unit(turned))
    assert found == pytest.approx(2 - 2 * np.cos(angle))
    assert generation.frechet(rows, turned) > 2 * found


@pytest.mark.parametrize(("rows", "kept"), [(200, 5), (16, 5), (3, 3)])
def test_of_more_features_than_are_wanted_the_main_axes_are_left(rows, kept):
    spread = np.array([9.0, 7.0, 5.0, 3.0, 2.0, *[0.01] * 15])
    real, new = (
        spread * np.random.default_rng(seed).normal(size=(rows, 20)) for seed in (0, 1)
    )
    space = features.reduced(lambda x: 2.0 * x, real, components=5)
    assert space(new).shape == (rows, kept)
    variance = space(real).var(axis=0).sum()
    largest = np.linalg.eigvalsh(np.cov(2.0 * real.T, bias=True))[-kept:]
    assert variance == pytest.approx(largest.sum(), rel=1e-5)


def test_an_axis_of_rounding_is_not_blown_up():
    """Rows in a plane: what moves them off it by rounding changes no feature."""
    plane = np.linalg.qr(np.random.default_rng(0).normal(size=(9, 9)))[0][:2]
    rows = np.random.default_rng(1).normal(size=(50, 2)) @ plane
    noise = np.random.default_rng(2).normal(size=rows.shape)
    space = features.random_network(rows, components=4)
    moved = space(rows + 1e-7 * noise)
    np.testing.assert_allclose(moved, space(rows), atol=1e-4)
    assert np.abs(space(rows + 0.1 * noise) - space(rows)).max() > 0.1


def test_the_residual_is_the_distance_from_the_subspace_of_the_axes():
    spread = np.array([9.0, 7.0, 0.5, 0.3])
    real = spread * np.random.default_rng(0).normal(size=(60, 4))
    space = features.residual(real, components=2)
    axes = features.pixel_pca(real, components=2)
    rows = real[:5] + 3.0
    centred = rows - real.mean(axis=0)
    expected = np.sqrt(np.square(centred).sum(1) - np.square(axes(rows)).sum(1))
    np.testing.assert_allclose(space(rows)[:, 0], expected, rtol=1e-3)
    assert not features.residual(real, components=4)(rows).any()


def test_few_features_stay_as_they_are():
    def space(x):
        return x[:, ::2] ** 2

    real = np.random.default_rng(0).normal(size=(40, 10))
    assert features.reduced(space, real, components=5) is space
