"""Copies are noticed in any share, and nothing else is called one."""

import numpy as np
import pytest

from wsjax.metrics import copy_measures, copying

WIDTH = 6
MODES = 4 * np.eye(WIDTH)[:3]


def drawn(n, seed, spread=1.0):
    """Three modes of different spread, so that near means something else in each."""
    generator = np.random.default_rng(seed)
    mode = generator.integers(0, 3, n)
    noise = generator.normal(size=(n, WIDTH)) * (spread * (1 + mode[:, None]))
    return MODES[mode] + noise


@pytest.fixture(scope="module")
def sets():
    return drawn(1500, 0), drawn(600, 1)


def copies(train, share, n=600, seed=2, noise=0.01):
    """Fresh draws, a share of which gives way to training rows with a little noise."""
    generator = np.random.default_rng(seed)
    rows = drawn(n, seed)
    k = round(share * n)
    chosen = generator.choice(len(train), k, replace=False)
    rows[:k] = train[chosen] + noise * generator.normal(size=(k, WIDTH))
    return rows


@pytest.fixture(scope="module")
def find(sets):
    """Finds where rows lie about the training set."""
    return copy_measures.neighbours(sets[0])


def test_fresh_draws_are_like_held_out_instances(sets, find):
    """Cells are independent z-scores: C_T is far below 1, its z-score about normal."""
    out = find(sets[1])
    found = [copy_measures.shift(find(drawn(600, s)), out) for s in range(3, 33)]
    means, scores = np.transpose(found)
    assert np.abs(np.mean(means)) < 0.5 and np.abs(means).max() < 1.5
    assert 0.5 < np.std(scores) < 1.5
    assert np.std(scores) > 1.8 * np.std(means)


@pytest.mark.parametrize("share", [0.3, 1.0])
def test_copies_are_noticed_by_every_measure(sets, find, share):
    made, fresh, out = find(copies(sets[0], share)), find(drawn(600, 2)), find(sets[1])
    score = copy_measures.shift(made, out).ct
    assert score < copy_measures.shift(fresh, out).ct - 5 * share
    assert share < 1 or score < -3
    found, usual = (copying.compared(x, out, quantile=0.05) for x in (made, fresh))
    expected = share + (1 - share) * 0.05
    assert found.copy_fraction == pytest.approx(expected, abs=0.03)
    assert found.single_fraction >= share > 0.2 > usual.single_fraction
    kept = (1 - share) * usual.authentic_fraction
    assert found.authentic_fraction == pytest.approx(kept, abs=0.04)


def test_samples_that_are_too_wide_are_far_and_no_copies(sets, find):
    found = copying.compared(find(drawn(600, 4, spread=2.0)), find(sets[1]))
    assert found.ct > 3 and found.copy_fraction < 0.005
    assert found.authentic_fraction > found.authentic_fraction_floor + 0.1


def test_a_mode_that_is_copied_shows_although_the_others_are_too_far(sets, find):
    """Without cells the two would cancel."""
    made = drawn(600, 5, spread=1.5)
    near = np.linalg.norm(sets[0] - MODES[0], axis=1).argsort()[:200]
    made[:200] = sets[0][near] + 1e-3
    assert copying.compared(find(made), find(sets[1])).copy_fraction > 0.3


def test_neighbours_are_those_of_their_definitions(sets, find):
    train, rows = sets[0], np.concatenate([sets[0][:3], drawn(40, 9)])
    found = find(rows)
    every = np.linalg.norm(rows[:, None] - train, axis=2)
    first, second = np.sort(every, axis=1)[:, :2].T
    np.testing.assert_array_equal(found.place, every.argmin(axis=1))
    np.testing.assert_allclose(found.distance, first, rtol=1e-6)
    np.testing.assert_allclose(found.ratio, first / second, rtol=1e-6)
    among = np.linalg.norm(train[found.place][:, None] - train, axis=2)
    among[np.arange(len(rows)), found.place] = np.inf
    np.testing.assert_array_equal(found.authentic, first > among.min(axis=1))
    assert not found.distance[:3].any() and not found.authentic[:3].any()


def test_a_mann_whitney_score_is_that_of_all_pairs():
    ours, real = np.array([1.0, 2, 2, 5]), np.array([2.0, 3, 0])
    signs = np.sign(ours[:, None] - real)  # A pair of equal ones counts as half.
    score = copy_measures.z_score(ours, real)
    assert score == pytest.approx(signs.sum() / 2 / np.sqrt(12 * 8 / 12))


def test_refusals_rise_with_the_share_of_copies(sets, find):
    fresh, real = find(drawn(600, 2)), find(sets[1])
    made = fresh, find(copies(sets[0], 1.0, n=300)), real
    shares = (0.0, 0.02, 0.05, 0.5)
    found = copying.refused([made], shares=shares, repeats=10)
    assert list(found) == list(shares)
    assert found[0.0] == 0 and found[0.5] == 1
    assert found[0.02] < 1 and list(found.values()) == sorted(found.values())
    # Held-out things in the place of copies are none, whatever their share.
    more = find(drawn(300, 11))
    assert copying.refused([(fresh, more, real)], shares=(0.5,), repeats=10)[0.5] < 0.2
    copied = made[1], *made[1:]
    assert copying.refused([copied], shares=(0.0,), repeats=2) == {0.0: 1.0}
    # One form of the training set is enough to refuse.
    clean = more, more, real
    assert copying.refused([clean, copied], shares=(0.0,), repeats=2) == {0.0: 1.0}


def test_as_many_samples_as_the_share_says_give_way_in_each_draw(
    sets, find, monkeypatch
):
    """Exact copies are those at distance 0, other ones in every draw."""
    seen = []

    def judged(ours, real):
        seen.append((len(ours.distance), tuple(ours.place[ours.distance == 0])))
        return copying.Copying(*np.zeros(11), reasons=("refused",) * (len(seen) % 2))

    monkeypatch.setattr(copying, "compared", judged)
    made = find(drawn(600, 2)), find(sets[0][:300]), find(sets[1])
    found = copying.refused([made], shares=(0.0, 0.1, 0.5), repeats=2)
    counts = [len(copies) for _, copies in seen]
    assert counts == [0, 0, 60, 60, 300, 300] and {n for n, _ in seen} == {600}
    assert seen[2] != seen[3] and list(found.values()) == [0.5, 0.5, 0.5]


@pytest.fixture(scope="module")
def pictures():
    """Sets that lie as thinly as pictures do: training, held-out and new ones."""
    return [digits_like(n, seed) for seed, n in enumerate((1200, 400, 1000))]


def digits_like(n, seed):
    """Smooth curves in 64 dimensions, of 12 numbers each."""
    generator = np.random.default_rng(100 + seed)
    lift = (
        np.random.default_rng(0).normal(size=(12, 64)) * 0.7 ** np.arange(12)[:, None]
    )
    return np.tanh(generator.normal(size=(n, 12)) @ lift)


def test_new_draws_are_no_copies_and_neither_are_averages(pictures):
    train, out, fresh = pictures
    found = copying.copying(train, out, fresh)
    assert found.reasons == () and found.novelty == pytest.approx(1, abs=0.1)
    assert min(found.copy_p, found.single_p) > 0.01
    assert abs(found.copy_z) < 3 and abs(found.single_z) < 3
    half = copying.copying(train, out[::2], out[1::2])
    assert half.reasons == ()
    averages = (train[:600] + train[600:]) / 2
    assert copying.copying(train, out, averages).reasons == ()


def test_one_copy_in_twenty_is_enough(pictures):
    train, out, fresh = pictures
    made = fresh.copy()
    made[:50] = train[:50] + 1e-3
    found = copying.copying(train, out, made)
    assert any("p = " in reason for reason in found.reasons)
    assert found.copy_fraction == pytest.approx(0.06, abs=0.015)
    assert found.single_fraction >= 0.05


@pytest.mark.parametrize("scale", [0.3, 0.7, 1.0, 1.3])
def test_copies_under_noise_are_seen_whatever_its_strength(pictures, scale):
    """They are as far away as new things, yet each lies about one instance."""
    train, out, _ = pictures
    usual = np.median(np.linalg.norm(out[:, None] - train, axis=2).min(axis=1))
    noise = np.random.default_rng(5).normal(size=(1000, 64))
    noise *= scale * usual / np.linalg.norm(noise, axis=1, keepdims=True)
    found = copying.copying(train, out, train[:1000] + noise)
    assert found.single_z < -5
    assert any("(ratio)" in reason and "z = " in reason for reason in found.reasons)


def test_the_probability_of_a_share_is_that_of_chance():
    """Of sets that are right, a level of 0.2 refuses a fifth, whatever their sizes."""
    generator = np.random.default_rng(0)
    for real, ours in ((100, 1000), (400, 60)):
        found = [
            copying._below(generator.random(ours), generator.random(real), 0.1)[1]
            for _ in range(500)
        ]
        assert np.mean(np.array(found) < 0.2) == pytest.approx(0.18, abs=0.06)


def test_samples_that_are_nearer_in_one_part_of_the_space_alone_are_refused(sets, find):
    """There a z-score is far below 0, and the mean over all parts is not."""
    fresh, out = find(drawn(600, 2)), find(sets[1])
    cells, counts = np.unique(fresh.cell, return_counts=True)
    here = fresh.cell == cells[counts.argmax()]
    nearer = np.where(here, 0.8 * fresh.distance, fresh.distance)
    part = copy_measures.shift(fresh._replace(distance=nearer), out)
    assert part.ct > -3.1 > part.z
    reasons = copying.compared(fresh._replace(distance=nearer), out).reasons
    assert any("standard deviations below 0" in reason for reason in reasons)
    assert not copying.compared(fresh, out).reasons


def test_order_of_rows_changes_nothing(sets, find):
    made, out = find(copies(sets[0], 0.2)), find(sets[1])
    turned = (copying.Neighbours(*(field[::-1] for field in x)) for x in (made, out))
    assert copying.compared(*turned) == copying.compared(made, out)


def test_where_rows_are_few_they_are_one_cell(sets, find):
    out, copied = sets[1], find(copies(sets[0], 1.0)[:4])
    real = find(out[4:8])
    whole = copy_measures.z_score(copied.distance, real.distance)
    assert copy_measures.shift(copied, real) == (whole, whole)
    assert whole < -2


def test_training_rows_that_are_there_twice_count_once(sets):
    train, out = sets
    made, twice = copies(train, 0.05), np.concatenate([train, train[::-1]])
    assert copying.copying(twice, out, made) == copying.copying(train, out, made)
    found = copy_measures.neighbours(twice)(train[:9])
    np.testing.assert_array_equal(found.place, np.arange(9))
    assert (found.ratio == 0).all()


def test_of_few_training_rows_there_are_few_cells(sets):
    found = copy_measures.neighbours(sets[0][:3], cells=10)(sets[1])
    assert set(found.cell) <= {0, 1, 2}


def test_what_cannot_be_compared_is_refused(sets, find):
    train, out = sets
    with pytest.raises(ValueError, match="cells=0"):
        copy_measures.neighbours(train, cells=0)
    for one in (train[:1], train[[0, 0, 0]]):
        with pytest.raises(ValueError, match="two different training rows"):
            copying.copying(one, out, out)
    with pytest.raises(ValueError, match="features"):
        find(out[:, :3])
    with pytest.raises(ValueError, match="NaN"):
        find(np.full_like(out, np.nan))
