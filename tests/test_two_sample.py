"""The two-sample test by a network: chance where there is no difference to see."""

import numpy as np
import pytest

from wsjax.metrics.two_sample import LEAST, two_sample

N = 240


def blobs(seed, *, n=N, size=(8, 8)):
    """Smooth bumps at random places: `[n, *size, 1]`."""
    generator = np.random.default_rng(seed)
    axes = np.meshgrid(*[np.linspace(-1, 1, side) for side in size], indexing="ij")
    places = generator.uniform(-0.6, 0.6, size=(n, len(size), *[1] * len(size)))
    away = sum((axis - places[:, i]) ** 2 for i, axis in enumerate(axes))
    return np.exp(-8 * away)[..., None].astype(np.float32)


@pytest.fixture(scope="module")
def real():
    return blobs(0)


def test_new_things_of_the_same_kind_are_told_apart_by_chance(real):
    # Three standard deviations of a share of 2 N answers.
    found = two_sample(blobs(1), real, looks=12)
    assert abs(found - 0.5) < 3 * 0.5 / np.sqrt(2 * N)


def test_the_same_values_in_other_places_are_told_from_them(real):
    """Every pixel has the distribution of a real one: only the pictures are none."""
    rows = blobs(1).reshape(N, -1)
    mixed = np.random.default_rng(2).permuted(rows, axis=0).reshape(real.shape)
    assert two_sample(mixed, real, looks=4) > 0.9


def test_blurred_things_are_told_from_sharp_ones(real):
    blurred = blobs(1)
    for axis in (1, 2):
        blurred = (np.roll(blurred, 1, axis) + blurred + np.roll(blurred, -1, axis)) / 3
    assert two_sample(blurred, real, looks=12) > 0.8


def test_light_and_contrast_of_all_change_nothing(real):
    ours = blobs(1, n=40) + 0.1
    once = two_sample(ours, real[:40], looks=4)
    again = two_sample(4 * ours, 4 * real[:40], looks=4)
    assert again == pytest.approx(once, abs=0.05)


def test_shapes_are_told_apart_and_a_seed_repeats():
    size = (5, 6, 4)
    ours, real = 0.5 * blobs(3, n=60, size=size), blobs(4, n=90, size=size)
    once, again = (two_sample(ours, real, seed=5, looks=4) for _ in range(2))
    assert once == again > 0.8


def test_more_things_to_learn_from_show_what_few_do_not(real):
    """A network that has seen a dozen things misses what hundreds teach it."""
    values = blobs(1, n=24)
    blurred = (np.roll(values, 1, 1) + values + np.roll(values, -1, 1)) / 3
    more = blobs(2, n=200)
    found = [
        two_sample(np.tile(blurred, (10, 1, 1, 1)), real[:24], more=x, looks=12)
        for x in (None, more)
    ]
    assert found[1] > 0.9 > 0.8 > found[0]


def test_things_without_any_spread_have_a_share():
    flat = np.ones((LEAST, 8, 8, 1))
    assert 0 <= two_sample(flat, flat, looks=1) <= 1


@pytest.mark.parametrize(
    ("ours", "real", "said"),
    [
        (np.ones((9, 8, 8, 1)), np.ones((9, 8, 9, 1)), r"of one size, got \(9, 8, 8"),
        (np.ones((9, 8, 1)), np.ones((9, 8, 1)), r"\[N, H, W, C\] or"),
        (np.ones((7, 8, 8, 1)), np.ones((9, 8, 8, 1)), "8 things or more"),
    ],
)
def test_what_cannot_be_compared_is_refused(ours, real, said):
    with pytest.raises(ValueError, match=said):
        two_sample(ours, real)
    good = np.ones((9, 8, 8, 1))
    with pytest.raises(ValueError, match=r"and \(5, 8, 9, 1\) to learn from"):
        two_sample(good, good, more=np.ones((5, 8, 9, 1)))
