"""Cells of an octree: what a shape's numbers say, and that they are all paid for."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests import balls
from tests.balls import FORM
from wsjax import cells, tree
from wsjax.cells import allotment, packing
from wsjax.cells.cutting import CODED, INSIDE, OUTSIDE, SPLIT, children

PACK = jax.jit(functools.partial(packing.pack, form=FORM))
UNPACK = jax.jit(functools.partial(packing.unpack, form=FORM))
COUNTS = [FORM.count(level) ** 3 for level in range(len(FORM.sides))]


@pytest.fixture(scope="module")
def base():
    return balls.learnt()


@pytest.fixture(scope="module")
def single(base):
    """`(adapter, solve, merge)` of shapes that have one coded cell at most."""
    adapter = cells.cells(FORM._replace(coefficients=2))
    solve, merge = (jax.jit(f) for f in (adapter.solve, adapter.merge))
    return adapter, lambda x: solve(base, x), lambda x: merge(base, x)


def wrong(merged, lattice):
    """Volume of which the two tell other sides, in cells of the lattice."""
    values = merged["lattice"]["values"], lattice / 127.0
    first, other = (np.clip(0.5 - 4.0 * np.asarray(v), 0.0, 1.0) for v in values)
    return np.abs(first - other).sum()


@pytest.fixture(scope="module")
def solved(base):
    """Fits of several shapes, and how wrong they are, by count of numbers."""
    lattices, found = balls.several(4, seed=1), {}
    for numbers in (54, 90):
        form = FORM._replace(words=36, coefficients=numbers - 36)
        adapter = cells.cells(form)
        fits = jax.jit(jax.vmap(adapter.solve, (None, 0)))(base, lattices)
        merge = jax.jit(adapter.merge)
        merged = [merge(base, tree.row(fits, i)) for i in range(len(lattices))]
        errors = [wrong(m, x) for m, x in zip(merged, lattices, strict=True)]
        found[numbers] = form, fits, np.array(errors)
    return found


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
    words = PACK(states, choices)
    assert words.dtype == jnp.float32
    assert words.shape == (FORM.words,)
    found = UNPACK(words)
    for level in range(2):
        np.testing.assert_array_equal(found.states[level], states[level])
        np.testing.assert_array_equal(found.choices[level], choices[level])
    coded = np.asarray(found.states[1]) >= CODED
    ranks = np.array([0, 0, 0, 2, 4])[np.asarray(found.states[1])]
    begins = np.asarray(found.places[1])[coded]
    np.testing.assert_array_equal(begins, np.cumsum(ranks[coded]) - ranks[coded])


def test_bits_are_those_that_a_reader_needs():
    states, choices = drawn_tree(0)
    bits, coefficients = packing.usage(states, FORM)
    split, coded = np.sum(states[0] == SPLIT), np.asarray(states[1]) >= CODED
    assert bits == 3 * (COUNTS[0] + 8 * split) + 3 * coded.sum()
    assert coefficients == np.array([0, 0, 0, 2, 4])[np.asarray(states[1])].sum()
    # Bits behind the last one change nothing, the last one does.
    words = np.asarray(PACK(states, choices)).astype(int)
    last = int(bits) - 1

    def flipped(bit):
        other = words.copy()
        other[bit // 24] ^= 1 << bit % 24
        return UNPACK(jnp.array(other, jnp.float32))

    same = jax.tree.leaves(UNPACK(jnp.array(words, jnp.float32)))
    beyond = jax.tree.leaves(flipped(last + 1))
    assert all((a == b).all() for a, b in zip(same, beyond, strict=True))
    assert any(
        (a != b).any()
        for a, b in zip(same, jax.tree.leaves(flipped(last)), strict=True)
    )


def test_numbers_that_no_tree_was_packed_into_still_give_a_field(base, single):
    adapter, _, merge = single
    drawn = np.random.default_rng(0).normal(0.0, 1e8, FORM.words)
    own = adapter.centre(base)["cells"]
    made = {"cells": {**own, "tree": jnp.array(drawn, jnp.float32)}}
    values = np.asarray(merge(made)["lattice"]["values"])
    assert (np.abs(values) <= 1.0).all()


@pytest.mark.parametrize("numbers", [54, 90])
def test_a_fit_takes_no_more_than_its_numbers(solved, numbers):
    form, fits, _ = solved[numbers]
    sizes = [leaf[0].size for leaf in jax.tree.leaves(fits)]
    assert sum(sizes) == numbers == form.numbers
    assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(fits))
    for words in fits["cells"]["tree"]:
        assert (words == jnp.round(words)).all()
        assert (words >= 0).all()
        assert (words < 2**24).all()
        states = list(packing.unpack(words, form).states)
        bits, coefficients = packing.usage(states, form)
        assert bits <= 24 * form.words
        # A price that leaves more than one cell's worth would be too high.
        assert form.coefficients - 8 <= coefficients <= form.coefficients


def test_more_numbers_are_never_worse(solved):
    few, many = solved[54][2], solved[90][2]
    assert (few > many).all()
    assert few.sum() > 1.5 * many.sum()


def test_a_code_that_the_base_has_is_found_again(base, single):
    adapter, solve, merge = single
    states = [jnp.zeros(n, int) for n in COUNTS]
    states = [states[0].at[0].set(SPLIT), states[1].at[0].set(CODED)]
    choices = [jnp.zeros(COUNTS[0], int), jnp.zeros(COUNTS[1], int).at[0].set(5)]
    words = PACK(states, choices)
    made = {"tree": words, "coefficients": jnp.array([0.3, -0.2])}
    values = np.asarray(merge({"cells": made})["lattice"]["values"])
    cell = values[:5, :5, :5]
    assert np.abs(cell).max() < 1.0
    assert (cell < 0).any()
    found = solve(balls.in_bytes(4.0 * values))["cells"]
    np.testing.assert_array_equal(found["tree"], words)
    # Its prior pulls a fit a little towards the mean.
    np.testing.assert_allclose(found["coefficients"], [0.3, -0.2], atol=0.02)


def test_an_empty_and_a_full_cube_take_no_coefficient(single):
    _, solve, merge = single
    for value in (127, -127):
        fit = solve(np.full([balls.LATTICE + 1] * 3, value, np.int8))
        assert not fit["cells"]["coefficients"].any()
        merged = merge(fit)["lattice"]["values"]
        np.testing.assert_array_equal(merged, np.sign(value))


def test_steps_on_a_loss_move_coefficients_alone(base, solved):
    form, fits, _ = solved[90]
    adapter, own = cells.cells(form), tree.row(fits, 0)
    total = jax.jit(
        jax.grad(lambda a: adapter.merge(base, a)["lattice"]["values"].sum())
    )
    slopes = total(own)["cells"]
    assert not slopes["tree"].any()
    assert slopes["coefficients"].any()


def test_the_best_tree_is_found_beyond_prices_at_which_none_fits():
    """Where splits without codes take more bits than there are, codes still fit."""
    form = FORM._replace(ranks=((2,), (2,)), words=4, coefficients=16)
    first = np.full((COUNTS[0], CODED + 1), 1.0) * np.array([1.0, 1.0, 0.0, 0.01])
    last = np.full((COUNTS[1], CODED + 1), 0.005)
    states = allotment.allot([jnp.array(first), jnp.array(last)], form)
    assert (states[0] == CODED).all()
    # All split, they would take 216 bits, and there are 96.
    split = [jnp.full(COUNTS[0], SPLIT), jnp.zeros(COUNTS[1], int)]
    assert packing.usage(split, form) == (216, 0)


def test_where_coded_cells_meet_the_field_is_the_mean_of_both(base):
    adapter = cells.cells(FORM)
    merge = jax.jit(
        lambda own: adapter.merge(base, {"cells": own})["lattice"]["values"]
    )
    root = jnp.zeros(COUNTS[0], int).at[0].set(SPLIT)
    numbers = jnp.zeros(FORM.coefficients).at[:6].set(jnp.arange(6.0) / 5.0 - 0.4)

    def merged(kinds, coefficients):
        """Cells 0 and 1, the second behind the first along the last axis."""
        states = jnp.zeros(COUNTS[1], int).at[:2].set(jnp.array(kinds))
        choices = jnp.zeros(COUNTS[1], int)
        choices = choices.at[:2].set(
            jnp.where(states[:2] >= CODED, jnp.array([5, 2]), 0)
        )
        words = PACK([root, states], [jnp.zeros(COUNTS[0], int), choices])
        return np.asarray(merge({"tree": words, "coefficients": coefficients}))

    both = merged([CODED, CODED + 1], numbers)
    first = merged([CODED, OUTSIDE], numbers)
    second = merged([OUTSIDE, CODED + 1], jnp.roll(numbers, -2))
    wall = np.s_[:5, :5, 4]
    mean = (first[wall] + second[wall]) / 2
    np.testing.assert_allclose(both[wall], mean, atol=1e-6)
    assert np.abs(first[wall] - second[wall]).max() > 0.1
    np.testing.assert_allclose(both[:5, :5, :4], first[:5, :5, :4], atol=1e-6)
    np.testing.assert_allclose(both[:5, :5, 5:9], second[:5, :5, 5:9], atol=1e-6)
