import jax
import jax.numpy as jnp
import numpy as np
import pytest

from wsjax import merging

RANK, WIDTH, N = 4, 5, 7
# Numbers that arithmetic changes: three tenths, the sign of 0, the tiniest numbers.
AWKWARD = np.array([0.1, 1 / 3, -0.0, 1e-40, 3e38], np.float32)


def draws(n=None, seed=0):
    """Adapters of rank-one components, the last row of `a` frozen."""
    generator = np.random.default_rng(seed)
    lead = () if n is None else (n,)
    a = generator.normal(size=(*lead, RANK, WIDTH)).astype(np.float32)
    a[..., -1, :] = AWKWARD
    b = generator.normal(size=(*lead, RANK)).astype(np.float32)
    return {"layer": {"a": a, "b": b}}


def assert_same_bits(found, expected):
    def leaf(found, expected):
        found, expected = np.asarray(found), np.asarray(expected)
        assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
        assert found.tobytes() == expected.tobytes()

    jax.tree.map(leaf, found, expected)


def permuted(generator, adapter):
    order = generator.permutation(RANK)
    return jax.tree.map(lambda x: x[order], adapter)


def by_product(adapter, reference):
    """Puts the components in the order in which their `b` ranks in the reference."""
    ranks = np.argsort(np.argsort(reference["layer"]["b"]))
    order = np.argsort(adapter["layer"]["b"])[ranks]
    return jax.tree.map(lambda x: x[order], adapter)


@pytest.mark.parametrize("lerp", [merging.lerp, jax.jit(merging.lerp)])
def test_lerp_keeps_the_bits_of_both_ends(lerp):
    x, y = draws(seed=0), draws(seed=1)
    x["layer"]["b"], y["layer"]["b"] = AWKWARD, AWKWARD[::-1] / -7
    assert_same_bits(lerp(x, y, 0.0), x)
    assert_same_bits(lerp(x, y, 1.0), y)


@pytest.mark.parametrize("t", [-0.5, 0.1, 1 / 3, 0.9, np.float64(0.7), jnp.array(0.3)])
def test_lerp_keeps_the_bits_of_frozen_entries_and_weighs_the_others(t):
    x, y = draws(seed=0), draws(seed=1)
    between = merging.lerp(x, y, t)
    assert_same_bits(between["layer"]["a"][-1], AWKWARD)
    a, b = x["layer"]["b"], y["layer"]["b"]
    found = between["layer"]["b"]
    np.testing.assert_allclose(found, (1 - t) * a + t * b, atol=1e-6)
    assert_same_bits(merging.lerp(x, x, t), x)


@pytest.mark.parametrize("steps", [2, 7])
def test_path_is_evenly_spaced_between_the_bits_of_both_ends(steps):
    x, y = draws(seed=0), draws(seed=1)
    stacked = merging.path(x, y, steps)
    assert_same_bits(jax.tree.map(lambda s: s[0], stacked), x)
    assert_same_bits(jax.tree.map(lambda s: s[-1], stacked), y)
    frozen = stacked["layer"]["a"][:, -1]
    assert_same_bits(frozen, np.tile(AWKWARD, (steps, 1)))
    moves = np.diff(stacked["layer"]["b"], axis=0)
    expected = (y["layer"]["b"] - x["layer"]["b"]) / (steps - 1)
    np.testing.assert_allclose(moves, np.tile(expected, (steps - 1, 1)), atol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_mean_keeps_the_bits_of_equal_entries_and_averages_the_others(dtype):
    stacked = jax.tree.map(lambda x: x.astype(dtype), draws(N))
    found = merging.mean(stacked)["layer"]
    assert_same_bits(found["a"][-1], stacked["layer"]["a"][0, -1])
    expected = sum(stacked["layer"]["b"][i] for i in range(N)) / N
    np.testing.assert_allclose(found["b"], expected, atol=1e-6)


def test_mean_of_many_large_entries_does_not_drift():
    # In single precision 2^24 + 1 is 2^24: a plain sum would stand still.
    stacked = {"x": np.full((5, 1), 2.0**24, np.float32)}
    stacked["x"][1:] = 1.0
    assert merging.mean(stacked)["x"] == np.float32((2**24 + 4) / 5)


def test_soup_gives_an_adapter_back_only_if_its_permutations_are_aligned():
    adapter, generator = draws(), np.random.default_rng(0)
    copies = [adapter, *(permuted(generator, adapter) for _ in range(N - 1))]
    stacked = jax.tree.map(lambda *xs: np.stack(xs), *copies)
    assert_same_bits(merging.soup(stacked, align=by_product), adapter)
    unaligned = merging.soup(stacked)
    assert_same_bits(unaligned, merging.mean(stacked))
    assert np.abs(unaligned["layer"]["a"] - adapter["layer"]["a"]).max() > 0.3


def test_soup_aligns_every_other_instance_to_the_first():
    def align(adapter, reference):
        seen.append((adapter["x"].item(), reference["x"].item()))
        return jax.tree.map(lambda x: x + 100, adapter)

    seen = []
    found = merging.soup({"x": np.array([1.0, 2.0, 6.0])}, align=align)
    assert seen == [(2, 1), (6, 1)]
    assert found["x"] == (1 + 102 + 106) / 3


@pytest.mark.parametrize("steps", [None, 3])
def test_lines_name_what_was_wrong(steps):
    def line(x, y):
        return merging.lerp(x, y, 0.5) if steps is None else merging.path(x, y, steps)

    x = draws()
    thin = {"layer": {**x["layer"], "a": x["layer"]["a"][:1]}}
    with pytest.raises(ValueError, match=r"layer/a \(4, 5\) and \(1, 5\)"):
        line(x, thin)
    with pytest.raises(ValueError, match=r"layer/b missing and \(4,\)"):
        line({"layer": {"a": x["layer"]["a"]}}, x)
    with pytest.raises(ValueError, match="2 steps or more, got 1"):
        merging.path(x, x, 1)


@pytest.mark.parametrize("merge", [merging.mean, merging.soup])
def test_means_name_what_was_wrong(merge):
    for sizes in ((3, 2), (0, 0)):
        with pytest.raises(ValueError, match=rf"got \[{sizes[0]}, {sizes[1]}\]"):
            merge({"a": np.ones((sizes[0], 2)), "b": np.ones(sizes[1])})
