"""Power per octave: of waves whose octave is known, and of noise."""

import numpy as np
import pytest

from wsjax.metrics.octaves import octaves, power_ratios


def waves(k, n=32):
    """`[8, n, n, 1]` pictures of cosines of `k` half periods, in random phases."""
    phases = np.random.default_rng(0).normal(size=(8, 1, 1, 1))
    across = np.cos(np.pi * k * (np.arange(n) + 0.5) / n)
    return phases * np.broadcast_to(across[None, :, None], (n, n, 1))


def test_octaves_are_named_by_their_waves():
    found = octaves((32, 32))
    assert found[0, 0] == 0
    for k, octave in ((1, 1), (2, 2), (3, 2), (4, 3), (7, 3), (8, 4), (16, 5)):
        assert found[k, 0] == found[0, k] == octave
    assert found.max() == 5 and found[31, 31] == 5  # Corners are in the last one.


@pytest.mark.parametrize("size", [(28, 28), (16, 32), (8, 8, 8), (1, 9)])
def test_all_octaves_are_there(size):
    assert set(octaves(size).ravel()) == set(range(octaves(size).max() + 1))


def test_a_long_picture_has_the_octaves_of_its_longest_side():
    # Four half periods along 16 cells are as short as eight along 32.
    assert octaves((16, 32))[4, 0] == octaves((16, 32))[0, 8]


@pytest.mark.parametrize(("k", "octave"), [(1, 1), (6, 3), (20, 5)])
def test_more_of_a_wave_is_more_power_in_its_octave_alone(k, octave):
    noise = np.random.default_rng(1).normal(size=(8, 32, 32, 1))
    base = power_ratios(noise, noise)
    np.testing.assert_allclose(base, np.ones(5))
    found = power_ratios(noise + 4 * waves(k), noise)
    others = np.delete(found, octave - 1)
    assert found[octave - 1] > 1.5
    np.testing.assert_allclose(others, 1.0, rtol=1e-6)


def test_the_scale_of_values_counts_squared_and_their_mean_does_not():
    noise = np.random.default_rng(1).normal(size=(6, 8, 8, 8, 2))
    np.testing.assert_allclose(power_ratios(3 * noise + 5.0, noise), np.full(3, 9.0))


def test_where_real_things_have_no_power_there_is_no_ratio():
    noise = np.random.default_rng(1).normal(size=(8, 32, 32, 1))
    found = power_ratios(noise, waves(1))
    assert np.isfinite(found[0])
    flat = np.ones((8, 32, 32, 1))
    assert np.isnan(power_ratios(noise, flat)).all()


@pytest.mark.parametrize(
    ("ours", "real", "said"),
    [
        (np.ones((3, 4, 4, 1)), np.ones((3, 4, 5, 1)), r"of one size, got \(3, 4, 4"),
        (np.ones((0, 4, 4, 1)), np.ones((3, 4, 4, 1)), "one thing or more"),
        (np.full((3, 4, 4, 1), np.nan), np.ones((3, 4, 4, 1)), "finite values"),
    ],
)
def test_what_cannot_be_compared_is_refused(ours, real, said):
    with pytest.raises(ValueError, match=said):
        power_ratios(ours, real)
