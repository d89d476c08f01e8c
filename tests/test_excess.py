"""The excess of a distance over its floor: 0 for more of the same, paired by draws."""

import numpy as np
import pytest

from wsjax.metrics import excess
from wsjax.metrics.generation import frechet


def rows(n, seed, shift=0.0, scale=1.0):
    return shift + scale * np.random.default_rng(seed).normal(size=(n, 3))


def test_more_of_the_same_has_none_and_what_is_moved_has_its_distance():
    """Of Gaussians with equal covariances the distance is that of the means squared."""
    sets = {"same": rows(900, 2), "moved": rows(900, 3, shift=1.0)}
    out, train = rows(900, 0), rows(900, 1)
    found = excess.draws(out, train, sets, repeats=30)
    assert abs(found.excess("same").mean()) < 0.05
    far, near = (x.mean(axis=0) - out.mean(axis=0) for x in (sets["moved"], train))
    expected = far @ far - near @ near
    assert 2.5 < expected < 3.5
    assert found.excess("moved").mean() == pytest.approx(expected, rel=0.05)
    low, high = excess.interval(found.excess("same"))[1:]
    assert low < 0 < high
    lead = found.lead("same", "moved")
    np.testing.assert_allclose(lead, found.excess("moved") - found.excess("same"))


def test_small_sets_have_no_bias():
    """The distance itself would be far above 0 for 20 rows of 3 numbers."""
    means = [
        excess.draws(
            rows(20, 3 * seed),
            rows(20, 3 * seed + 1),
            {"x": rows(20, 3 * seed + 2)},
            repeats=10,
        )
        .excess("x")
        .mean()
        for seed in range(40)
    ]
    assert abs(np.mean(means)) < 0.15


@pytest.mark.parametrize(("train", "made"), [(900, 40), (40, 900)])
def test_a_larger_set_has_no_advantage(train, made):
    """A distance of few rows is larger, before it is extrapolated."""
    means = [
        excess.draws(
            rows(200, 3 * seed),
            rows(train, 3 * seed + 1),
            {"x": rows(made, 3 * seed + 2)},
            repeats=10,
        )
        .excess("x")
        .mean()
        for seed in range(40)
    ]
    assert abs(np.mean(means)) < 0.03


@pytest.mark.parametrize("spread", [0.8, 1.25])
def test_too_little_variety_has_no_advantage_and_too_much_no_loss(spread):
    """The plain distance of so few rows puts a set of spread 0.8 before real things."""

    def wide(seed, spread=1.0):
        return spread * np.random.default_rng(seed).normal(size=(100, 24))

    found, plain = [], []
    for seed in range(0, 60, 3):
        out, train, x = wide(seed), wide(seed + 1), wide(seed + 2, spread)
        found.append(excess.draws(out, train, {"x": x}).excess("x").mean())
        plain.append(frechet(x, out) - frechet(train, out))
    expected = 24 * (spread - 1) ** 2
    assert np.mean(found) == pytest.approx(expected, rel=0.1)
    assert abs(np.mean(plain) - expected) > 0.5 * expected


def test_a_bias_of_one_over_the_count_goes_exactly():
    def distance_to(reference):
        return lambda x: 3.0 + 7.0 / len(x) - 2.0 / len(reference)

    found = excess.draws(
        rows(30, 0), rows(20, 1), {"a": rows(50, 2)}, distance_to=distance_to
    )
    np.testing.assert_allclose([found.floor, found.distance["a"]], 3.0)


def test_intervals_are_as_wide_as_repeated_studies_scatter():
    """Of sets that are moved: where nothing differs, they are wider than need be."""
    found = [
        excess.draws(
            rows(200, 3 * seed),
            rows(200, 3 * seed + 1),
            {"x": rows(200, 3 * seed + 2, shift=0.5)},
        ).excess("x")
        for seed in range(100)
    ]
    scatter = np.std([x.mean() for x in found])
    assert np.mean([x.std() for x in found]) == pytest.approx(scatter, rel=0.25)


def test_all_sets_meet_the_same_draws():
    x = rows(50, 2)
    found = excess.draws(rows(50, 0), rows(60, 1), {"a": x, "b": x + 5.0}, repeats=4)
    again = excess.draws(rows(50, 0), rows(60, 1), {"a": x, "b": x + 5.0}, repeats=4)
    np.testing.assert_array_equal(found.distance["a"], again.distance["a"])
    np.testing.assert_array_equal(found.floor, again.floor)
    assert len(set(found.distance["a"])) == len(set(found.floor)) == 4


def test_a_draw_is_of_different_halves_of_all_sets():
    seen = []

    def distance_to(reference):
        def distance(x):
            seen.append((reference, x))
            return x.mean() - reference.mean()

        return distance

    sets = {"a": np.arange(5.0)[:, None], "b": np.arange(8.0)[:, None]}
    out, train = np.arange(9.0)[:, None], np.arange(6.0)[:, None]
    found = excess.draws(out, train, sets, distance_to=distance_to, repeats=3)
    halves, whole = seen[:9], seen[9:]
    assert [(len(y), len(x)) for y, x in halves] == 3 * [(4, 3), (4, 2), (4, 4)]
    assert [(len(y), len(x)) for y, x in whole] == [(9, 6), (9, 5), (9, 8)]
    assert all(len(np.unique(x)) == len(x) for pair in halves for x in pair)
    assert len({tuple(y.ravel()) for y, _ in halves}) == 3
    means = np.reshape([x.mean() - y.mean() for y, x in halves], (3, 3))
    expected = means - means.mean(axis=0)
    np.testing.assert_allclose(found.floor - found.floor.mean(), expected[:, 0])
    np.testing.assert_allclose(
        found.distance["b"] - found.distance["b"].mean(), expected[:, 2]
    )


def test_the_floor_keeps_its_name_to_itself():
    x = rows(50, 2)
    found = excess.draws(rows(50, 0), rows(60, 1), {"floor": x}, repeats=2)
    assert list(found.distance) == ["floor"]
    assert not np.allclose(found.excess("floor"), 0)


def test_three_rows_are_too_few():
    with pytest.raises(ValueError, match="4 rows or more, found 3 and 9"):
        excess.draws(rows(9, 0), rows(9, 1), {"x": rows(3, 2)})


def test_the_interval_holds_nineteen_in_twenty():
    found = excess.interval(np.arange(1001.0))
    assert found == (500.0, 25.0, 975.0)
