"""The excess of a distance over its floor: 0 for more of the same, paired by draws."""

import numpy as np
import pytest

from wsjax.metrics import excess


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
    """Of few rows draws repeat more of them, which makes distances larger."""
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


def test_all_sets_meet_the_same_draws():
    x = rows(50, 2)
    found = excess.draws(rows(50, 0), rows(60, 1), {"a": x, "b": x + 5.0}, repeats=4)
    again = excess.draws(rows(50, 0), rows(60, 1), {"a": x, "b": x + 5.0}, repeats=4)
    np.testing.assert_array_equal(found.distance["a"], again.distance["a"])
    np.testing.assert_array_equal(found.floor, again.floor)
    assert len(set(found.distance["a"])) == len(set(found.floor)) == 4


def test_the_distance_is_that_to_the_things_of_the_draw():
    """A draw of one thing, many times over, is all that a distance gets to see."""
    seen = []

    def distance_to(reference):
        seen.append(reference)
        return lambda x: x.mean() - reference.mean()

    sets = {"a": np.full((5, 1), 3.0), "b": np.full((7, 1), 4.0)}
    out, train = np.arange(9.0)[:, None], np.full((6, 1), 2.0)
    found = excess.draws(out, train, sets, distance_to=distance_to, repeats=3)
    means = np.array([reference.mean() for reference in seen])
    np.testing.assert_allclose(found.floor, 2 - means)
    np.testing.assert_allclose(found.distance["b"], 4 - means)
    assert len(set(means)) == 3 and {len(reference) for reference in seen} == {9}


def test_the_floor_keeps_its_name_to_itself():
    x = rows(50, 2)
    found = excess.draws(rows(50, 0), rows(60, 1), {"floor": x}, repeats=2)
    assert list(found.distance) == ["floor"]
    assert not np.allclose(found.excess("floor"), 0)


def test_one_row_is_too_few():
    with pytest.raises(ValueError, match="2 rows or more, found 1 and 9"):
        excess.draws(rows(9, 0), rows(9, 1), {"x": rows(1, 2)})


def test_the_interval_holds_nineteen_in_twenty():
    found = excess.interval(np.arange(1001.0))
    assert found == (500.0, 25.0, 975.0)
