"""Copies are noticed in any share, and nothing else is called one."""

import numpy as np
import pytest

from wsjax.metrics import copying

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
    scores = [copying.copying_score(train, out, drawn(600, s)) for s in range(3, 13)]
    assert np.abs(np.mean(scores)) < 0.5 and np.abs(scores).max() < 1.5


@pytest.mark.parametrize("share", [0.3, 1.0])
def test_copies_are_noticed_by_every_measure(sets, share):
    train, out = sets
    made = copies(train, share)
    fresh = copying.copying_score(train, out, drawn(600, 2))
    score = copying.copying_score(train, out, made)
    assert score < fresh - 5 * share and (share < 1 or score < -3)
    found = copying.copied_share(train, out, made)
    usual = copying.copied_share(train, out, drawn(600, 2))
    assert found["near"] == pytest.approx(share + (1 - share) * 0.05, abs=0.03)
    assert found["ratio"] >= share and usual["ratio"] < 0.02
    kept = copying.authentic_share(train, drawn(600, 2))
    lost = copying.authentic_share(train, made)
    assert lost == pytest.approx((1 - share) * kept, abs=0.04)


def test_samples_that_are_too_wide_are_far_and_no_copies(sets):
    train, out = sets
    wide = drawn(600, 4, spread=2.0)
    assert copying.copying_score(train, out, wide) > 3
    assert copying.copied_share(train, out, wide)["near"] < 0.02
    real = copying.authentic_share(train, out)
    assert copying.authentic_share(train, wide) > real + 0.1


def test_a_mode_that_is_copied_shows_although_the_others_are_too_far(sets):
    """Without cells the two would cancel."""
    train, out = sets
    made = drawn(600, 5, spread=1.5)
    near = np.linalg.norm(train - MODES[0], axis=1).argsort()[:200]
    made[:200] = train[near] + 1e-3
    assert copying.copied_share(train, out, made)["near"] > 0.3


def test_order_of_rows_changes_nothing(sets):
    train, out = sets
    made = copies(train, 0.2)
    turned = made[::-1], out[::-1]
    a = copying.copying_score(train, out, made)
    assert copying.copying_score(train, turned[1], turned[0]) == pytest.approx(a)


def test_too_few_rows_for_any_cell_are_no_number(sets):
    train, out = sets
    assert np.isnan(copying.copying_score(train, out[:4], out[4:8], cells=2))


def test_what_cannot_be_compared_is_refused(sets):
    train, out = sets
    with pytest.raises(ValueError, match="cells=0"):
        copying.copying_score(train, out, out, cells=0)
    with pytest.raises(ValueError, match="two training rows"):
        copying.authentic_share(train[:1], out)
    with pytest.raises(ValueError, match="two training rows"):
        copying.copied_share(train[:1], out, out)
    with pytest.raises(ValueError):
        copying.copying_score(train, out[:, :3], out)
