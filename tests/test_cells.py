"""Cells of an octree: what a shape's numbers say, and that they are all paid for."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests import flats
from tests.flats import FORM
from wsjax import cells, fields, representations
from wsjax.cells import packing
from wsjax.cells.layout import CODED, INSIDE, OUTSIDE, SPLIT, children

COUNTS = [FORM.count(level) ** 3 for level in range(len(FORM.sides))]


@pytest.fixture(scope="module")
def base():
    return flats.learnt()


@pytest.fixture(scope="module")
def shapes():
    return flats.balls(6, seed=1)


def wrong(merged, lattice):
    """Volume of which the two tell other sides, in cells of the lattice."""
    values = merged["lattice"]["values"], lattice / 127.0
    first, other = (np.clip(0.5 - 4.0 * np.asarray(v), 0.0, 1.0) for v in values)
    return np.abs(first - other).sum()


@functools.cache
def solved(numbers):
    """Fits of several shapes, each of so many numbers, and how wrong they are."""
    form = FORM._replace(words=48, coefficients=numbers - 48)
    adapter, base = cells.cells(form), flats.learnt()
    lattices = flats.balls(6, seed=1)
    fits = jax.jit(jax.vmap(adapter.solve, (None, 0)))(base, lattices)
    merged = jax.jit(jax.vmap(adapter.merge, (None, 0)))(base, fits)
    one = [jax.tree.map(lambda x, i=i: x[i], merged) for i in range(len(lattices))]
    return form, fits, [wrong(m, x) for m, x in zip(one, lattices, strict=True)]


def drawn_tree(seed):
    """A random tree, as `pack` takes it: states and choices by level."""
    drawn = np.random.default_rng(seed)
    first = drawn.choice([OUTSIDE, INSIDE, SPLIT], COUNTS[0], p=[0.5, 0.25, 0.25])
    active = np.asarray(children(jnp.array(first == SPLIT)))
    kinds = [OUTSIDE, INSIDE, CODED, CODED + 1]
    last = np.where(active, drawn.choice(kinds, COUNTS[1]), OUTSIDE)
    chosen = np.where(last >= CODED, drawn.integers(0, 8, COUNTS[1]), 0)
    states = [jnp.array(first), jnp.array(last)]
    return states, [jnp.zeros(COUNTS[0], int), jnp.array(chosen)]


@pytest.mark.parametrize("seed", range(4))
def test_a_tree_is_packed_and_unpacked_exactly(seed):
    states, choices = drawn_tree(seed)
    words = packing.pack(states, choices, FORM)
    assert words.dtype == jnp.float32
    assert words.shape == (FORM.words,)
    tree = packing.unpack(words, FORM)
    for level in range(2):
        np.testing.assert_array_equal(tree.states[level], states[level])
        np.testing.assert_array_equal(tree.choices[level], choices[level])
    coded = np.asarray(tree.states[1]) >= CODED
    ranks = np.array([0, 0, 0, 2, 4])[np.asarray(tree.states[1])]
    begins = np.asarray(tree.places[1])[coded]
    np.testing.assert_array_equal(begins, np.cumsum(ranks[coded]) - ranks[coded])


def test_bits_are_those_that_a_reader_needs():
    states, choices = drawn_tree(0)
    bits, coefficients = packing.usage(states, FORM)
    split, coded = np.sum(states[0] == SPLIT), np.asarray(states[1]) >= CODED
    assert bits == 3 * (COUNTS[0] + 8 * split) + 3 * coded.sum()
    assert coefficients == np.array([0, 0, 0, 2, 4])[np.asarray(states[1])].sum()
    # Bits behind the last one change nothing, the last one does.
    words = np.asarray(packing.pack(states, choices, FORM)).astype(int)
    assert coded[-1] or choices[1][coded].size
    last = int(bits) - 1

    def flipped(bit):
        other = words.copy()
        other[bit // 24] ^= 1 << bit % 24
        return packing.unpack(jnp.array(other, jnp.float32), FORM)

    same = jax.tree.leaves(packing.unpack(jnp.array(words, jnp.float32), FORM))
    beyond = jax.tree.leaves(flipped(last + 1))
    assert all((a == b).all() for a, b in zip(same, beyond, strict=True))
    assert any(
        (a != b).any()
        for a, b in zip(same, jax.tree.leaves(flipped(last)), strict=True)
    )


def test_numbers_that_no_tree_was_packed_into_still_give_a_field(base):
    adapter = cells.cells(FORM)
    drawn = np.random.default_rng(0).normal(0.0, 1e8, FORM.words)
    own = adapter.centre(base)["cells"]
    made = {"cells": {**own, "tree": jnp.array(drawn, jnp.float32)}}
    values = adapter.merge(base, made)["lattice"]["values"]
    assert (jnp.abs(values) <= 1.0).all()


@pytest.mark.parametrize("numbers", [60, 120, 400])
def test_a_fit_takes_no_more_than_its_numbers(numbers):
    form, fits, _ = solved(numbers)
    sizes = [leaf[0].size for leaf in jax.tree.leaves(fits)]
    assert sum(sizes) == numbers == form.numbers
    assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(fits))
    for words in fits["cells"]["tree"]:
        assert (words == jnp.round(words)).all()
        assert (0 <= words).all() and (words < 2**24).all()
        states = list(packing.unpack(words, form).states)
        bits, coefficients = packing.usage(states, form)
        assert bits <= 24 * form.words
        assert coefficients <= form.coefficients


def test_more_numbers_are_never_worse():
    _, _, few = solved(60)
    _, _, some = solved(120)
    _, _, many = solved(400)
    assert (np.array(few) > np.array(some)).all()
    assert (np.array(some) > 1.2 * np.array(many)).all()


def test_a_shape_that_the_base_has_is_recovered(base):
    """One cell that touches no other is coded: its code comes back, and its field."""
    adapter = cells.cells(FORM)
    states, choices = [jnp.zeros(n, int) for n in COUNTS], None
    states = [states[0].at[0].set(SPLIT), states[1].at[0].set(CODED)]
    choices = [jnp.zeros(COUNTS[0], int), jnp.zeros(COUNTS[1], int).at[0].set(5)]
    numbers = jnp.zeros(FORM.coefficients).at[:2].set(jnp.array([0.4, -0.7]))
    words = packing.pack(states, choices, FORM)
    made = {"cells": {"tree": words, "coefficients": numbers}}
    lattice = flats.in_bytes(4.0 * np.asarray(adapter.merge(base, made)["lattice"]["values"]))
    assert (lattice < 0).any()
    found = jax.jit(adapter.merge)(base, jax.jit(adapter.solve)(base, lattice))
    # A byte tells a hundredth of a cell.
    assert wrong(found, lattice) < 0.02 * (lattice[:5, :5, :5] < 0).sum()


def test_an_empty_and_a_full_cube_take_no_coefficient(base):
    adapter = cells.cells(FORM)
    for value in (127, -127):
        lattice = np.full([17] * 3, value, np.int8)
        fit = jax.jit(adapter.solve)(base, lattice)
        assert not fit["cells"]["coefficients"].any()
        merged = adapter.merge(base, fit)["lattice"]["values"]
        np.testing.assert_array_equal(merged, np.sign(value))
