"""What the audit lets through: samplers of small discs, each known for what it is."""

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from wsjax.metrics import equal_count, features, generation
from wsjax.metrics.audit import at_novelty, audit

SIDE, N = 10, 150
SCALES = (0.0, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6)


def drawn(weights):
    """Pictures `[n, SIDE, SIDE, 1]` of blobs: a place, a width and a brightness."""
    y, x = (np.indices((SIDE, SIDE)) + 0.5) / SIDE
    across, down, width, bright = (w[:, None, None] for w in weights.T)
    squared = np.square(x[None] - across) + np.square(y[None] - down)
    blobs = bright * np.exp(-squared / (0.02 + np.square(width)))
    return blobs.clip(0, 1)[..., None]


def real_weights(seed, n=N):
    """Places on a ring, which no average of two stays on."""
    generator = np.random.default_rng(seed)
    angle = generator.uniform(0, 2 * np.pi, n)
    ring = 0.5 + 0.3 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    others = generator.uniform([0.05, 0.6], [0.2, 1.0], (n, 2))
    return np.concatenate([ring, others], axis=1)


TRAIN, REFERENCE, MORE = (real_weights(seed) for seed in (0, 1, 2))


def noisy(scale, seed=3):
    noise = np.random.default_rng(seed).normal(size=TRAIN.shape)
    return TRAIN + scale * TRAIN.std(axis=0) * noise


def average():
    rows = np.random.default_rng(4).permutation(N)
    return (TRAIN[rows] + TRAIN[np.roll(rows, 1)]) / 2


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Threads cost more than they bring on sets this small, most of all if shared."""
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="module")
def judged():
    """`judged(weights) -> audit` of a sampler, by its pictures alone."""
    train, out = drawn(TRAIN), drawn(REFERENCE)
    space = features.pixel_pca(np.concatenate([train, out]), components=16)

    def nearest(pictures):
        flat = [p.reshape(len(p), -1) for p in (pictures, train)]
        return np.median(generation.nearest(*flat)[0])

    def figures(weights):
        pictures = drawn(weights)
        sets = space(out), space(pictures), space(train)
        found = equal_count.against_heldout(generation.frechet, *sets, repeats=2)
        return nearest(pictures) / nearest(out), found["value"]

    curve = [figures(noisy(scale)) for scale in SCALES]
    bar = figures(average())[1]

    def verdict(weights):
        novelty, fd = figures(weights)
        return audit(novelty=novelty, fd=fd, add_noise=curve, average_two=bar)

    return verdict


def test_more_real_things_pass(judged):
    found = judged(MORE)
    assert found.passed and found.reasons == ()
    assert found.fd < min(found.fd_add_noise, found.fd_average_two)


@pytest.mark.parametrize("scale", [0.0, 0.02])
def test_copies_fail_by_their_novelty_with_tiny_noise_or_without(judged, scale):
    found = judged(noisy(scale, seed=5))
    assert not found.passed
    assert found.novelty < 0.5 and "novelty" in found.reasons[0]
    assert found.fd < found.fd_average_two  # Which alone would let copies through.


def test_noise_that_is_novel_fails_by_its_distance(judged):
    found = judged(noisy(0.8))
    assert found.novelty >= 0.9 and not found.passed
    assert "noise" in found.reasons[0]


def test_averages_fail_by_their_distance(judged):
    found = judged(average())
    assert not found.passed
    assert any("averages of two" in reason for reason in found.reasons)


PASSING = {
    "novelty": 1.0,
    "fd": 2.0,
    "add_noise": [(0.5, 1.0), (1.5, 5.0)],
    "average_two": 4.0,
}


@pytest.mark.parametrize(
    ("change", "reasons"),
    [
        ({}, []),
        ({"novelty": 0.9, "fd": 1.0}, []),
        ({"novelty": 0.89}, ["novelty 0.89 is below 0.9"]),
        ({"fd": 3.0}, ["FD 3 is not below the 3 of noise"]),
        ({"average_two": 2.0}, ["not below the 2 of averages"]),
        ({"novelty": np.nan}, ["novelty is not a number", "nan of noise"]),
        ({"add_noise": [(np.nan, 1.0), (1.5, 5.0)]}, ["nan of noise"]),
        ({"fd": np.nan}, ["of noise", "of averages"]),
        ({"novelty": 0.1, "fd": 9.0}, ["novelty", "the 1 of noise", "of averages"]),
        ({"novelty": 1.2, "least": 1.3}, ["novelty 1.2 is below 1.3"]),
    ],
)
def test_each_reason_is_given_and_nothing_else_fails(change, reasons):
    found = audit(**(PASSING | change))
    assert found.passed == (not reasons)
    assert len(found.reasons) == len(reasons)
    for reason, words in zip(found.reasons, reasons, strict=True):
        assert words in reason


def test_the_curve_is_straight_between_settings_and_flat_beyond_them():
    curve = [(2.0, 30.0), (0.0, 10.0), (1.0, 14.0)]
    asked = [-1.0, 0.0, 0.25, 1.0, 1.5, 2.0, 9.0]
    expected = [10.0, 10.0, 11.0, 14.0, 22.0, 30.0, 30.0]
    assert [at_novelty(curve, x) for x in asked] == pytest.approx(expected)


def test_a_setting_more_novel_and_nearer_replaces_those_below_it():
    curve = [(0.0, 10.0), (1.0, 20.0), (2.0, 6.0), (2.0, 8.0), (3.0, 9.0)]
    asked = np.linspace(-1, 4, 101)
    found = [at_novelty(curve, x) for x in asked]
    assert found[0] == at_novelty(curve, 1.0) == 6.0
    assert found[-1] == 9.0 and min(np.diff(found)) >= 0


@pytest.mark.parametrize("curve", [[], [(1.0, 2.0, 3.0)]])
def test_what_is_no_curve_is_refused(curve):
    with pytest.raises(ValueError, match="need pairs"):
        at_novelty(curve, 1.0)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_curve_with_a_setting_that_failed_says_nothing(bad):
    for setting in ((bad, 1.0), (1.0, bad)):
        assert np.isnan(at_novelty([(0.5, 2.0), setting], 1.0))
    assert np.isnan(at_novelty([(0.5, 2.0)], bad))
