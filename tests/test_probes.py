"""Probes of rows: which classes they find, and what they never learn from."""

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from wsjax.analysis import probes
from wsjax.analysis.interval import share_interval

N, CLASSES = 240, 3
ACCURACIES = ("one_nn_accuracy", "logistic_accuracy")
ENDS = {f"{name}_ci95" for name in ACCURACIES}
KEYS = {*ACCURACIES, *ENDS, "kmeans_ari"}


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
    assert all(found[name] > 0.95 for name in KEYS - ENDS)
    for name in ACCURACIES:
        half = share_interval(found[name], int(planted[2].sum()))
        assert found[f"{name}_ci95"] == half > 0


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


@pytest.mark.parametrize("reader", [probes.one_nn_accuracy, probes.logistic_accuracy])
def test_heldout_rows_judged_together_are_as_when_judged_alone(planted, reader):
    """Rows that a probe may not learn from do not set the scale of columns either."""
    rows, labels, heldout = (x.copy() for x in planted)
    # Two columns that a scale measured on all rows would squash, and a third that
    # tells nothing and would then count alone.
    rows[:, :CLASSES] *= [1.0, 1.0, 0.0]
    far, near = np.split(np.flatnonzero(heldout), [20])
    rows[far, :2] += [1e4, -1e4]
    right = sum(
        len(some) * reader(rows[kept], labels[kept], heldout[kept])
        for some, kept in (
            (far, ~heldout | np.isin(np.arange(N), far)),
            (near, ~heldout | np.isin(np.arange(N), near)),
        )
    )
    found = reader(rows, labels, heldout)
    assert found * heldout.sum() == pytest.approx(right)
    kept = ~np.isin(np.arange(N), far)
    assert reader(rows[kept], labels[kept], heldout[kept]) > 0.95


def test_labels_may_be_any_numbers_or_words(planted):
    rows, labels, heldout = planted
    expected = probes.probe(rows, labels, heldout)
    for names in ([-1, 7, 1000], [1, 2, 3], ["b", "a", "c"]):
        found = probes.probe(rows, np.array(names)[labels], heldout)
        assert found == pytest.approx(expected)


@pytest.mark.parametrize(
    ("labels", "heldout"),
    [
        (np.arange(6) % 2, np.arange(6) < 2),
        (np.arange(6) % 2 - 1, np.arange(6) < 2),
        (np.full(6, -1), np.arange(6) < 2),
        (np.arange(6) % 2, np.arange(6) < 0),
        (np.arange(6) % 2, np.arange(6) < 6),
        (np.arange(6) // 3, np.arange(6) < 3),
    ],
)
def test_it_is_known_before_whether_a_probe_will_run(labels, heldout):
    rows = np.random.default_rng(0).normal(size=(6, 2))
    if probes.can_probe(labels, heldout):
        assert set(probes.probe(rows, labels, heldout)) == KEYS
    else:
        with pytest.raises(ValueError):
            probes.probe(rows, labels, heldout)
    assert not probes.can_probe(None, heldout)


@pytest.mark.filterwarnings("ignore:Number of distinct clusters")
def test_rows_without_variance_are_probed_and_not_mapped():
    black, labels, heldout = np.zeros((12, 5)), np.arange(12) % 2, np.arange(12) < 4
    for standardise in (True, False):
        found = probes.probe(black, labels, heldout, standardise=standardise)
        assert {found[name] for name in ACCURACIES} == {0.5}
        assert found["kmeans_ari"] == 0
    assert not probes.can_map(black)
    with pytest.raises(ValueError, match="all 12 are equal"):
        probes.tsne(black)
    assert not probes.can_map(np.eye(3)) and probes.can_map(np.eye(4))


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
