import jax
import jax.numpy as jnp
import numpy as np
import pytest

from wsjax.analysis import structure

STRENGTHS = (0.0786, 0.3143, 0.7071)
# Numbers that arithmetic changes: three tenths, the sign of 0, the tiniest numbers.
AWKWARD = np.array([0.1, 1 / 3, -0.0, 1e-40, 3e38], np.float32)


def draws(seed, n=400_000, *, mean=2.0, deviation=3.0):
    generator = np.random.default_rng(seed)
    return {"w": generator.normal(mean, deviation, n).astype(np.float32)}


def assert_same_bits(found, expected):
    def leaf(found, expected):
        assert np.asarray(found).tobytes() == np.asarray(expected).tobytes()

    jax.tree.map(leaf, found, expected)


@pytest.mark.parametrize("strength", [0.0, *STRENGTHS, 0.9, 1.0])
def test_perturbed_keeps_the_variance_and_loses_correlation(strength):
    first, second = draws(0), draws(1)
    centre = {"w": np.full_like(first["w"], 2)}
    start = structure.perturbed(centre, first, second, strength)["w"]
    # Four standard errors of 400,000 draws.
    error = 4 / np.sqrt(400_000)
    assert abs(np.mean(start) - 2) < error * 3
    assert abs(np.var(start) / 9 - 1) < error * np.sqrt(2)
    correlation = np.corrcoef(start, first["w"])[0, 1]
    assert abs(correlation - np.sqrt(1 - strength**2)) < error


@pytest.mark.parametrize("wrap", [float, np.float64, jnp.asarray])
@pytest.mark.parametrize("lift", [lambda f: f, jax.jit])
def test_perturbed_keeps_the_bits_of_both_draws_at_the_ends(wrap, lift):
    perturbed = lift(structure.perturbed)
    first, second = draws(0, 1000), draws(1, 1000)
    first["w"][:5], second["w"][5:10] = AWKWARD, AWKWARD
    centre = {"w": np.full_like(first["w"], 1 / 3)}
    assert_same_bits(perturbed(centre, first, second, wrap(0)), first)
    assert_same_bits(perturbed(centre, first, second, wrap(1)), second)


@pytest.mark.parametrize("strength", [0.0, *STRENGTHS])
def test_perturbed_keeps_the_bits_of_frozen_entries(strength):
    frozen = {"w": AWKWARD}
    start = structure.perturbed(frozen, frozen, frozen, strength)
    assert_same_bits(start, frozen)


def test_perturbed_moves_an_entry_that_only_the_draws_share():
    centre, draw = {"w": np.zeros(1)}, {"w": np.ones(1)}
    start = structure.perturbed(centre, draw, draw, 0.6)
    np.testing.assert_allclose(start["w"], 0.8 + 0.6, rtol=1e-6)


def test_perturbed_refuses_draws_of_other_shapes():
    three, one = {"w": np.ones(3)}, {"w": np.ones(1)}
    with pytest.raises(AssertionError, match="shape"):
        structure.perturbed(one, three, three, 0.5)


def everywhere(tree):
    return jax.tree.map(lambda x: np.ones(x.shape, bool), tree)


@pytest.mark.parametrize("mean, deviation", [(0.0, 0.2), (2.0, 3.0), (1.0, 0.01)])
@pytest.mark.parametrize("distance", [1e-3, 0.01, 0.3, 1.0, 3.0])
@pytest.mark.parametrize("lift", [lambda f: f, jax.jit])
def test_displaced_lies_at_the_distance_whatever_the_spread(
    mean, deviation, distance, lift
):
    first, second = (draws(k, 500, mean=mean, deviation=deviation) for k in (0, 1))
    centre = {"w": np.full_like(first["w"], mean)}
    displaced = lift(structure.displaced)
    start = displaced(centre, first, second, distance, free=everywhere(first))["w"]
    move = np.float64(start) - first["w"]
    share = np.linalg.norm(move) / np.linalg.norm(np.float64(first["w"]))
    # A last bit of entries of norm 1 is 1e-7.
    assert share == pytest.approx(distance, rel=1e-5, abs=1e-7)
    found = structure.displacement(first, {"w": start})
    assert found == pytest.approx(share, rel=1e-4)


@pytest.mark.parametrize("strength", [*STRENGTHS, 1.0])
def test_displaced_is_perturbed_where_the_spread_reaches_so_far(strength):
    centre = {"w": np.ones(2, np.float32)}
    first, second = ({"w": 1 + 2 * np.eye(2, dtype=np.float32)[k]} for k in (0, 1))
    apart = 2 * np.sqrt(2 - 2 * np.sqrt(1 - strength**2))
    distance = apart / np.sqrt(3**2 + 1)
    start = structure.displaced(centre, first, second, distance, free=everywhere(first))
    expected = structure.perturbed(centre, first, second, strength)
    np.testing.assert_allclose(start["w"], expected["w"], atol=1e-5)


def test_displaced_goes_on_beyond_a_spread_that_is_too_small():
    first, second = (draws(k, 500, mean=1.0, deviation=0.01) for k in (0, 1))
    centre = {"w": np.ones_like(first["w"])}
    start = structure.displaced(centre, first, second, 0.5, free=everywhere(first))
    step, whole = start["w"] - first["w"], second["w"] - first["w"]
    np.testing.assert_allclose(structure.cosine(step, whole), 1, atol=1e-9)


@pytest.mark.parametrize("wrap", [float, jnp.asarray])
@pytest.mark.parametrize("lift", [lambda f: f, jax.jit])
def test_displaced_by_nothing_keeps_the_bits_of_the_start(wrap, lift):
    first, second = draws(0, 1000), draws(1, 1000)
    first["w"][:4] = AWKWARD[:4]
    centre = {"w": np.full_like(first["w"], 1 / 3)}
    displaced = lift(structure.displaced)
    free = everywhere(first)
    assert_same_bits(displaced(centre, first, second, wrap(0), free=free), first)


@pytest.mark.parametrize("distance", [0.0, 0.1, 2.0])
def test_frozen_entries_keep_their_bits_and_do_not_count(distance):
    first, second = draws(0, 1000), draws(1, 1000)
    centre = {"w": np.full_like(first["w"], 2)}
    free = everywhere(first)
    expected = structure.displaced(centre, first, second, distance, free=free)
    for tree in (centre, first, second):
        tree["frozen"] = AWKWARD
    free["frozen"] = np.zeros(len(AWKWARD), bool)
    start = structure.displaced(centre, first, second, distance, free=free)
    assert_same_bits(start, expected | {"frozen": AWKWARD})
    found = structure.displacement(first, start, free=free)
    assert found == pytest.approx(distance, rel=1e-5)


def test_cosine_of_equal_opposite_and_orthogonal_vectors():
    x = np.random.default_rng(0).normal(size=(50, 7)).astype(np.float32)
    np.testing.assert_array_equal(structure.cosine(x, x), np.ones(50))
    np.testing.assert_array_equal(structure.cosine(x, -x), -np.ones(50))
    swapped = np.stack([-x[:, 1], x[:, 0]], axis=1)
    np.testing.assert_allclose(structure.cosine(x[:, :2], swapped), 0, atol=1e-12)


def test_cosine_is_that_of_the_angle_whatever_the_lengths():
    angles = np.random.default_rng(0).uniform(0, np.pi, size=(2, 3))
    x = np.stack([np.full((2, 3), 1e3), np.zeros((2, 3))], axis=-1)
    y = 1e-3 * np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    np.testing.assert_allclose(structure.cosine(x, y), np.cos(angles), atol=1e-12)
    np.testing.assert_array_equal(structure.cosine(x, y), structure.cosine(y, x))


def test_cosine_with_a_zero_vector_is_zero():
    x, y = np.array([[0.0, 0.0], [1.0, 2.0]]), np.array([[3.0, 4.0], [0.0, 0.0]])
    np.testing.assert_array_equal(structure.cosine(x, y), [0, 0])
    assert structure.cosine(np.zeros(3), np.zeros(3)) == 0


def test_a_straight_segment_has_no_barrier_and_no_drop():
    first, last = np.array([30.0, 25.0, 31.7]), np.array([30.0, 35.0, 28.1])
    straight = np.linspace(first, last, 9, axis=-1)
    np.testing.assert_allclose(structure.barrier(straight), np.zeros(3), atol=1e-12)
    np.testing.assert_allclose(structure.worst_drop(straight), np.zeros(3), atol=1e-12)


def test_a_dip_is_as_deep_as_it_falls_below_the_line():
    line = np.linspace(20.0, 28.0, 5)
    middle, aside = np.array([0, 0, 6, 0, 0]), np.array([0, 0, 0, 7, 0])
    found = structure.barrier(np.stack([line - middle, line - aside, line + middle]))
    np.testing.assert_allclose(found, [6, 0, -6])
    both = np.stack([line - middle, line - aside, line + middle, line - middle - aside])
    np.testing.assert_allclose(structure.worst_drop(both), [6, 7, 0, 7])


def test_a_segment_reads_the_same_both_ways():
    qualities = np.random.default_rng(0).normal(30, 3, size=(2, 4, 7))
    for measure in (structure.barrier, structure.worst_drop):
        found = measure(qualities)
        assert found.shape == (2, 4)
        np.testing.assert_allclose(measure(qualities[..., ::-1]), found, atol=1e-12)


def test_measures_name_what_was_wrong():
    with pytest.raises(ValueError, match=r"shapes \(3, 1\) and \(3, 2\)"):
        structure.cosine(np.ones((3, 1)), np.ones((3, 2)))
    with pytest.raises(ValueError, match="4 points have no middle"):
        structure.barrier(np.ones((2, 4)))
    for measure in (structure.barrier, structure.worst_drop):
        with pytest.raises(ValueError, match=r"got shape \(5, 1\)"):
            measure(np.ones((5, 1)))
