"""Distances between sets of clouds, and what is read off their matrices."""

import os
import threading
import time

import numpy as np
import pytest

from wsjax.metrics import shape_sets, shapes


def of_means(a, b):
    """A distance that takes points, and is known by hand."""
    return np.linalg.norm(a.mean(axis=0) - b.mean(axis=0))


DISTANCES = {
    "chamfer_squared": shapes.chamfer_squared,
    "chamfer_mean": shapes.chamfer_mean,
    "of_means": of_means,
}


def clouds(n, *, points=12, seed=0):
    """`[N, P, 3]` clouds, each a Gaussian of its own widths."""
    generator = np.random.default_rng(seed)
    widths = generator.uniform(0.2, 1.0, size=(n, 1, 3))
    return widths * generator.normal(size=(n, points, 3))


def squares(n, m, *, seed=0):
    """Distances `[N, N]`, `[N, M]`, `[M, M]` of random numbers of one distribution."""
    x, y = np.split(np.random.default_rng(seed).normal(size=n + m), [n])
    return [np.abs(a[:, None] - b[None]) for a, b in ((x, x), (x, y), (y, y))]


@pytest.mark.parametrize("name", DISTANCES)
def test_distances_are_those_of_each_pair(name):
    x, y, distance = clouds(4), clouds(3, seed=1), DISTANCES[name]
    found = shape_sets.distances(x, y, distance=distance)
    np.testing.assert_array_equal(found, [[distance(a, b) for b in y] for a in x])


@pytest.mark.parametrize("name", DISTANCES)
def test_a_set_measured_within_itself_is_as_if_it_were_another(name):
    x, distance = clouds(5), DISTANCES[name]
    found = shape_sets.distances(x, x, distance=distance)
    np.testing.assert_array_equal(found, found.T)
    other = shape_sets.distances(x, x.copy(), distance=distance)
    np.testing.assert_allclose(found, other, rtol=1e-12)


def test_a_set_measured_within_itself_measures_each_pair_once():
    x, calls = clouds(5), []

    def counted(a, b):
        calls.append(1)
        return shapes.chamfer_mean(a, b)

    shape_sets.distances(x, x, distance=counted)
    assert len(calls) == 5 * 4 / 2


def test_any_distance_is_given_points_and_one_cloud_is_enough():
    x = clouds(1)
    shifted = x + np.array([0.0, 3.0, 4.0])
    found = shape_sets.distances(x, shifted, distance=of_means)
    np.testing.assert_allclose(found, [[5.0]])
    assert np.array_equal(shape_sets.distances(x, x, distance=of_means), [[0.0]])


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs Linux")
def test_no_more_threads_work_than_this_process_may_use():
    threads, before = set(), os.sched_getaffinity(0)

    def slow(a, b):
        threads.add(threading.get_ident())
        time.sleep(0.01)  # So that a second thread would have started by now.
        return 0.0

    os.sched_setaffinity(0, {min(before)})
    try:
        shape_sets.distances(clouds(4), clouds(2), distance=slow)
    finally:
        os.sched_setaffinity(0, before)
    assert len(threads) == 1


def test_clouds_of_one_set_may_differ_in_count():
    x = [clouds(1, points=n)[0] for n in (3, 9)]
    found = shape_sets.distances(x, x)
    np.testing.assert_array_equal(found[0, 1], shapes.chamfer_squared(*x))


def test_an_empty_set_and_a_bad_cloud_are_refused():
    with pytest.raises(ValueError, match="got an empty set"):
        shape_sets.distances(clouds(2), np.zeros((0, 12, 3)))
    for distance in DISTANCES.values():
        with pytest.raises(ValueError, match="finite; leave out failed shapes"):
            shape_sets.distances(clouds(2), np.nan * clouds(2), distance=distance)


def test_standard_clouds_have_no_place_and_no_size():
    cloud = clouds(1, points=500)[0]
    cloud -= cloud.mean(axis=0)
    found = shape_sets.standardise(cloud)
    elsewhere = shape_sets.standardise(cloud + np.array([1.0, 2.0, 3.0]))
    np.testing.assert_allclose(elsewhere.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(np.sum(found**2), 3 * 500 - 1)
    # One ratio for the three axes: what is long stays long.
    np.testing.assert_allclose(found / cloud, (found / cloud)[0, 0])
    moved = 7.0 * cloud + 3.0  # By as much along each axis.
    np.testing.assert_allclose(shape_sets.standardise(moved), found)
    with pytest.raises(ValueError, match="all equal has no size"):
        shape_sets.standardise(np.full((5, 3), 2.0))


def test_mmd_and_cov_of_a_matrix_by_hand():
    d = np.array([[1.0, 5.0, 6.0], [2.0, 9.0, 3.0]])  # Two samples, three references.
    assert shape_sets.minimum_matching_distance(d) == (1 + 5 + 3) / 3
    assert shape_sets.coverage(d) == 1 / 3  # Both samples are nearest to the first.
    assert shape_sets.coverage(d[:, 1:]) == 2 / 2
    assert shape_sets.coverage(d.T) == 2 / 2


def test_the_references_themselves_are_perfect_samples():
    x = clouds(6)
    d = shape_sets.distances(x[::-1], x)
    assert shape_sets.minimum_matching_distance(d) == 0
    assert shape_sets.coverage(d) == 1


def test_a_collapsed_generator_covers_one_reference_alone():
    x = clouds(6)
    collapsed = np.repeat(x[2:3] + 1e-3, 6, axis=0)
    d = shape_sets.distances(collapsed, x)
    assert shape_sets.coverage(d) == 1 / 6
    # What it costs: each reference is matched by the one shape there is.
    expected = np.mean([shapes.chamfer_squared(collapsed[0], y) for y in x])
    np.testing.assert_allclose(shape_sets.minimum_matching_distance(d), expected)


@pytest.mark.parametrize(
    "bad", [np.zeros((0, 3)), np.zeros(3), np.full((2, 2), np.nan)]
)
def test_what_is_no_matrix_of_distances_is_refused(bad):
    for measure in (shape_sets.minimum_matching_distance, shape_sets.coverage):
        with pytest.raises(ValueError, match="distances"):
            measure(bad)


def brute_accuracy(within_x, between, within_y):
    """Each thing of the union asks its nearest other thing where it is from."""
    union = np.block([[within_x, between], [between.T, within_y]])
    label = np.repeat([0, 1], between.shape)
    right = []
    for i, row in enumerate(union):
        others = np.delete(np.arange(len(row)), i)
        nearest = others[row[others] == row[others].min()]
        same = set(label[nearest] == label[i])
        right.append(0.5 if len(same) == 2 else float(same.pop()))
    return np.mean(right)


@pytest.mark.parametrize(("n", "m", "seed"), [(5, 5, 0), (4, 9, 1), (2, 3, 2)])
def test_one_nn_accuracy_is_that_of_brute_force(n, m, seed):
    parts = squares(n, m, seed=seed)
    np.testing.assert_allclose(
        shape_sets.one_nn_accuracy(*parts), brute_accuracy(*parts)
    )
    rounded = [np.round(2 * d) for d in parts]  # Full of ties.
    found = shape_sets.one_nn_accuracy(*rounded)
    np.testing.assert_allclose(found, brute_accuracy(*rounded))


def test_the_order_of_the_sets_does_not_matter_even_with_ties():
    for seed in range(5):
        x, between, y = (np.round(2 * d) for d in squares(6, 8, seed=seed))
        found = shape_sets.one_nn_accuracy(x, between, y)
        assert found == shape_sets.one_nn_accuracy(y, between.T, x)


def test_one_distribution_gives_one_half_on_average():
    found = [shape_sets.one_nn_accuracy(*squares(100, 100, seed=i)) for i in range(60)]
    # 60 times 200 flips; one's own set is smaller by the one that asks.
    np.testing.assert_allclose(np.mean(found), 99 / 199, atol=4 * 0.5 / np.sqrt(12_000))


def test_two_halves_of_one_set_of_clouds_are_hard_to_tell_apart():
    x = clouds(160, points=6)
    found = shape_sets.compare(x[:80], x[80:])["one_nna_cd"]
    assert abs(found - 0.5) < 3 * 0.5 / np.sqrt(160)


def test_sets_that_lie_apart_are_told_apart_and_copies_are_given_away():
    x = clouds(5)
    assert shape_sets.compare(x, x + 50.0)["one_nna_cd"] == 1
    assert shape_sets.compare(x, x.copy())["one_nna_cd"] == 0
    # A nearest neighbour that is as near in both sets says nothing.
    equal = np.ones((4, 4))
    assert shape_sets.one_nn_accuracy(equal, equal, equal) == 0.5


@pytest.mark.parametrize(
    "shapes_of",
    [[(3, 3), (3, 4), (3, 3)], [(4, 4), (3, 4), (4, 4)], [(1, 1), (1, 4), (4, 4)]],
)
def test_matrices_that_do_not_fit_are_refused(shapes_of):
    with pytest.raises(ValueError, match=r"\[N, N\], \[N, M\] and \[M, M\]"):
        shape_sets.one_nn_accuracy(*map(np.ones, shapes_of))


def test_compare_is_its_parts_on_the_first_samples():
    samples, references = clouds(7), clouds(5, seed=1)
    within = shape_sets.distances(references, references)
    d = shape_sets.distances(samples[:5], references)
    own = shape_sets.distances(samples[:5], samples[:5])
    expected = {
        "mmd_cd": shape_sets.minimum_matching_distance(d),
        "cov_cd": shape_sets.coverage(d),
        "one_nna_cd": shape_sets.one_nn_accuracy(own, d, within),
    }
    assert shape_sets.compare(samples, references) == expected
    shared = shape_sets.compare(samples, references, within_references=within)
    assert shared == expected
    far = within + 100.0  # It is used: no reference is near to another now.
    found = shape_sets.compare(samples, references, within_references=far)
    assert found["one_nna_cd"] < expected["one_nna_cd"]


def test_compare_names_another_distance():
    samples, references, other = clouds(3), clouds(3, seed=1), shapes.chamfer_mean
    found = shape_sets.compare(samples, references, distance=other, name="mean")
    assert list(found) == ["mmd_mean", "cov_mean", "one_nna_mean"]
    d = shape_sets.distances(samples, references, distance=other)
    assert found["mmd_mean"] == shape_sets.minimum_matching_distance(d)


def test_compare_refuses_fewer_samples_than_references():
    with pytest.raises(ValueError, match="got 3 samples for 5 references"):
        shape_sets.compare(clouds(3), clouds(5))
