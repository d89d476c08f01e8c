"""Laws of gains and of bits as numbers: nothing is lost but what is meant to be."""

import jax.numpy as jnp
import numpy as np
import pytest

from wsjax import bits, windowed


@pytest.mark.parametrize("count", [1, 24, 50])
def test_numbers_hold_bits_exactly(count):
    drawn = np.random.default_rng(count).integers(0, 2, (20, count))
    for some in [*drawn, np.ones(count, int), np.zeros(count, int)]:
        numbers = bits.to_numbers(jnp.asarray(some))
        assert numbers.dtype == jnp.float32 and len(numbers) == -(-count // 24)
        found = np.asarray(bits.from_numbers(numbers))
        np.testing.assert_array_equal(found[:count], some)
        assert not found[count:].any()


@pytest.mark.parametrize("numbers, candidates", [(30, 100), (30, 24), (100, 30)])
def test_packing_keeps_the_largest_gains(numbers, candidates):
    drawn = np.random.default_rng(numbers).normal(size=candidates).astype(np.float32)
    found = windowed.packed(jnp.asarray(drawn), numbers)
    assert len(found) == min(numbers, candidates)
    again = np.asarray(windowed.unpacked(found, candidates))
    count = windowed.kept(numbers, candidates)
    largest = np.argsort(-np.abs(drawn))[:count]
    np.testing.assert_array_equal(again[largest], drawn[largest])
    assert np.count_nonzero(again) == count
    np.testing.assert_array_equal(windowed.packed(jnp.asarray(again), numbers), found)


def test_numbers_that_nothing_was_packed_into_are_gains_too():
    for numbers in (np.full(30, 1e9), np.full(30, -7.3), np.linspace(-3, 2**24, 30)):
        gains = windowed.unpacked(jnp.asarray(numbers, jnp.float32), 100)
        assert gains.shape == (100,) and jnp.isfinite(gains).all()
