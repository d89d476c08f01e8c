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


def test_fresh_draws_are_like_held_out_instances(sets):
    """Cells are independent z-scores: their weighted mean is near 0, and below 1."""
    train, out = sets
    scores = [
        copy_measures.copying_score(train, out, drawn(600, s)) for s in range(3, 13)
    ]
    assert np.abs(np.mean(scores)) < 0.5 and np.abs(scores).max() < 1.5


@pytest.mark.parametrize("share", [0.3, 1.0])
def test_copies_are_noticed_by_every_measure(sets, share):
    train, out = sets
    made = copies(train, share)
    fresh = copy_measures.copying_score(train, out, drawn(600, 2))
    score = copy_measures.copying_score(train, out, made)
    assert score < fresh - 5 * share and (share < 1 or score < -3)
    found = copy_measures.copied_share(train, out, made)
    usual = copy_measures.copied_share(train, out, drawn(600, 2))
    assert found["near"] == pytest.approx(share + (1 - share) * 0.05, abs=0.03)
    assert found["ratio"] >= share and usual["ratio"] < 0.02
    kept = copy_measures.authentic_share(train, drawn(600, 2))
    lost = copy_measures.authentic_share(train, made)
    assert lost == pytest.approx((1 - share) * kept, abs=0.04)


def test_samples_that_are_too_wide_are_far_and_no_copies(sets):
    train, out = sets
    wide = drawn(600, 4, spread=2.0)
    assert copy_measures.copying_score(train, out, wide) > 3
    assert copy_measures.copied_share(train, out, wide)["near"] < 0.02
    real = copy_measures.authentic_share(train, out)
    assert copy_measures.authentic_share(train, wide) > real + 0.1


def test_a_mode_that_is_copied_shows_although_the_others_are_too_far(sets):
    """Without cells the two would cancel."""
    train, out = sets
    made = drawn(600, 5, spread=1.5)
    near = np.linalg.norm(train - MODES[0], axis=1).argsort()[:200]
    made[:200] = train[near] + 1e-3
    assert copy_measures.copied_share(train, out, made)["near"] > 0.3


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
    assert min(found.p_near, found.p_single) > 0.01
    assert abs(found.z_near) < 3 and abs(found.z_single) < 3
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
    assert found.near == pytest.approx(0.06, abs=0.015)
    assert found.single >= 0.05


@pytest.mark.parametrize("scale", [0.3, 0.7, 1.0, 1.3])
def test_copies_under_noise_are_seen_whatever_its_strength(pictures, scale):
    """They are as far away as new things, yet each lies about one instance."""
    train, out, _ = pictures
    usual = np.median(np.linalg.norm(out[:, None] - train, axis=2).min(axis=1))
    noise = np.random.default_rng(5).normal(size=(1000, 64))
    noise *= scale * usual / np.linalg.norm(noise, axis=1, keepdims=True)
    found = copying.copying(train, out, train[:1000] + noise)
    assert found.z_single < -5
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


def test_order_of_rows_changes_nothing(sets):
    train, out = sets
    made = copies(train, 0.2)
    turned = made[::-1], out[::-1]
    a = copy_measures.copying_score(train, out, made)
    assert copy_measures.copying_score(train, turned[1], turned[0]) == pytest.approx(a)


def test_too_few_rows_for_any_cell_are_no_number(sets):
    train, out = sets
    assert np.isnan(copy_measures.copying_score(train, out[:4], out[4:8], cells=2))


def test_what_cannot_be_compared_is_refused(sets):
    train, out = sets
    with pytest.raises(ValueError, match="cells=0"):
        copy_measures.copying_score(train, out, out, cells=0)
    with pytest.raises(ValueError, match="two training rows"):
        copy_measures.authentic_share(train[:1], out)
    with pytest.raises(ValueError, match="two training rows"):
        copy_measures.copied_share(train[:1], out, out)
    with pytest.raises(ValueError, match="two training rows"):
        copying.copying(train[:1], out, out)
    with pytest.raises(ValueError):
        copy_measures.copying_score(train, out[:, :3], out)
