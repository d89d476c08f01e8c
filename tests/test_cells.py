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
    adapter = cells.cells(FORM._replace(numbers=6))
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
    for numbers in (40, 60):
        form = FORM._replace(numbers=numbers)
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
    assert words.shape == (FORM.numbers,)
    found = UNPACK(words)
    for level in range(2):
        np.testing.assert_array_equal(found.states[level], states[level])
        np.testing.assert_array_equal(found.choices[level], choices[level])
    coded = np.asarray(found.states[1]) >= CODED
    ranks = np.array([0, 0, 0, 2, 4])[np.asarray(found.states[1])]
    begins = np.asarray(found.places[1])[coded]
    gaps = np.cumsum(ranks[coded]) - ranks[coded]
    np.testing.assert_array_equal(begins - begins[0], gaps)
    # Coefficients begin behind the last number that holds bits, and all find room.
    assert not words[begins[0] :].any()
    assert begins[0] + ranks.sum() == packing.usage(states, FORM)


def test_bits_are_those_that_a_reader_needs():
    states, choices = drawn_tree(0)
    split, coded = np.sum(states[0] == SPLIT), np.asarray(states[1]) >= CODED
    bits = 3 * (COUNTS[0] + 8 * split) + 3 * coded.sum()
    coefficients = np.array([0, 0, 0, 2, 4])[np.asarray(states[1])].sum()
    assert packing.usage(states, FORM) == -(-bits // 24) + coefficients
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
    start = adapter.centre(base)["cells"]["numbers"]
    drawn = np.random.default_rng(0).normal(0.0, 1e8, start.shape)
    made = {"cells": {"numbers": jnp.array(drawn, jnp.float32)}}
    values = np.asarray(merge(made)["lattice"]["values"])
    assert (np.abs(values) <= 1.0).all()


@pytest.mark.parametrize("numbers", [40, 60])
def test_a_fit_takes_no_more_than_its_numbers(solved, numbers):
    form, fits, _ = solved[numbers]
    sizes = [leaf[0].size for leaf in jax.tree.leaves(fits)]
    assert sum(sizes) == numbers == form.numbers
    assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(fits))
    for own in fits["cells"]["numbers"]:
        states = list(packing.unpack(own, form).states)
        taken = packing.usage(states, form)
        # A price that leaves more than one cell's worth would be too high.
        assert numbers - 8 <= taken <= numbers
        assert not own[taken:].any()


def test_more_numbers_are_never_worse(solved):
    few, many = solved[40][2], solved[60][2]
    assert (few > many).all()
    assert few.sum() > 1.5 * many.sum()


def test_a_code_that_the_base_has_is_found_again(base, single):
    adapter, solve, merge = single
    states = [jnp.zeros(n, int) for n in COUNTS]
    states = [states[0].at[0].set(SPLIT), states[1].at[0].set(CODED)]
    choices = [jnp.zeros(COUNTS[0], int), jnp.zeros(COUNTS[1], int).at[0].set(5)]
    own = packing.pack(states, choices, FORM._replace(numbers=6))
    own = own.at[3:5].set(jnp.array([0.3, -0.2]))
    assert packing.usage(states, FORM) == 5
    values = np.asarray(merge({"cells": {"numbers": own}})["lattice"]["values"])
    cell = values[:5, :5, :5]
    assert np.abs(cell).max() < 1.0
    assert (cell < 0).any()
    found = solve(balls.in_bytes(4.0 * values))["cells"]["numbers"]
    np.testing.assert_array_equal(found[:3], own[:3])
    # Its prior pulls a fit a little towards the mean.
    np.testing.assert_allclose(found[3:5], [0.3, -0.2], atol=0.02)


def test_an_empty_and_a_full_cube_take_no_coefficient(single):
    _, solve, merge = single
    for value in (127, -127):
        fit = solve(np.full([balls.LATTICE + 1] * 3, value, np.int8))
        assert (
            packing.usage(
                list(packing.unpack(fit["cells"]["numbers"], FORM).states), FORM
            )
            == 1
        )
        merged = merge(fit)["lattice"]["values"]
        np.testing.assert_array_equal(merged, np.sign(value))


def test_steps_on_a_loss_move_coefficients_alone(base, solved):
    form, fits, _ = solved[60]
    adapter, own = cells.cells(form), tree.row(fits, 0)
    total = jax.jit(
        jax.grad(lambda a: adapter.merge(base, a)["lattice"]["values"].sum())
    )
    slopes = np.asarray(total(own)["cells"]["numbers"])
    found = packing.unpack(own["cells"]["numbers"], form)
    first = min(np.asarray(found.places[1])[np.asarray(found.states[1]) >= CODED])
    assert not slopes[:first].any()
    assert slopes[first:].any()


def test_where_no_numbers_are_left_cells_are_coded_for_what_they_save():
    """All first cells split would take 9 numbers, coded they take 18."""
    form = FORM._replace(ranks=((2,), (2,)))
    first = np.full((COUNTS[0], CODED + 1), 1.0) * np.array([1.0, 1.0, 0.0, 0.01])
    last = np.full((COUNTS[1], CODED + 1), 0.005)
    errors = [jnp.array(first), jnp.array(last)]
    for numbers, state in ((17, SPLIT), (18, CODED), (9, SPLIT), (8, OUTSIDE)):
        states = allotment.allot(errors, form._replace(numbers=numbers))
        assert (states[0] == state).all(), numbers


def test_where_coded_cells_meet_the_field_is_the_mean_of_both(base):
    adapter = cells.cells(FORM)
    merge = jax.jit(lambda own: adapter.merge(base, {"cells": {"numbers": own}}))
    root = jnp.zeros(COUNTS[0], int).at[0].set(SPLIT)
    some = jnp.arange(6.0) / 5.0 - 0.4

    def merged(kinds, coefficients):
        """Cells 0 and 1, the second behind the first along the last axis."""
        states = jnp.zeros(COUNTS[1], int).at[:2].set(jnp.array(kinds))
        choices = jnp.zeros(COUNTS[1], int)
        choices = choices.at[:2].set(
            jnp.where(states[:2] >= CODED, jnp.array([5, 2]), 0)
        )
        own = PACK([root, states], [jnp.zeros(COUNTS[0], int), choices])
        begin = int(packing.usage([root, states], FORM)) - len(coefficients)
        own = own.at[begin : begin + len(coefficients)].set(coefficients)
        return np.asarray(merge(own)["lattice"]["values"])

    both = merged([CODED, CODED + 1], some)
    first = merged([CODED, OUTSIDE], some[:2])
    second = merged([OUTSIDE, CODED + 1], some[2:])
    wall = np.s_[:5, :5, 4]
    mean = (first[wall] + second[wall]) / 2
    np.testing.assert_allclose(both[wall], mean, atol=1e-6)
    assert np.abs(first[wall] - second[wall]).max() > 0.1
    np.testing.assert_allclose(both[:5, :5, :4], first[:5, :5, :4], atol=1e-6)
    np.testing.assert_allclose(both[:5, :5, 5:9], second[:5, :5, 5:9], atol=1e-6)
