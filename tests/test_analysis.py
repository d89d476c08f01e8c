import jax
import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from wsjax.analysis import dimension, probes, trivial

N, CLASSES = 240, 3
KEYS = {"one_nn_accuracy", "logistic_accuracy", "kmeans_ari"}


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Threads cost more than they bring on sets this small, most of all if shared."""
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="module")
def planted():
    """Three tight classes in eight dimensions, and a fixed split."""
    generator = np.random.default_rng(0)
    labels = generator.integers(CLASSES, size=N)
    rows = 5 * np.eye(CLASSES, 8)[labels] + 0.5 * generator.normal(size=(N, 8))
    return rows, labels, np.arange(N) % 4 == 0


@pytest.mark.parametrize("standardise", [True, False])
def test_probes_find_planted_classes(planted, standardise):
    found = probes.probe(*planted, standardise=standardise)
    assert set(found) == KEYS
    assert all(value > 0.95 for value in found.values())


def test_probes_find_nothing_in_shuffled_labels(planted):
    rows, labels, heldout = planted
    shuffled = np.random.default_rng(1).permutation(labels)
    found = probes.probe(rows, shuffled, heldout)
    # Four standard errors of 60 held-out guesses.
    chance, margin = 1 / CLASSES, 4 * np.sqrt(2 / 9 / heldout.sum())
    assert abs(found["one_nn_accuracy"] - chance) < margin
    assert abs(found["logistic_accuracy"] - chance) < margin
    assert abs(found["kmeans_ari"]) < 0.05


def test_heldout_labels_are_never_learnt_from(planted):
    rows, labels, heldout = planted
    spoilt = np.where(heldout, (labels + 1) % CLASSES, labels)
    assert probes.one_nn_accuracy(rows, spoilt, heldout) < 0.05
    assert probes.logistic_accuracy(rows, spoilt, heldout) < 0.05


def test_cosine_does_not_see_the_length_of_a_row_and_euclidean_does(planted):
    rows, labels, heldout = planted
    rows, heldout = rows[labels < 2], heldout[labels < 2]
    labels = labels[labels < 2]
    # One direction per class, and held-out rows as long as rows of the other class.
    long = (labels == 1) ^ heldout
    rows = rows * np.where(long, 100.0, 0.01)[:, None]
    found = {
        metric: probes.one_nn_accuracy(
            rows, labels, heldout, metric=metric, standardise=False
        )
        for metric in ("cosine", "euclidean")
    }
    assert found["cosine"] > 0.95
    assert found["euclidean"] < 0.8


def test_standardised_probes_do_not_see_the_scale_of_a_column(planted):
    rows, labels, heldout = planted
    rescaled = 1000 * rows * np.array([1, 1, 1, 1, 1, 1, 1, 1e3]) + 7
    expected = probes.probe(rows, labels, heldout)
    assert probes.probe(rescaled, labels, heldout) == pytest.approx(expected)
    for standardise in (True, False):  # Raw distances see the widest column alone.
        clusters = probes.kmeans_ari(rescaled, labels, standardise=standardise)
        neighbours = probes.one_nn_accuracy(
            rescaled, labels, heldout, metric="euclidean", standardise=standardise
        )
        assert (clusters > 0.9) == (neighbours > 0.9) == standardise


@pytest.mark.parametrize("reader", ["one_nn_accuracy", "logistic_accuracy"])
@pytest.mark.parametrize(
    ("labels", "heldout", "wrong"),
    [
        (np.arange(5) % 2, np.arange(6) < 2, r"6 rows, labels \(5,\)"),
        (np.ones(6), np.arange(6) < 2, "two classes or more"),
        (np.arange(6) % 2, np.arange(6) < 0, "selects nothing"),
        (np.arange(6) % 2, np.arange(6) < 6, "selects everything"),
        (np.arange(6) % 2, np.arange(6), "6 booleans"),
        (np.arange(6) % 2, np.arange(5) < 2, r"shape \(5,\)"),
        (np.arange(6) // 3, np.arange(6) < 3, "only one class"),
    ],
)
def test_readers_name_what_was_wrong(reader, labels, heldout, wrong):
    with pytest.raises(ValueError, match=wrong):
        getattr(probes, reader)(np.eye(6), labels, heldout)


def test_other_probes_name_what_was_wrong(planted):
    rows, labels, heldout = planted
    with pytest.raises(ValueError, match="two classes"):
        probes.kmeans_ari(rows, np.zeros(N))
    with pytest.raises(ValueError, match=r"labels \(239,\)"):
        probes.kmeans_ari(rows, labels[1:])
    with pytest.raises(ValueError, match="'manhattan'"):
        probes.one_nn_accuracy(rows, labels, heldout, metric="manhattan")
    with pytest.raises(ValueError, match=r"got shape \(240, 2, 4\)"):
        probes.kmeans_ari(rows.reshape(N, 2, 4), labels)
    with pytest.raises(ValueError, match="got 3"):
        probes.tsne(rows[:3])


def test_tsne_keeps_planted_classes_apart_and_repeats(planted):
    rows, labels, heldout = (x[:60] for x in planted)
    plane = probes.tsne(rows, seed=3)
    assert plane.shape == (60, 2)
    assert probes.one_nn_accuracy(plane, labels, heldout, metric="euclidean") > 0.95
    np.testing.assert_array_equal(probes.tsne(rows, seed=3), plane)


@pytest.mark.parametrize(("n", "width"), [(4, 8), (9, 8), (9, 1)])
def test_tsne_maps_few_rows_and_single_columns(planted, n, width):
    plane = probes.tsne(planted[0][:n, :width])
    assert plane.shape == (n, 2)
    assert np.isfinite(plane).all()


@pytest.mark.parametrize("dimensions", [1, 7, 12])
@pytest.mark.parametrize("shape", [(60, 20), (15, 90)])
def test_components_for_finds_the_planted_dimension(dimensions, shape):
    generator = np.random.default_rng(0)
    rows = generator.normal(size=(shape[0], dimensions))
    axes = generator.normal(size=(dimensions, shape[1]))
    assert dimension.components_for(rows @ axes + 3, share=1.0) == dimensions


def test_components_for_counts_shares_of_variance_and_not_of_deviation():
    # Orthogonal axes with variances 6 : 3 : 1 about a far mean.
    signs = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
    rows = signs * np.sqrt([6, 3, 1]) + 50
    shares = (0.59, 0.61, 0.89, 0.91, 1.0)
    counts = [dimension.components_for(rows, share=share) for share in shares]
    assert counts == [1, 2, 2, 3, 3]


def test_components_for_equal_rows_is_zero():
    assert dimension.components_for(np.full((7, 3), 0.1)) == 0
    assert dimension.components_for(np.ones((1, 3))) == 0


def test_gaussian_samples_have_the_mean_and_covariance_of_the_rows():
    generator = np.random.default_rng(0)
    rows = generator.normal(size=(30, 3)) @ generator.normal(size=(3, 4)) + 10
    draws = trivial.gaussian_samples(jax.random.key(0), rows, n=50_000)
    assert draws.shape == (50_000, 4)
    np.testing.assert_allclose(draws.mean(axis=0), rows.mean(axis=0), atol=0.05)
    expected = np.cov(rows, rowvar=False)
    assert np.abs(np.cov(draws, rowvar=False) - expected).max() < 0.03 * expected.max()
    assert dimension.components_for(draws, share=1.0) == 3


@pytest.mark.parametrize("n", [3, 5, 12, 20])
def test_no_row_comes_again_before_all_have_come(n):
    rows = trivial.even_rows(jax.random.key(0), 5, n=n)
    counts = np.bincount(rows, minlength=5)
    assert len(rows) == n and np.ptp(counts) <= 1
    others = trivial.even_rows(jax.random.key(1), 5, n=n)
    assert not np.array_equal(rows, others)
    if n > 5:  # Every round has an order of its own.
        assert not np.array_equal(rows[:5], rows[5 : min(n, 10)])


def test_average_two_is_the_mean_of_two_different_rows():
    powers = 2.0 ** np.arange(5)[:, None]  # Every pair has its own sum.
    pairs = {a + b for a in powers[:, 0] for b in powers[:, 0] if a != b}
    draws = trivial.average_two(jax.random.key(0), powers, n=400)
    assert draws.shape == (400, 1)
    assert set(2 * draws[:, 0]) == pairs
    few = trivial.average_two(jax.random.key(0), powers, n=5)  # Each row is a first.
    assert few.sum() > powers.sum() / 2


def test_add_noise_is_rows_plus_noise_of_the_asked_deviation():
    rows = np.array([[0.0, 0.0, 5.0], [1000.0, 2.0, 5.0]])
    still = trivial.add_noise(jax.random.key(0), rows, n=50, scale=0.0)
    for row in rows:
        assert (still == row).all(axis=1).sum() == 25
    noisy = trivial.add_noise(jax.random.key(0), rows, n=4000, scale=0.1)
    noise = noisy - rows[(noisy[:, 0] > 500).astype(int)]
    np.testing.assert_allclose(noise.std(axis=0), [50, 0.1, 0], rtol=0.05)


@pytest.mark.parametrize("name", ["gaussian_samples", "average_two", "add_noise"])
def test_trivial_generators_follow_their_key_and_need_two_rows(name):
    options = {"n": 6, "scale": 0.5} if name == "add_noise" else {"n": 6}
    generate, rows = (
        getattr(trivial, name),
        np.random.default_rng(0).normal(size=(9, 2)),
    )
    first, again, other = (
        generate(jax.random.key(seed), rows, **options) for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    with pytest.raises(ValueError, match=r"2 rows or more, got shape \(1, 2\)"):
        generate(jax.random.key(0), rows[:1], **options)


def test_components_for_names_what_was_wrong():
    with pytest.raises(ValueError, match="got 90"):
        dimension.components_for(np.eye(3), share=90)
    with pytest.raises(ValueError, match=r"got shape \(3,\)"):
        dimension.components_for(np.ones(3))
