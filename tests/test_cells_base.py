"""Cells of an octree: the base that is learnt, the field, and what is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests import balls
from tests.balls import FORM
from wsjax import cells, fields, representations
from wsjax.cells import cutting

SIDE = "side4"


@pytest.fixture(scope="module")
def base():
    return balls.learnt()


def test_equal_keys_learn_equal_bases(base):
    again, other = balls.learnt(), balls.learnt(key=1)
    jax.tree.map(np.testing.assert_array_equal, base, again)
    first, second = (b["dictionaries"][SIDE]["rank2"]["mean"] for b in (base, other))
    assert (first != second).any()


def test_a_base_has_the_structure_of_its_field(base):
    blank = cells.field(FORM, clamp=0.1).init(jax.random.key(0))
    assert jax.tree.structure(blank) == jax.tree.structure(base)
    for one, other in zip(jax.tree.leaves(blank), jax.tree.leaves(base), strict=True):
        assert (one.shape, one.dtype) == (other.shape, other.dtype)


def test_atoms_are_orthonormal_and_columns_orthogonal(base):
    dictionary = base["dictionaries"][SIDE]
    atoms = dictionary["atoms"]
    np.testing.assert_allclose(atoms.T @ atoms, np.eye(atoms.shape[1]), atol=1e-5)
    for rank in FORM.ranks[1]:
        kernel = dictionary[f"rank{rank}"]["kernel"]
        products = jnp.einsum("jar,jas->jrs", kernel, kernel)
        lengths = jnp.sqrt(jnp.einsum("jrr->jr", products))
        assert (lengths > 0.0).all()
        cosines = products / (lengths[:, :, None] * lengths[:, None, :])
        wanted = np.broadcast_to(np.eye(rank), cosines.shape)
        np.testing.assert_allclose(cosines, wanted, atol=1e-3)


def test_cells_are_learnt_in_all_positions():
    """Half spaces of one direction teach those of all others."""
    fewer = FORM._replace(choices=0, ranks=((), (4,)))
    walls = np.stack(
        [balls.in_bytes(balls.NODES[..., 0] * 8 - k) for k in range(-7, 8)]
    )
    made = cells.learn(jax.random.key(0), lambda: iter([{"lattice": walls}]), fewer)
    dictionary = made["dictionaries"][SIDE]
    table, atoms = dictionary["rank4"], dictionary["atoms"]
    directions = atoms @ table["kernel"][0]
    directions /= jnp.linalg.norm(directions, axis=0)[None]
    axis = np.linspace(-1.0, 1.0, 5)
    for slope in np.meshgrid(axis, axis, axis, indexing="ij"):
        unit = slope.reshape(-1) / np.linalg.norm(slope)
        assert np.square(directions.T @ unit).sum() > 0.95


def test_the_field_is_trilinear_between_nodes(base):
    field = cells.field(FORM, clamp=0.5)
    values = jax.random.uniform(jax.random.key(0), [17] * 3, minval=-1.0)
    params = {**base, "lattice": {"values": values}}
    # Four cells of 1/8 are 0.5, as is the clamp: no value changes.
    at_nodes = fields.render(field, params, jnp.array(balls.NODES.reshape(-1, 3)))
    np.testing.assert_allclose(at_nodes[:, 0], values.reshape(-1), atol=1e-6)
    middle = field.apply(params, jnp.array([-1.0, -1.0, -1.0]) + 1.0 / 16.0)
    np.testing.assert_allclose(middle, values[:2, :2, :2].mean()[None], rtol=1e-5)
    halved = cells.field(FORM, clamp=1.0).apply(params, jnp.zeros(3))
    np.testing.assert_allclose(halved, 0.5 * values[8, 8, 8][None], rtol=1e-5)


def test_nodes_share_their_walls_and_weights_fill_a_cell():
    values = jnp.arange(5.0**3).reshape(5, 5, 5)
    found = cutting.nodes(values, 2, jnp.array([0, 5])).reshape(2, 3, 3, 3)
    np.testing.assert_array_equal(found[0], values[:3, :3, :3])
    np.testing.assert_array_equal(found[1], values[2:, :3, 2:])
    assert cutting.weights(4).sum() == pytest.approx(1.0)
    # An eighth of a node's volume lies in each of the cells that share a corner.
    assert cutting.weights(4)[0] == pytest.approx(1 / 8 / 64)


def test_means_of_cells_weigh_their_nodes():
    values = jax.random.normal(jax.random.key(0), [17] * 3)
    for level, found in enumerate(cutting.means(values, FORM)):
        side, count = FORM.sides[level], FORM.count(level) ** 3
        cells_of = cutting.nodes(values, side, jnp.arange(count))
        wanted = cells_of @ cutting.weights(side)
        np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_children_and_sums_belong_to_each_other():
    parents = jnp.arange(8.0)
    given = cutting.children(parents)
    assert given.shape == (64,)
    np.testing.assert_array_equal(cutting.sums(given), 8.0 * parents)
    np.testing.assert_array_equal(given.reshape(4, 4, 4)[2:, :2, 2:], 5.0)


@pytest.mark.parametrize("numbers", [1000, 4000])
def test_the_family_has_as_many_numbers_as_it_is_given(numbers):
    family = representations.by_name("cells", (24, 24, 24), 1, numbers=numbers)
    start = family.adapter.centre({})
    assert sum(leaf.size for leaf in jax.tree.leaves(start)) == numbers
    assert family.adapter.reads == ("lattice",)


def test_what_is_impossible_is_refused():
    with pytest.raises(ValueError, match="cut out of shapes.*found a grid of 2 axes"):
        representations.by_name("cells", (28, 28), 1)
    with pytest.raises(ValueError, match="numbers=7 cannot hold .* need 8"):
        representations.by_name("cells", (24, 24, 24), 1, numbers=7)
    options = {"numbers": 99, "lattice": 16, "choices": 3}
    with pytest.raises(ValueError, match=r"sides=\(8, 2\) should halve"):
        cells.layout(sides=(8, 2), ranks=((), (2,)), **options)
    with pytest.raises(ValueError, match="ranks=.* at most 5 for each of 2 levels"):
        cells.layout(sides=(8, 4), ranks=((), (1, 2, 3, 4, 5, 6)), **options)


def test_lattices_that_cannot_be_learnt_from_are_refused():
    def learn(lattices):
        return cells.learn(
            jax.random.key(0), lambda: iter([{"lattice": lattices}]), FORM
        )

    with pytest.raises(ValueError, match=r"shape \(9, 9, 9\), expected \(17, 17, 17\)"):
        learn(np.ones((1, 9, 9, 9), np.int8))
    with pytest.raises(ValueError, match="cross 0 cells of side 4, expected more than"):
        learn(np.ones((1, 17, 17, 17), np.int8))
