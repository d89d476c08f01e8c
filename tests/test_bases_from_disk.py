"""Bases and weights from disk, which are NumPy arrays, work as others do."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests import balls
from wsjax import cells, representations


def of_pictures():
    family = representations.gains((8, 8), 1, numbers=20)
    values = np.random.default_rng(0).normal(size=(30, 64, 1)).astype(np.float32)
    base = family.learn(jax.random.key(0), lambda: iter([{"values": values}]))
    return family.adapter, base, values[0]


def of_shapes():
    (lattice,) = balls.several(1, seed=1)
    return cells.cells(balls.FORM._replace(numbers=40)), balls.learnt(), lattice


@pytest.mark.parametrize("example", [of_pictures, of_shapes])
def test_a_base_of_numpy_arrays_is_one_like_any_other(example):
    adapter, base, read = example()
    own = jax.jit(lambda x: adapter.solve(base, x))(read)
    expected = jax.jit(lambda a: adapter.merge(base, a))(own)["lattice"]["values"]
    stored = jax.tree.map(np.asarray, base)
    again = jax.jit(lambda x: adapter.solve(stored, x))(jnp.asarray(read))
    found = jax.jit(lambda a: adapter.merge(stored, a))(again)["lattice"]["values"]
    np.testing.assert_array_equal(found, expected)
    numbers = jax.tree.map(np.asarray, own)
    found = adapter.merge(stored, numbers)["lattice"]["values"]
    np.testing.assert_allclose(found, expected, atol=1e-5)
