import numpy as np
import pytest

from wsjax.metrics import equal_count, generation

DISTANCES = {
    "frechet": generation.frechet,
    "mmd_gaussian": generation.mmd_gaussian,
    "mmd_polynomial": generation.mmd_polynomial,
}


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def heldout(distance, real, samples, **options):
    """Against the first half of the real things, with the second as training ones."""
    out, train = np.split(real, 2)
    return equal_count.against_heldout(distance, out, samples, train, **options)


PROTOCOLS = {"halves": equal_count.at_equal_count, "heldout": heldout}


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("name", DISTANCES)
def test_good_samples_reach_the_floor_and_bad_ones_do_not(protocol, name):
    distance, compare = DISTANCES[name], PROTOCOLS[protocol]
    real, samples = normal(200, 3), normal(130, 3, seed=1)
    good = compare(distance, real, samples)
    bad = compare(distance, real, samples + 2.0)
    gap = bad["value"] - bad["floor"]
    assert abs(good["value"] - good["floor"]) < 0.05 * gap
    assert good["floor"] == bad["floor"]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_ceiling_is_that_of_the_reconstructions(protocol):
    """Moved by 3 along one axis, they are 9 from where they were; so is no other."""
    real, compare = normal(400, 2), PROTOCOLS[protocol]
    moved = real + [3.0, 0.0]
    rebuilt = moved if protocol == "halves" else moved[200:]
    found = compare(generation.frechet, real, normal(200, 2, seed=1), rebuilt=rebuilt)
    assert found["ceiling"] == pytest.approx(9, abs=1)
    assert max(found["value"], found["floor"]) < 0.2


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_without_floors_the_value_stays_the_same(protocol):
    real, samples, compare = normal(40, 3), normal(15, 3, seed=1), PROTOCOLS[protocol]
    every = compare(generation.frechet, real, samples)
    alone = compare(generation.frechet, real, samples, floors=False)
    assert alone == {"value": every["value"]}
    assert set(every) == {"value", "floor"}


@pytest.mark.parametrize(("n", "m", "count"), [(21, 30, 10), (20, 7, 7), (8, 4, 4)])
def test_halves_are_disjoint_sets_of_one_size(n, m, count):
    real, samples = np.arange(n)[:, None], 100 + np.arange(m)[:, None]
    seen = []

    def distance(x, y):
        seen.append((x, y))
        return float(x.min() >= 100)

    result = equal_count.at_equal_count(distance, real, samples, repeats=3)
    assert result == {"value": 1.0, "floor": 0.0}
    assert len(seen) == 6
    for x, y in seen:
        assert len(x) == len(y) == count
        assert len(np.unique(np.concatenate([x, y]))) == 2 * count
    assert len({tuple(np.sort(y[:, 0])) for _, y in seen}) > 1


@pytest.mark.parametrize(
    ("h", "m", "n", "count"), [(9, 30, 40, 9), (20, 7, 40, 7), (20, 30, 5, 5)]
)
def test_the_reference_is_held_out_and_each_set_of_its_own_kind(h, m, n, count):
    kinds = np.arange(h), 100 + np.arange(m), 200 + np.arange(n)
    out, samples, train = (kind[:, None] for kind in kinds)
    seen = []

    def distance(x, y):
        assert len(np.unique(x)) == len(np.unique(y)) == count == len(x) == len(y)
        assert np.isin(y, out).all()
        seen.append(tuple(np.sort(y[:, 0])))
        assert len(set(x[:, 0] // 100)) == 1
        return x[0, 0] // 100

    found = equal_count.against_heldout(
        distance, out, samples, train, rebuilt=train + 100, repeats=4
    )
    assert found == {"value": 1.0, "floor": 2.0, "ceiling": 3.0}
    assert len(set(seen)) == (1 if count == h else 4)


def test_copies_of_training_things_get_below_the_floor_of_halves_alone():
    """Half of the reference are what was copied; held-out things never are."""
    train, out = normal(60, 20), normal(60, 20, seed=1)
    halves = equal_count.at_equal_count(
        generation.frechet, np.concatenate([train, out]), train, repeats=16
    )
    clean = equal_count.against_heldout(
        generation.frechet, out, train, train, repeats=16
    )
    assert halves["value"] < 0.9 * halves["floor"]
    assert clean["value"] == pytest.approx(clean["floor"], rel=1e-6)


@pytest.mark.parametrize(
    ("n", "m", "repeats", "wrong"),
    [(3, 9, 8, "got 1, 9"), (9, 1, 8, "got 4, 1"), (9, 9, 0, "repeats .* got 0")],
)
def test_halves_name_what_was_wrong(n, m, repeats, wrong):
    with pytest.raises(ValueError, match=wrong):
        equal_count.at_equal_count(
            generation.frechet, normal(n, 2), normal(m, 2), repeats=repeats
        )


@pytest.mark.parametrize("counts", [(1, 9, 9), (9, 1, 9), (9, 9, 1)])
def test_sets_of_one_thing_are_refused(counts):
    sets = [normal(n, 2) for n in counts]
    with pytest.raises(ValueError, match="got {}, {}, {}".format(*counts)):
        equal_count.against_heldout(generation.frechet, *sets)


@pytest.mark.parametrize("n", [2, 3, 4, 5, 6, 7])
def test_it_is_known_before_whether_sets_are_large_enough(n):
    """The real ones are halved, so that as many of them are needed again."""
    real, samples = normal(n, 2), normal(9, 2, seed=1)
    if n // 2 >= equal_count.LEAST:
        found = equal_count.at_equal_count(generation.frechet, real, samples)
        assert np.isfinite(found["value"])
    else:
        with pytest.raises(ValueError, match="need"):
            equal_count.at_equal_count(generation.frechet, real, samples)
